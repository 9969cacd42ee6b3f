"""Six models where five fit, for a minute: many callers at random, versions that come and go, hosts that die."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pytest

from greenroom.clock import SystemClock
from greenroom.engine.seam import Vectors
from greenroom.serving.greenroom import Greenroom
from greenroom.serving.keeper import Keeper
from greenroom.settings import load_settings
from greenroom.testing import ScriptedEngine, ScriptedFetcher
from greenroom.testing.scripted_host import ScriptedHost
from greenroom.words import GreenroomError, ModelSpec, NotReadyError

pytestmark = pytest.mark.anyio
SECONDS = float(os.environ.get("GREENROOM_STRESS_SECONDS", "60"))
NAMES = ("a", "b", "c", "d", "e", "f")
CALLERS = 24
PATIENCE_SECONDS = 30.0
"""For one caller, until the model has come back and answered."""


class Crowd:
    def __init__(self, folder: Path) -> None:
        self.chance = random.Random(5)
        self.engine = ScriptedEngine(SystemClock())
        self.fetcher = ScriptedFetcher(folder / "published")
        self.published = dict.fromkeys(NAMES, 0)
        for name in NAMES:
            self.publish(name)
            self.engine.model(name).auto(0.05)
        specs = [ModelSpec(name, f"mlflow:models:/{name}@production", required=name == "a") for name in NAMES]
        settings = load_settings(data=folder / "data", model_cache_size=5)
        self.greenroom = Greenroom(settings, specs, self.engine, fetcher=self.fetcher)
        self.answers: Counter[str] = Counter()
        self.changes: Counter[str] = Counter()
        """Trouble that was made, by kind."""

    def publish(self, name: str) -> None:
        self.published[name] += 1
        self.fetcher.publish(name, str(self.published[name]))

    @property
    def resident(self) -> set[str]:
        return {name for name, keeper in self.greenroom.keepers.items() if keeper.is_resident}

    @property
    def is_at_rest(self) -> bool:
        """No more models than may be, one host for each, and no load under way."""
        resident = len(self.resident)
        return resident <= 5 and self.engine.living_hosts == resident and not self.greenroom.room.promised_bytes

    async def call(self, name: str) -> None:
        """What a patient client does. Raises TimeoutError."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            while True:
                try:
                    await self.greenroom.embed(name, ["text"])
                except NotReadyError:
                    if not await self.greenroom.wait_until_ready(name, timeout=1):
                        await asyncio.sleep(0.05)  # it has failed: somebody presses the button, see `trouble`
                else:
                    self.answers[name] += 1
                    return

    async def call_for(self, seconds: float) -> None:
        until = asyncio.get_running_loop().time() + seconds
        while asyncio.get_running_loop().time() < until:
            await self.call(self.chance.choice(NAMES))

    async def trouble(self) -> None:
        """Reload, roll back, kill, fail: for ever, and mend what has failed."""
        while True:
            await asyncio.sleep(self.chance.uniform(0, 0.2))
            name, kind = self.chance.choice(NAMES), self.chance.choice(("reload", "rollback", "kill", "fail"))
            self.changes[kind] += 1
            with contextlib.suppress(GreenroomError):
                await self.make(kind, name)
            for failed in [name for name, keeper in self.greenroom.keepers.items() if keeper.failed]:
                self.greenroom.keepers[failed].try_again()

    async def make(self, kind: str, name: str) -> None:
        model, host = self.engine.model(name), self.greenroom.keepers[name].host
        match kind:
            case "reload":
                self.publish(name)
                await self.greenroom.reload(name)
            case "rollback":
                await self.greenroom.rollback(name)
            case "kill" if isinstance(host, ScriptedHost):
                host.end("killed by SIGKILL", expected=False)
            case "fail" if model.state == "loading":
                model.fail(message="broken")


@pytest.fixture
def crowd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Crowd:
    """Its hosts take some milliseconds for a call."""
    crowd, at_once = Crowd(tmp_path), ScriptedHost.embed

    async def embed(self: ScriptedHost, texts: Sequence[str], deadline_seconds: float | None, *_: object) -> Vectors:
        await asyncio.sleep(crowd.chance.uniform(0, 0.02))
        return await at_once(self, texts, deadline_seconds)

    monkeypatch.setattr(ScriptedHost, "embed", embed)
    return crowd


@pytest.mark.timeout(SECONDS + 120)
async def test_no_busy_model_leaves_nobody_waits_for_ever_and_nothing_is_left(
    crowd: Crowd, monkeypatch: pytest.MonkeyPatch
) -> None:
    evicted_busy, evict = list[str](), Keeper.evict

    async def watched(self: Keeper, back_soon: bool = False) -> None:
        if self.busy_calls and not back_soon:
            evicted_busy.append(self.spec.name)
        await evict(self, back_soon)

    monkeypatch.setattr(Keeper, "evict", watched)
    async with crowd.greenroom.running():
        trouble = asyncio.create_task(crowd.trouble())
        await asyncio.gather(*(crowd.call_for(SECONDS) for _ in range(CALLERS)))
        trouble.cancel()
        await asyncio.gather(trouble, return_exceptions=True)
        assert evicted_busy == []
        assert set(crowd.answers) == set(NAMES)
        assert crowd.greenroom.metrics.evictions.total() > 0
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not crowd.is_at_rest:  # noqa: ASYNC110 - nobody announces it
                await asyncio.sleep(0.05)
    assert crowd.engine.living_hosts == 0
    evictions = crowd.greenroom.metrics.evictions.total()
    print(f"\n{SECONDS:g} s: {crowd.answers.total()} calls, {evictions} evictions, {dict(crowd.changes)}")
