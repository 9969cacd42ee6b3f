"""Together or alone: the gate through which one model's calls reach its host while an input is under suspicion.

Any number of calls may be inside together, or exactly one alone. Whoever cannot go in waits in one line and is let in
in order of arrival, so that neither kind starves the other: those in front of a lone call end, it goes, and all
behind it up to the next lone one go together. With nobody alone and nobody in line, going in is one comparison and one
addition, and waits for nothing.

Leaving the line (a deadline, a caller who left) is always safe: whoever was let in and left at the same moment passes
its place on. Bound: whoever lets calls come here looks at `waiting_texts` first (`serving.calls`).
"""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass, field


@dataclass(eq=False, slots=True)
class _Waiting:
    alone: bool
    texts: int
    let_in: asyncio.Future[None] = field(default_factory=lambda: asyncio.get_running_loop().create_future())


class Turns:
    def __init__(self) -> None:
        self.waiting_texts = 0
        """Texts of all calls in line."""
        self._line: deque[_Waiting] = deque()
        self._inside = 0
        self._alone = False

    @property
    def free(self) -> bool:
        """Whether a call that goes together with others need not wait."""
        return not self._alone and not self._line

    def enter(self) -> None:
        """Go in together with others, when `free`."""
        self._inside += 1

    def leave(self) -> None:
        """What follows every way in."""
        self._inside -= 1
        self._alone = False  # nobody else was inside with a lone call
        if self._line:
            self._let_in()

    async def together(self, texts: int) -> None:
        """Wait until a call may go in with others. Follow with `leave`."""
        if self.free:
            self.enter()
        else:
            await self._wait(_Waiting(False, texts))

    async def alone(self) -> None:
        """Wait until a text may go in with nobody else inside. Follow with `leave`."""
        if self.free and not self._inside:
            self._admit(alone=True)
        else:
            await self._wait(_Waiting(True, 1))

    async def _wait(self, waiting: _Waiting) -> None:
        self._line.append(waiting)
        self.waiting_texts += waiting.texts
        try:
            await waiting.let_in
        except asyncio.CancelledError:
            if waiting.let_in.done() and not waiting.let_in.cancelled():
                self.leave()
            else:
                self._forget(waiting)
                self._let_in()  # whoever stood behind it may have waited for it alone
            raise

    def _let_in(self) -> None:
        while self._line:
            first = self._line[0]
            if self._alone or (first.alone and self._inside):
                return
            self._forget(first)
            if not first.let_in.done():  # else it left in this very moment
                self._admit(first.alone)
                first.let_in.set_result(None)

    def _forget(self, waiting: _Waiting) -> None:
        if waiting in self._line:
            self._line.remove(waiting)
            self.waiting_texts -= waiting.texts

    def _admit(self, alone: bool) -> None:
        self._inside += 1
        self._alone = alone
