"""A keeper and its model, on the scripted engine and a clock that stands still."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from greenroom.protocol.snapshot import Phase, Status
from greenroom.serving.memory import LoadMemory
from greenroom.settings import load_settings
from greenroom.store.store import Store
from greenroom.words import ErrorCode, RetryRefusedError
from tests.unit.serving.house import House

pytestmark = pytest.mark.anyio


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


async def crash_loop(house: House) -> None:
    """Let five hosts die while they load."""
    for delay in (0, 5, 10, 30, None):
        await house.model.loading()
        house.model.crash()
        if delay != 0:
            await house.until_asleep()
        if delay:
            await house.clock.advance(delay)


async def test_a_crash_loop_is_tried_again_every_five_minutes(house: House) -> None:
    async with house.open():
        await crash_loop(house)
        for loads in (6, 7):
            await house.clock.advance(299)
            assert house.model.loads == loads - 1
            await house.clock.advance(1)
            await house.model.loading()
            assert house.model.loads == loads
            house.model.crash()
            await house.until_asleep()
            assert house.crash_looping


async def test_a_crash_loop_is_tried_again_when_somebody_asks_and_over_when_a_call_is_answered(house: House) -> None:
    async with house.open():
        await crash_loop(house)
        house.greenroom.retry("minilm")
        await house.model.loading()
        house.model.become_ready()
        await house.until(Phase.READY)
        await house.embed("text")
        house.model.crash()
        await house.model.loading()  # at once, as after a first death
        assert not house.clock.sleepers


async def test_hosts_that_die_ready_but_before_an_answer_are_a_crash_loop_too(house: House) -> None:
    async with house.open():
        for delay in (0, 5, 10, 30, None):
            await house.model.loading()
            house.model.become_ready()
            await house.until(Phase.READY)
            house.model.crash()
            if delay != 0:
                await house.until_asleep()
            if delay:
                await house.clock.advance(delay)
        assert house.crash_looping


class BugError(Exception):
    pass


def break_once(monkeypatch: pytest.MonkeyPatch, owner: object, name: str) -> None:
    """Let the next call of a method raise."""
    sound = getattr(owner, name)

    def broken(*arguments: object, **named: object) -> None:
        monkeypatch.setattr(owner, name, sound)
        raise BugError

    monkeypatch.setattr(owner, name, broken)


@pytest.mark.parametrize("event", ["ready", "lost", "interrupted"])
async def test_a_bug_at_any_point_of_a_life_leaves_the_model_with_a_keeper(
    house: House, monkeypatch: pytest.MonkeyPatch, event: str
) -> None:
    break_once(monkeypatch, house.greenroom.board.readiness, event)
    async with house.open():
        house.model.auto(0.0)
        await house.advance_until(lambda: house.snapshot.phase is Phase.READY)
        loads = house.model.loads
        house.model.crash()
        await house.advance_until(lambda: house.model.loads > loads and house.snapshot.phase is Phase.READY)
        assert (await house.embed("text")).tokens == (1,)


async def test_a_bug_after_ready_ends_the_host_that_nobody_would_look_after(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    break_once(monkeypatch, house.greenroom.board.readiness, "ready")
    async with house.open():
        house.model.become_ready()
        await house.model.loading()
        assert not house.engine._hosts


async def test_a_listener_that_breaks_costs_no_host(house: House) -> None:
    def broken(event: object) -> None:
        raise BugError

    async with house.ready():
        house.greenroom.board.listen(broken)
        house.model.crash()
        await house.advance_until(lambda: house.model.loads == 2 and house.snapshot.phase is Phase.READY)
        assert (await house.embed("text")).tokens == (1,)


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
    (tmp_path / "verdicts.json").write_text('{"digest": ["x"]}')
    (tmp_path / "greenroom.db").write_text("no database")
    memory = LoadMemory(tmp_path, Store(load_settings(data=tmp_path)))
    assert memory.verdicts("digest") == {}
    assert memory.history.loads("digest") == ()


async def test_a_missing_folder_is_logged_with_its_full_path_and_shown_without(
    house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[dict[str, object]] = []

    class Log:
        def error(self, event: str, **fields: object) -> None:
            said.append(fields)

    monkeypatch.setattr("greenroom.serving.keeper.log", Log())
    (tmp_path / "model" / "weights.bin").unlink()
    (tmp_path / "model").rmdir()
    async with house.greenroom.running():
        await house.until_failed()
        error = house.snapshot.models[0].error
    assert str(tmp_path / "model") in str(said[0]["cause"])
    assert error is not None
    assert str(tmp_path) not in error.message
