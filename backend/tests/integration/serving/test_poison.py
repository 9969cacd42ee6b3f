"""What one bad input may do to others: nothing."""

from __future__ import annotations

import asyncio

import pytest

from greenroom.serving.greenroom import Embedded
from greenroom.words import DeadlineExceededError, InputRefusedError, PredictionError
from tests.integration.serving.deadly_runtime import DEADLY, SLOW, SLOW_SECONDS, SLOWLY_DEADLY, STUCK, TOO_LARGE
from tests.integration.serving.real_house import NAME, RealHouse, kill

pytestmark = [pytest.mark.anyio, pytest.mark.filterwarnings("default::ResourceWarning")]


async def test_thirty_innocents_are_answered_and_the_poison_among_them_is_refused(house: RealHouse) -> None:
    slow = house.embed(SLOW)  # all others are in line when the poison's batch comes
    poison = house.embed("fine", DEADLY)
    innocents = [house.embed(f"{number:02}") for number in range(30)]
    answers = await asyncio.wait_for(asyncio.gather(slow, *innocents), 30)
    assert [len(answer.tokens) for answer in answers] == [1] * 31
    with pytest.raises(InputRefusedError) as refusal:
        await poison
    assert [fault.pointer for fault in refusal.value.faults] == ["/input/1"]
    await house.until(lambda: house.ready)
    assert house.loads <= 3
    assert len(house.greenroom.refused(NAME)) == 1
    with pytest.raises(InputRefusedError):
        await house.embed("another", "call", DEADLY)
    assert (await house.embed("fine")).tokens == (4,)
    assert house.loads <= 3


async def test_calls_in_flight_at_a_kill_are_all_answered_by_the_successor(house: RealHouse) -> None:
    calls = [house.embed(f"{SLOW} {number}") for number in range(5)]
    await asyncio.sleep(0.05)
    kill(house.host_pid)
    answers = await asyncio.wait_for(asyncio.gather(*calls), 30)
    assert len(answers) == 5
    assert house.loads == 2
    assert house.greenroom.refused(NAME) == ()
    assert not house.greenroom.keepers[NAME].suspects


async def test_an_input_too_large_for_memory_is_an_answer_and_no_death(house: RealHouse) -> None:
    with pytest.raises(PredictionError, match="not enough memory"):
        await house.embed(TOO_LARGE)
    assert (await house.embed("fine")).tokens == (4,)
    assert house.loads == 1


async def test_a_text_that_hangs_the_model_is_found_though_its_caller_has_left(house: RealHouse) -> None:
    for loads in (1, 2):
        with pytest.raises(DeadlineExceededError):
            await house.embed(STUCK, seconds=0.5)
        assert house.loads == loads, "the caller had to wait for the host's end"
        await house.until(lambda loads=loads: house.loads == loads + 1 and house.ready)  # type: ignore[misc]
    with pytest.raises(InputRefusedError):
        await house.embed(STUCK)
    assert (await house.embed("fine")).tokens == (4,)


async def leave(call: asyncio.Task[Embedded]) -> None:
    call.cancel()
    await asyncio.wait([call])


@pytest.mark.parametrize("gives_up", ["leaves", "runs out of time"])
async def test_a_suspect_stays_alone_until_the_host_is_through_with_it_though_nobody_waits(
    house: RealHouse, gives_up: str
) -> None:
    first = house.embed(SLOWLY_DEADLY)
    await house.until_computing(SLOWLY_DEADLY)
    await leave(first)
    await house.until(lambda: house.loads == 2 and house.ready)
    second = house.embed(SLOWLY_DEADLY, seconds=SLOW_SECONDS * 0.6)
    await house.until_computing(SLOWLY_DEADLY)
    if gives_up == "leaves":
        second.cancel()
    await asyncio.gather(second, return_exceptions=True)
    new = house.embed("new")
    await asyncio.sleep(0.05)
    assert house.inside == {SLOWLY_DEADLY}
    assert (await new).tokens == (3,)
    with pytest.raises(InputRefusedError):
        await house.embed(SLOWLY_DEADLY)


async def test_a_suspect_waits_for_what_others_have_left_in_the_host(house: RealHouse) -> None:
    suspect = house.embed(f"{SLOW} suspect")
    await house.until_computing(f"{SLOW} suspect")
    house.hold.touch()
    kill(house.host_pid)
    await house.until(lambda: not house.ready)
    await leave(suspect)
    house.hold.unlink()
    await house.until(lambda: house.ready)
    left = house.embed(SLOW)
    await house.until_computing(SLOW)
    await leave(left)
    suspect = house.embed(f"{SLOW} suspect")
    await asyncio.sleep(0.05)
    assert house.inside == {SLOW}
    assert (await suspect).tokens == (12,)
