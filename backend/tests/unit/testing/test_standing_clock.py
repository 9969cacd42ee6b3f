"""StandingClock: time passes only when a test says so."""

from __future__ import annotations

import asyncio

import pytest

from greenroom.testing import StandingClock

pytestmark = pytest.mark.anyio


async def test_it_stands_still_until_it_is_moved() -> None:
    clock = StandingClock(unix_seconds=1000.0)
    await asyncio.sleep(0.01)
    assert (clock.monotonic(), clock.unix()) == (0.0, 1000.0)
    await clock.advance(2.5)
    assert (clock.monotonic(), clock.unix()) == (2.5, 1002.5)


async def test_it_refuses_to_go_back() -> None:
    with pytest.raises(ValueError, match="does not go back"):
        await StandingClock().advance(-1)


async def test_sleepers_wake_in_the_order_in_which_they_are_due() -> None:
    clock, woken = StandingClock(), []

    async def sleeper(name: str, seconds: float) -> None:
        await clock.sleep(seconds)
        woken.append((name, clock.monotonic()))

    async with asyncio.TaskGroup() as group:
        for name, seconds in (("late", 3.0), ("early", 1.0), ("also late", 3.0)):
            group.create_task(sleeper(name, seconds))
        await asyncio.sleep(0)
        assert clock.sleepers == 3
        await clock.advance(10)
    assert woken == [("early", 1.0), ("late", 3.0), ("also late", 3.0)]
    assert clock.monotonic() == 10


async def test_who_lies_down_again_is_woken_again_by_the_same_advance() -> None:
    clock, moments = StandingClock(), []

    async def ticker() -> None:
        while True:
            await clock.sleep(1.0)
            moments.append(clock.monotonic())

    task = asyncio.ensure_future(ticker())
    await asyncio.sleep(0)
    await clock.advance(3.5)
    task.cancel()
    assert moments == [1.0, 2.0, 3.0]


async def test_nobody_wakes_before_the_moment() -> None:
    clock = StandingClock()
    task = asyncio.ensure_future(clock.sleep(5.0))
    await asyncio.sleep(0)
    await clock.advance(4.999)
    assert not task.done()
    await clock.advance(0.001)
    await task


async def test_a_sleeper_who_gave_up_disturbs_nobody() -> None:
    clock = StandingClock()
    gone, staying = (asyncio.ensure_future(clock.sleep(1.0)) for _ in range(2))
    await asyncio.sleep(0)
    gone.cancel()
    await asyncio.sleep(0)
    assert clock.sleepers == 1
    await clock.advance(1.0)
    await staying


async def test_sleeping_for_no_time_needs_no_advance() -> None:
    await asyncio.wait_for(StandingClock().sleep(0), 1)


async def test_it_can_go_with_real_time_for_a_while() -> None:
    clock = StandingClock()
    sleeper = asyncio.ensure_future(clock.sleep(0.05))
    await clock.run(0.1)
    assert sleeper.done()
    assert clock.monotonic() >= 0.1
