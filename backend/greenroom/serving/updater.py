"""Follows the sources that move: looks at each every MODEL_UPDATE_INTERVAL seconds and has what it names serve.

A source that does not answer changes nothing: the version that serves goes on, and the next look comes in its time.
What is done about that which it names is for `serving.change` to say.
"""

from __future__ import annotations

import asyncio
import contextlib

import structlog

from greenroom.protocol.answers import SourceLook
from greenroom.protocol.base import timestamp
from greenroom.protocol.snapshot import ModelError
from greenroom.serving.change import Changes
from greenroom.serving.means import Means
from greenroom.serving.origin import is_followed
from greenroom.serving.told import describe
from greenroom.words import GreenroomError

log = structlog.get_logger("greenroom.serving")


class Updater:
    """Of one model. `run` it for the server's life."""

    def __init__(self, changes: Changes, means: Means) -> None:
        self._changes = changes
        self._keeper = changes.keeper
        self._means = means
        self._woken = asyncio.Event()
        self.last_look: SourceLook | None = None
        self._interval = means.settings.model_update_interval if is_followed(self._keeper.spec) else 0.0

    def wake(self) -> None:
        """Look now: somebody says that the source has moved."""
        self._woken.set()

    async def run(self) -> None:
        while True:
            await self._pause()
            try:
                await self.look()
            except Exception:
                log.exception("updater_broke", model=self._keeper.spec.name)

    async def _pause(self) -> None:
        """Until the next look is due, the next retry of a refused version, or somebody wakes us."""
        now = self._means.board.clock.unix()
        due = self._keeper.refused_versions.next_retry(now)
        waits = [self._interval] if self._interval else []
        if due is not None:
            waits.append(due - now)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(min(waits, default=None)):
                await self._woken.wait()
        self._woken.clear()

    async def look(self) -> None:
        """Ask the source once, and see the outcome through."""
        keeper = self._keeper
        if keeper.host is None and not keeper.failed:
            return  # it is on its way, or nobody needs it
        try:
            found = await self._means.fetcher.look(keeper.spec)
        except GreenroomError as error:
            self._looked(describe(error))
            self._means.metrics.update_failed(keeper.spec.name, error.code)
            log.warning("update_failed", model=keeper.spec.name, code=error.code, reason=str(error))
        else:
            self._looked(None)
            await self._changes.follow(found)

    def _looked(self, error: ModelError | None) -> None:
        at, before = timestamp(self._means.board.clock.unix()), self.last_look
        since = before.failing_since if before is not None and before.error is not None else at
        self.last_look = SourceLook(at=at, error=error, failing_since=since if error else None)
