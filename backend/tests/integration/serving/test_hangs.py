"""Processes that are stopped, as by SIGSTOP, a debugger or a container's freezer, are noticed and replaced."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from greenroom.protocol.snapshot import Phase
from tests.integration.serving.deadly_runtime import SLOW
from tests.integration.serving.real_house import NAME, PATIENCE, RealHouse, alive, kill, open_house, stop

pytestmark = [pytest.mark.anyio, pytest.mark.filterwarnings("default::ResourceWarning")]


async def test_an_idle_host_that_is_stopped_is_replaced_without_anybody_asking(house: RealHouse) -> None:
    stopped = house.host_pid
    stop(stopped)
    await house.until_served_by_another_than(stopped)
    assert (await house.embed("fine")).tokens == (4,)
    await house.until(lambda: not alive(stopped))


async def test_calls_of_a_host_that_is_stopped_are_answered_by_its_successor(house: RealHouse) -> None:
    stopped = house.host_pid
    calls = [house.embed(f"{SLOW} {number}") for number in range(5)]
    await asyncio.sleep(0.05)
    stop(stopped)
    answers = await asyncio.wait_for(asyncio.gather(*calls), 30)
    assert len(answers) == 5
    assert house.loads == 2
    assert not alive(stopped)


async def test_a_host_that_is_stopped_while_it_loads_is_replaced(tmp_path: Path) -> None:
    async with open_house(tmp_path, replace(PATIENCE, loading_ticks=8)) as house:
        house.hold.touch()
        await house.until(lambda: len(house.hosts) == 1)
        (stopped,) = house.hosts
        stop(stopped)
        await house.until(lambda: not alive(stopped))
        house.hold.unlink()
        await house.until(lambda: house.ready)
        assert house.host_pid != stopped


async def test_a_host_that_loads_for_long_is_borne_with(tmp_path: Path) -> None:
    async with open_house(tmp_path, replace(PATIENCE, loading_ticks=4)) as house:
        house.hold.touch()
        await house.until(lambda: len(house.hosts) == 1)
        (loading,) = house.hosts
        await asyncio.sleep(8 * PATIENCE.tick_seconds)
        house.hold.unlink()
        await house.until(lambda: house.ready)
        assert house.host_pid == loading


async def test_a_zygote_that_is_stopped_is_replaced_while_its_host_serves_on(house: RealHouse) -> None:
    stopped, host = house.zygote_pid, house.host_pid
    stop(stopped)
    await house.until(lambda: house.engine.zygote_pid not in (None, stopped))
    assert (await house.embed("fine")).tokens == (4,)
    assert (house.host_pid, house.loads) == (host, 1)
    assert not alive(stopped)


async def test_a_load_that_a_stopped_zygote_was_asked_for_goes_to_the_next_one(house: RealHouse) -> None:
    stopped = house.zygote_pid
    stop(stopped)
    killed = house.host_pid
    kill(killed)
    await house.until_served_by_another_than(killed)
    assert house.zygote_pid != stopped


async def test_a_zygote_that_is_stopped_while_it_imports_is_replaced(tmp_path: Path) -> None:
    async with open_house(tmp_path, replace(PATIENCE, importing_ticks=25)) as house:
        stopped = house.zygote_pid
        stop(stopped)
        await house.until(lambda: house.ready)
        assert house.zygote_pid != stopped


@pytest.mark.parametrize("lag", [0.0, 0.6], ids=["together", "in time to miss the order to kill it"])
async def test_a_host_and_its_zygote_that_are_both_stopped_are_both_replaced(house: RealHouse, lag: float) -> None:
    zygote, host = house.zygote_pid, house.host_pid
    stop(host)
    await asyncio.sleep(lag * PATIENCE.silent_ticks * PATIENCE.tick_seconds)
    stop(zygote)
    await house.until_served_by_another_than(host)
    assert house.zygote_pid != zygote
    await house.until(lambda: not alive(host) and not alive(zygote))


async def test_a_model_whose_host_hangs_says_so(house: RealHouse) -> None:
    seen: set[str] = set()
    stop(house.host_pid)
    async with asyncio.timeout(30):
        while house.loads == 1 or not house.ready:
            state = house.greenroom.board.posted((NAME,)).state
            if state.phase is not Phase.READY and state.models[0].error is not None:
                seen.add(state.models[0].error.message)
            await house.greenroom.board.changed()
    assert any("gave no sign of life" in message for message in seen)
