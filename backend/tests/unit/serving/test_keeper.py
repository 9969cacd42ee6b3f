"""A keeper and its model, on the scripted engine and a clock that stands still."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from greenroom.protocol.snapshot import InitState, Phase, Status
from greenroom.serving.greenroom import Greenroom
from greenroom.serving.memory import LoadMemory
from greenroom.settings import load_settings
from greenroom.testing import ScriptedEngine, StandingClock
from greenroom.words import ErrorCode, ModelSpec, RetryRefusedError

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


class House:
    def __init__(self, folder: Path) -> None:
        (folder / "model").mkdir()
        (folder / "model" / "weights.bin").write_bytes(b"weights")
        self.clock = StandingClock()
        self.engine = ScriptedEngine(self.clock)
        spec = ModelSpec(name="minilm", source=f"path:{folder / 'model'}")
        self.greenroom = Greenroom(load_settings(data=folder / "data"), (spec,), self.engine, self.clock)

    @property
    def snapshot(self) -> InitState:
        return self.greenroom.board.posted(("minilm",)).state

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

    async def until_asleep(self) -> None:
        """Until the keeper waits for its next try."""
        async with asyncio.timeout(10):
            while not self.clock.sleepers:
                await self.greenroom.board.changed()

    @asynccontextmanager
    async def open(self) -> AsyncIterator[None]:
        async with self.greenroom.running():
            await self.engine.model("minilm").loading()
            yield


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)


async def test_a_bug_while_loading_is_told_and_tried_again(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    async def broken(*_: object) -> None:
        raise ZeroDivisionError

    with monkeypatch.context() as patch:
        patch.setattr(house.engine, "load", broken)
        async with house.greenroom.running():
            await house.until_asleep()
            error = house.snapshot.models[0].error
            assert error is not None
            assert (error.code, error.temporary) == (ErrorCode.LOAD_FAILED, True)
            assert "ZeroDivision" not in error.message
            patch.undo()
            await house.clock.advance(5)
            await house.engine.model("minilm").loading()
            house.engine.model("minilm").become_ready()
            await house.until(Phase.READY)


async def test_five_deaths_in_a_row_are_a_crash_loop_that_is_tried_again_later(house: House) -> None:
    model = house.engine.model("minilm")
    async with house.open():
        for delay in (0, 5, 10, 30):
            await model.loading()
            model.crash()
            if delay:
                await house.until_asleep()
                await house.clock.advance(delay)
        await model.loading()
        model.crash()
        await house.until_asleep()
        state = house.snapshot
        error = state.models[0].error
        assert error is not None
        assert (error.code, state.status, state.models[0].retry_at is not None) == (
            ErrorCode.CRASH_LOOP,
            Status.INITIALIZING,
            True,
        )
        await house.clock.advance(300)
        await model.loading()


async def test_a_retry_of_a_loading_model_is_refused(house: House) -> None:
    async with house.open():
        with pytest.raises(RetryRefusedError):
            house.greenroom.retry("minilm")


async def test_leaving_ends_every_task(house: House) -> None:
    before = asyncio.all_tasks()
    async with house.open():
        assert asyncio.all_tasks() > before
    assert asyncio.all_tasks() == before


async def test_nobody_is_woken_while_nothing_changes(house: House) -> None:
    async with house.open():
        house.engine.model("minilm").become_ready()
        await house.until(Phase.READY)
        while await house.wakes_within(0.5):
            pass
        assert not await house.wakes_within(2.0)


async def test_a_change_between_looking_and_waiting_is_not_lost(house: House) -> None:
    async with house.open():
        board = house.greenroom.board
        seen = board.rounds
        house.engine.model("minilm").become_ready()
        await house.until(Phase.READY)
        async with asyncio.timeout(1):
            await board.changed(seen)


def test_a_damaged_memory_is_a_new_beginning(tmp_path: Path) -> None:
    (tmp_path / "loads.json").write_text('{"history": 3, "verdicts": {"digest": ["x"]}}')
    assert LoadMemory(tmp_path).verdicts("digest") == {}
