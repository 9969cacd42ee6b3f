"""What a watch does about a process that hangs."""

from __future__ import annotations

import asyncio

import pytest

from greenroom.engine.pulse import Patience, Pulse
from greenroom.engine.watch import Watch

pytestmark = pytest.mark.anyio
FAST = Patience(tick_seconds=0.001, silent_ticks=3)


class Watched:
    def __init__(self, patience: Patience = FAST) -> None:
        self.deeds: list[str] = []
        self.done = asyncio.Event()
        self.pulse = Pulse(patience, 3)
        self.watch = Watch(
            "m", self.pulse, patience, ping=self._ping, kill=lambda: self.deeds.append("kill"), let_go=self._let_go
        )

    def _ping(self) -> None:
        self.deeds.append("ping")

    def _let_go(self) -> None:
        self.deeds.append("let go")
        self.done.set()


async def test_a_silent_process_is_pinged_killed_and_let_go_once() -> None:
    watched = Watched()
    async with asyncio.timeout(5):
        await watched.done.wait()
    await asyncio.sleep(0.02)
    assert watched.deeds == ["ping"] * 4 + ["kill", "let go"]
    assert watched.watch.reason is not None


async def test_a_process_that_answers_is_left_alone_until_the_watch_stops() -> None:
    watched = Watched(Patience(tick_seconds=3600))
    for _ in range(20):
        watched.pulse.heard()
        watched.watch._tick()
    watched.watch.stop()
    assert watched.deeds == ["ping"] * 20
    assert watched.watch.reason is None
