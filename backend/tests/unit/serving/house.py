"""A house with one model, on the scripted engine and a clock that stands still."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from greenroom.engine.seam import Host
from greenroom.protocol.answers import GateReport
from greenroom.protocol.snapshot import InitState, Phase
from greenroom.serving.greenroom import Embedded, Greenroom
from greenroom.serving.keeper import Keeper
from greenroom.serving.updater import Updater
from greenroom.settings import load_settings
from greenroom.testing import ScriptedEngine, ScriptedFetcher, ScriptedModel, StandingClock
from greenroom.testing.scripted_host import ScriptedHost
from greenroom.words import ErrorCode, ModelSpec


class House:
    def __init__(
        self, folder: Path, spec: ModelSpec | None = None, fetcher: ScriptedFetcher | None = None, **settings: Any
    ) -> None:
        self._folder = folder
        (folder / "model").mkdir(exist_ok=True)
        (folder / "model" / "weights.bin").write_bytes(b"weights")
        self.clock = StandingClock()
        self.engine = ScriptedEngine(self.clock)
        spec = spec or ModelSpec(name="minilm", source=f"path:{folder / 'model'}", max_queued_texts=40)
        self.fetcher = fetcher or ScriptedFetcher(folder / "published")
        self.greenroom = Greenroom(
            load_settings(data=folder / "data", **settings), (spec,), self.engine, self.clock, self.fetcher
        )

    @property
    def model(self) -> ScriptedModel:
        return self.engine.model("minilm")

    @property
    def keeper(self) -> Keeper:
        return self.greenroom.keepers["minilm"]

    @property
    def host(self) -> Host:
        assert self.keeper.host is not None
        return self.keeper.host

    @property
    def serving(self) -> str | None:
        """Id of the version that serves."""
        return self.keeper.version.id if self.keeper.version and self.keeper.host else None

    @property
    def gate(self) -> GateReport | None:
        return self.greenroom.changes["minilm"].gate

    @property
    def updater(self) -> Updater:
        return self.greenroom.updaters["minilm"]

    async def look(self) -> None:
        """What the updater does when its time has come, to the end."""
        await self.updater.look()

    def allow_space_change(self) -> None:
        self.keeper.spec = replace(self.keeper.spec, allow_space_change=True)

    def successor(self) -> House:
        """The next server over the same data folder and the same source."""
        return House(self._folder, self.keeper.spec, self.fetcher)

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

    def kill_host(self) -> None:
        """End the host that serves, whatever loads beside it."""
        assert isinstance(self.host, ScriptedHost)
        self.host.end("killed by SIGKILL", expected=False)

    def set_load_aside(self) -> Callable[[], None]:
        """Let the load under way be no business of the script any more; the call that ends it with a ready host."""
        load, self.model._load = self.model._load, None
        self.model._begun.clear()
        assert load is not None
        return lambda: load.ended.set_result(self.engine._new_host(self.model))

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
