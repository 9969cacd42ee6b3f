"""Versions take over under load, with real processes: nobody's call fails, and a bad version never serves."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from greenroom.serving.change import Outcome, Result
from greenroom.words import ErrorCode
from tests.integration.serving.real_house import NAME, RealHouse

pytestmark = pytest.mark.anyio
CALLERS = 32


@asynccontextmanager
async def many_calls(house: RealHouse) -> AsyncIterator[list[str]]:
    """Callers who ask one after another until the block ends; the versions that answered. A call that fails raises."""
    answered: list[str] = []
    over = asyncio.Event()

    async def ask(caller: int) -> None:
        for number in itertools.count():
            if over.is_set():
                return
            answered.append((await house.greenroom.embed(NAME, [f"{caller} {number}"])).version)

    async with asyncio.TaskGroup() as callers:
        for caller in range(CALLERS):
            callers.create_task(ask(caller))
        yield answered
        over.set()


async def more_answers(house: RealHouse, answered: list[str]) -> None:
    """Until each caller has had one since."""
    before = len(answered)
    await house.until(lambda: len(answered) > before + CALLERS)


async def publish(house: RealHouse, content: str) -> Outcome:
    (house.folder / "weights.bin").write_text(content)
    return await house.greenroom.reload(NAME)


async def test_ten_swaps_under_load_fail_no_call_and_leave_no_process(house: RealHouse) -> None:
    async with many_calls(house) as answered:
        for number in range(10):
            outcome = await publish(house, f"version {number}")
            assert outcome.result is Result.CHANGED
            await more_answers(house, answered)
            assert answered[-1] == outcome.version
    await house.until(lambda: house.hosts == {house.host_pid})
    assert house.loads == 11


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        ("crash", ErrorCode.HOST_LOST),
        ("nan", ErrorCode.VERSION_REFUSED),
        ("wide", ErrorCode.VERSION_REFUSED),
    ],
)
async def test_a_bad_version_never_serves_and_the_old_one_never_stops(
    house: RealHouse, fault: str, code: ErrorCode
) -> None:
    serving = house.host_pid
    house.allow_space_change(fault != "wide")
    async with many_calls(house) as answered:
        outcome = await publish(house, fault)
        assert outcome.result is Result.FAILED
        assert outcome.error is not None
        assert outcome.error.code is code
        await more_answers(house, answered)
    assert len(set(answered)) == 1
    assert house.host_pid == serving
    await house.until(lambda: house.hosts == {serving})


async def test_a_version_that_hangs_while_it_loads_is_given_up(house: RealHouse) -> None:
    serving = house.host_pid
    house.limit_loads(1.0)
    async with many_calls(house):
        outcome = await publish(house, "hang")
    assert outcome.result is Result.FAILED
    assert house.host_pid == serving
    await house.until(lambda: house.hosts == {serving})


async def test_a_host_killed_while_a_version_loads_beside_it_is_replaced_and_then_swapped(house: RealHouse) -> None:
    house.hold.touch()
    reload = asyncio.create_task(publish(house, "version 2"))
    await house.until(lambda: len(house.hosts) == 2)
    house.kill_host()
    await house.until(lambda: not house.ready)
    call = asyncio.create_task(house.greenroom.wait_until_ready(NAME, timeout=30))
    house.hold.unlink()
    assert await call
    assert (await reload).result in (Result.CHANGED, Result.UNCHANGED)
    assert (await house.greenroom.embed(NAME, ["text"])).dimension == 8
