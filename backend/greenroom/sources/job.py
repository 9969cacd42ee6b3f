"""One request in the fetch process: how it says how far it is, and how it hears that nobody waits any more."""

from __future__ import annotations

import copy
import threading
import time
from collections.abc import Callable
from typing import Literal

Stage = Literal["resolve", "download"]
Send = Callable[[Stage, int, int], None]

EVENTS_PER_SECOND = 10
_LOOK_SECONDS = 0.1


class StoppedError(Exception):
    """Nobody waits for the result any more."""


class Job:
    """Adds up what the pieces of a request report to one total per stage that never falls; any thread may call it.

    `send` gets at most EVENTS_PER_SECOND, and the last word of each stage."""

    def __init__(
        self, send: Send, stopped: threading.Event | None = None, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._send = send
        self._stopped: tuple[threading.Event, ...] = (stopped or threading.Event(),)
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._before: dict[Stage, tuple[int, int]] = {}
        self._now: dict[Stage, tuple[int, int]] = {}
        self._unsaid: Stage | None = None
        self._said_at = float("-inf")

    def tell(self, stage: Stage, done: int, total: int) -> None:
        """`done` bytes of `total` of the present piece. Raises StoppedError."""
        self.check()
        with self._lock:
            earlier, (done_before, total_before) = self._now.get(stage, (0, 0)), self._before.get(stage, (0, 0))
            self._now[stage] = max(earlier[0], done_before + done), max(earlier[1], total_before + total)
            if self._unsaid not in (None, stage):
                self._say()
            self._unsaid = stage
            if self._monotonic() - self._said_at >= 1 / EVENTS_PER_SECOND:
                self._say()

    def next_piece(self) -> None:
        """What is told from now on comes on top of what was told before."""
        with self._lock:
            self._before = dict(self._now)

    def flush(self) -> None:
        """Say what was held back."""
        with self._lock:
            self._say()

    def unless(self, event: threading.Event) -> Job:
        """The same request for a helper, who is to stop as well once `event` is set."""
        helper = copy.copy(self)
        helper._stopped = (*self._stopped, event)
        return helper

    def check(self) -> None:
        """Raises StoppedError when nobody waits any more."""
        if any(event.is_set() for event in self._stopped):
            raise StoppedError

    def pause(self, seconds: float) -> None:
        """Wait, but not for nobody. Raises StoppedError."""
        while seconds > 0:
            self._stopped[0].wait(min(seconds, _LOOK_SECONDS))
            self.check()
            seconds -= _LOOK_SECONDS

    def _say(self) -> None:
        if self._unsaid is not None:
            self._send(self._unsaid, *self._now[self._unsaid])
            self._unsaid, self._said_at = None, self._monotonic()
