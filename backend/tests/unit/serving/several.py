"""A house with six models of which two fit, on the scripted engine."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from greenroom.serving.greenroom import Greenroom
from greenroom.settings import load_settings
from greenroom.testing import ScriptedEngine, ScriptedFetcher, StandingClock
from greenroom.words import ModelSpec, NotReadyError

NAMES = ("a", "b", "c", "d", "e", "f")


class Several:
    """Six models, of which `a` is required; two may be in memory at a time."""

    def __init__(self, folder: Path, **settings: object) -> None:
        self.engine = ScriptedEngine(StandingClock())
        specs = [ModelSpec(name, f"mlflow:models:/{name}/1", required=name == "a") for name in NAMES]
        self.fetcher = ScriptedFetcher(folder / "published")
        for name in NAMES:
            self.fetcher.publish(name, "1")
            self.engine.model(name).auto(0.0)
        chosen = load_settings(data=folder / "data", **{"model_cache_size": 2, **settings})
        self.greenroom = Greenroom(chosen, specs, self.engine, StandingClock(), self.fetcher)

    @property
    def resident(self) -> set[str]:
        return {name for name, keeper in self.greenroom.keepers.items() if keeper.is_resident}

    async def until(self, wanted: Callable[[], bool]) -> None:
        async with asyncio.timeout(10):
            while not wanted():  # noqa: ASYNC110 - evictions are announced to nobody
                await asyncio.sleep(0.001)

    async def use(self, name: str) -> None:
        """What a patient client does: ask until it is ready."""
        async with asyncio.timeout(30):
            while True:
                try:
                    await self.greenroom.embed(name, ["text"])
                    return
                except NotReadyError:
                    await self.greenroom.wait_until_ready(name, timeout=10)

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Several]:
        async with self.greenroom.running():
            await self.until(lambda: "a" in self.resident)
            yield self
