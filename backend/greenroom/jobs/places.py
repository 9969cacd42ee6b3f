"""How many inputs of jobs are with the models at a time. Who waits goes in by priority, then in order of arrival, so
that of many jobs each gets a chunk in turn."""

from __future__ import annotations

import asyncio
import contextlib
import heapq
import itertools
from collections.abc import AsyncIterator


class Places:
    def __init__(self, inputs: int) -> None:
        self._free = inputs
        self._order = itertools.count()
        self._line: list[tuple[int, int, int, asyncio.Future[None]]] = []
        """Negated priority, order of arrival, inputs, who waits."""

    @contextlib.asynccontextmanager
    async def taken(self, inputs: int, priority: int) -> AsyncIterator[None]:
        """For at most as many as there are places in all."""
        let_in: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._line, (-priority, next(self._order), inputs, let_in))
        self._let_in()
        try:
            await let_in
        except asyncio.CancelledError:
            if let_in.done() and not let_in.cancelled():
                self._leave(inputs)
            else:
                self._let_in()  # the next one may have waited behind it alone
            raise
        try:
            yield
        finally:
            self._leave(inputs)

    def _leave(self, inputs: int) -> None:
        self._free += inputs
        self._let_in()

    def _let_in(self) -> None:
        while self._line:
            _, _, inputs, let_in = self._line[0]
            if not let_in.done() and inputs > self._free:
                return
            heapq.heappop(self._line)
            if not let_in.done():  # else it left
                self._free -= inputs
                let_in.set_result(None)
