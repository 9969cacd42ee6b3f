"""How many inputs of jobs are with one model at a time. Who waits goes in by priority, then in order of arrival, so
that of many jobs each gets a chunk in turn."""

from __future__ import annotations

import asyncio
import contextlib
import heapq
import itertools
from collections.abc import AsyncIterator

from greenroom.jobs.pace import CHUNKS_AHEAD, MAX_CHUNK_INPUTS, Pace


class TurnedAwayError(Exception):
    """Whoever waited for a place is not to have one any more."""


class InputPlaces:
    """Of one model. `inputs`: in all."""

    def __init__(self, inputs: int = CHUNKS_AHEAD * MAX_CHUNK_INPUTS) -> None:
        self.pace = Pace()
        self._inputs = self._free = inputs
        self._order = itertools.count()
        self._line: list[tuple[int, int, int, asyncio.Future[bool], object]] = []
        """Negated priority, order of arrival, inputs, whether it is let in, and for whom."""

    @property
    def inside(self) -> int:
        """Inputs that have a place."""
        return self._inputs - self._free

    @contextlib.asynccontextmanager
    async def taken(self, inputs: int, priority: int, owner: object = None) -> AsyncIterator[None]:
        """For at most as many as there are places in all. Raises TurnedAwayError."""
        let_in: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._line, (-priority, next(self._order), inputs, let_in, owner))
        self._let_in()
        try:
            if not await let_in:
                raise TurnedAwayError
        except asyncio.CancelledError:
            if let_in.done() and not let_in.cancelled() and let_in.result():
                self._leave(inputs)
            else:
                self._let_in()  # the next one may have waited behind it alone
            raise
        try:
            yield
        finally:
            self._leave(inputs)

    def turn_away(self, owner: object) -> None:
        """Whatever waits for `owner`; who is in stays."""
        for *_, let_in, waits_for in self._line:
            if waits_for is owner and not let_in.done():
                let_in.set_result(False)
        self._let_in()

    def _leave(self, inputs: int) -> None:
        self._free += inputs
        self._let_in()

    def _has_room(self, inputs: int) -> bool:
        """On a slow model only for what it does soon, else who is urgent would stand behind all that have places."""
        fitting = min(self._inputs, CHUNKS_AHEAD * self.pace.chunk_inputs)
        return self.inside == 0 or self.inside + inputs <= fitting

    def _let_in(self) -> None:
        while self._line:
            _, _, inputs, let_in, _ = self._line[0]
            if not let_in.done() and not self._has_room(inputs):
                return
            heapq.heappop(self._line)
            if not let_in.done():  # else it left
                self._free -= inputs
                let_in.set_result(True)
