"""Notes when a function was entered and left, from outside: the product knows nothing of it.

The clock is CLOCK_MONOTONIC, one for all processes of a machine, so stamps of client, front and host can be put in
one line. A stamp costs well under a microsecond."""

from __future__ import annotations

import functools
import inspect
import time
from collections.abc import Callable
from typing import Any, Literal

Stamp = tuple[str, float, int]
"""(name, seconds, an amount that belongs to it, such as the texts of a batch)."""
Moment = Literal["enter", "exit"]


class Stamps:
    """What was noted since it was last taken."""

    def __init__(self) -> None:
        self._noted: list[Stamp] = []

    def note(self, name: str, amount: int = 0) -> None:
        self._noted.append((name, time.perf_counter(), amount))

    def take(self) -> list[Stamp]:
        taken, self._noted = self._noted, []
        return taken

    def wrap(
        self, owner: Any, function: str, *, enter: str = "", leave: str = "", amount: Callable[..., int] | None = None
    ) -> None:
        """Have `owner.function` noted as `enter` when it is called and as `leave` when it returns (each if given).
        `amount` is given the call's arguments. Raises AttributeError when there is no such function (any more)."""
        inner = getattr(owner, function)
        if inspect.iscoroutinefunction(inner):
            setattr(owner, function, self._around_coroutine(inner, enter, leave))
        else:
            setattr(owner, function, self._around(inner, enter, leave, amount))

    def _around(
        self, inner: Callable[..., Any], enter: str, leave: str, amount: Callable[..., int] | None
    ) -> Callable[..., Any]:
        @functools.wraps(inner)
        def stamped(*arguments: Any, **named: Any) -> Any:
            if enter:
                self.note(enter, amount(*arguments, **named) if amount else 0)
            result = inner(*arguments, **named)
            if leave:
                self.note(leave)
            return result

        return stamped

    def _around_coroutine(self, inner: Callable[..., Any], enter: str, leave: str) -> Callable[..., Any]:
        @functools.wraps(inner)
        async def stamped(*arguments: Any, **named: Any) -> Any:
            if enter:
                self.note(enter)
            result = await inner(*arguments, **named)
            if leave:
                self.note(leave)
            return result

        return stamped
