"""A house with one model, on the scripted engine and a clock that stands still."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from greenroom.protocol.snapshot import InitState, Phase
from greenroom.serving.greenroom import Embedded, Greenroom
from greenroom.settings import load_settings
from greenroom.testing import ScriptedEngine, ScriptedModel, StandingClock
from greenroom.words import ErrorCode, ModelSpec


class House:
    def __init__(self, folder: Path) -> None:
        (folder / "model").mkdir()
        (folder / "model" / "weights.bin").write_bytes(b"weights")
        self.clock = StandingClock()
        self.engine = ScriptedEngine(self.clock)
        spec = ModelSpec(name="minilm", source=f"path:{folder / 'model'}", max_queued_texts=40)
        self.greenroom = Greenroom(load_settings(data=folder / "data"), (spec,), self.engine, self.clock)

    @property
    def model(self) -> ScriptedModel:
        return self.engine.model("minilm")

    @property
    def snapshot(self) -> InitState:
        return self.greenroom.board.posted(("minilm",)).state

    @property
    def crash_looping(self) -> bool:
        error = self.snapshot.models[0].error
        return error is not None and error.code is ErrorCode.CRASH_LOOP

    async def until(self, phase: Phase, attempt: int = 1) -> None:
        async with asyncio.timeout(10):
            while self.snapshot.phase is not phase or self.snapshot.models[0].attempt < attempt:
                await self.greenroom.board.changed()

    async def wakes_within(self, seconds: float) -> bool:
        """Whether the board wakes those who wait."""
        try:
            async with asyncio.timeout(seconds):
                await self.greenroom.board.changed()
        except TimeoutError:
            return False
        return True

    async def until_failed(self) -> None:
        async with asyncio.timeout(10):
            while not self.greenroom.keepers["minilm"].failed:
                await self.greenroom.board.changed()

    async def until_asleep(self) -> None:
        """Until the keeper waits for its next try."""
        async with asyncio.timeout(10):
            while not self.clock.sleepers:
                await self.greenroom.board.changed()

    @asynccontextmanager
    async def open(self) -> AsyncIterator[None]:
        async with self.greenroom.running():
            await self.model.loading()
            yield

    @asynccontextmanager
    async def ready(self) -> AsyncIterator[None]:
        """Open, with a host that serves, and every next one ready at once."""
        async with self.open():
            self.model.auto(0.0)
            await self.until(Phase.READY)
            yield

    def embed(self, *texts: str, seconds: float = 20.0) -> asyncio.Task[Embedded]:
        return asyncio.create_task(self.greenroom.embed("minilm", texts, seconds))

    async def held(self, calls: int) -> None:
        """Until so many calls wait in the host."""
        async with asyncio.timeout(10):
            while self.model.held_calls != calls:  # noqa: ASYNC110 - a fake's count, that nobody announces
                await asyncio.sleep(0)

    async def advance_until(self, wanted: Callable[[], bool]) -> None:
        """Skip the keeper's pauses until it is as `wanted`."""
        async with asyncio.timeout(20):
            while not wanted():
                if self.clock.sleepers:
                    await self.clock.advance(60)
                await asyncio.sleep(0.01)
