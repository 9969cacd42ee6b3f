"""A model's calls around the death of a host: innocents are answered, a poison is found and refused."""

from __future__ import annotations

import asyncio

import pytest

from greenroom.protocol.snapshot import Phase
from greenroom.serving.greenroom import Embedded
from greenroom.words import (
    DeadlineExceededError,
    ErrorCode,
    InputRefusedError,
    NotReadyError,
    OverloadedError,
)
from tests.unit.serving.house import House

pytestmark = pytest.mark.anyio
INNOCENTS = [f"innocent {number}" for number in range(30)]


async def refused_pointers(call: asyncio.Task[Embedded]) -> list[str]:
    with pytest.raises(InputRefusedError) as refusal:
        await asyncio.wait_for(call, 10)
    assert (refusal.value.code, refusal.value.status) == (ErrorCode.INPUT_REFUSED, 422)
    return [fault.pointer for fault in refusal.value.faults]


async def suspected(house: House, text: str) -> None:
    """Make a suspect of `text`, and leave it one: its host dies of something else, and its caller leaves."""
    house.model.hold_calls()
    call = house.embed(text)
    await house.held(1)
    call.cancel()
    loads = house.model.loads
    call = house.embed(text)
    await house.held(1)
    house.model.crash()
    call.cancel()
    await asyncio.wait([call])
    house.model.release_calls()
    async with asyncio.timeout(10):
        while house.model.loads == loads or house.snapshot.phase is not Phase.READY:
            await house.greenroom.board.changed()
    assert house.greenroom.keepers["minilm"].suspects.suspects == 1


async def test_a_poison_among_thirty_innocents_costs_two_hosts_and_nobody_an_answer(house: House) -> None:
    house.model.poison.add("poison")
    async with house.ready():
        house.model.hold_calls()
        poison = house.embed("before it", "poison", "behind it")
        innocents = [house.embed(text) for text in INNOCENTS]
        await house.held(31)
        house.model.release_calls()
        answers = await asyncio.wait_for(asyncio.gather(*innocents), 10)
        assert [len(answer.tokens) for answer in answers] == [1] * 30
        assert await refused_pointers(poison) == ["/input/1"]
        await house.until(Phase.READY)
        assert house.model.loads == 3
        assert len(house.greenroom.refused("minilm")) == 1
        assert house.greenroom.keepers["minilm"].suspects.suspects <= 1  # "behind it" was in no answer


async def test_a_refused_text_is_refused_at_the_door_in_any_call_until_it_is_forgiven(house: House) -> None:
    house.model.poison.add("poison")
    async with house.ready():
        assert await refused_pointers(house.embed("poison")) == ["/input/0"]
        await house.until(Phase.READY)
        loads = house.model.loads
        assert await refused_pointers(house.embed("fine", "poison", "fine", "poison")) == ["/input/1", "/input/3"]
        assert (await house.embed("fine")).tokens == (1,)
        assert house.model.loads == loads
        house.model.poison.clear()
        assert house.greenroom.forgive("minilm") == 1
        assert house.greenroom.refused("minilm") == ()
        assert (await house.embed("poison")).tokens == (1,)


async def test_a_call_of_suspects_and_others_is_joined_in_the_order_asked(house: House) -> None:
    async with house.ready():
        await suspected(house, "two words")
        mixed = await house.embed("one", "two words", "now three words", "two words", "word " * 300)
        alone = [
            await house.embed(text) for text in ("one", "two words", "now three words", "two words", "word " * 300)
        ]
        assert mixed.data == b"".join(answer.data for answer in alone)
        assert mixed.tokens == (1, 2, 3, 2, 256)
        assert mixed.truncated == (4,)


async def test_a_suspect_goes_alone_and_new_calls_wait_for_it(house: House) -> None:
    async with house.ready():
        await suspected(house, "suspect")
        house.model.hold_calls()
        suspect = house.embed("suspect")
        await house.held(1)
        new = house.embed("new")
        for _ in range(20):
            await asyncio.sleep(0)
        assert house.model.held_calls == 1
        assert not new.done()
        house.model.release_calls()
        await asyncio.wait_for(asyncio.gather(suspect, new), 10)
        assert not house.greenroom.keepers["minilm"].suspects


async def test_a_suspect_waits_for_the_calls_before_it(house: House) -> None:
    async with house.ready():
        await suspected(house, "suspect")
        house.model.hold_calls()
        earlier = house.embed("earlier")
        await house.held(1)
        suspect = house.embed("suspect")
        for _ in range(20):
            await asyncio.sleep(0)
        assert house.model.held_calls == 1
        house.model.release_calls()
        await asyncio.wait_for(asyncio.gather(earlier, suspect), 10)


async def test_a_suspect_whose_caller_gave_up_stays_one_and_goes_alone_next_time(house: House) -> None:
    async with house.ready():
        await suspected(house, "suspect")
        house.model.hold_calls()
        with pytest.raises(DeadlineExceededError):
            await house.embed("suspect", seconds=0.05)
        assert house.greenroom.keepers["minilm"].suspects.suspects == 1
        house.model.release_calls()
        await asyncio.wait_for(house.embed("suspect"), 10)
        assert not house.greenroom.keepers["minilm"].suspects


async def test_waiting_for_a_turn_ends_with_the_deadline(house: House) -> None:
    async with house.ready():
        await suspected(house, "suspect")
        house.model.hold_calls()
        suspect = house.embed("suspect")
        await house.held(1)
        with pytest.raises(DeadlineExceededError):
            await house.embed("new", seconds=0.05)
        house.model.release_calls()
        await asyncio.wait_for(suspect, 10)


async def test_newcomers_are_refused_when_too_many_texts_wait(house: House) -> None:
    async with house.ready():
        await suspected(house, "suspect")
        house.model.hold_calls()
        suspect = house.embed("suspect")
        await house.held(1)
        waiting = house.embed(*(["text"] * 39))
        await asyncio.sleep(0)
        with pytest.raises(OverloadedError):
            await house.embed("one", "too many")
        house.model.release_calls()
        await asyncio.wait_for(asyncio.gather(suspect, waiting), 10)


async def test_a_host_lost_before_it_was_given_anything_blames_nobody(house: House) -> None:
    async with house.ready():
        house.model.crash()
        await house.until(Phase.READY, attempt=1)
        assert not house.greenroom.keepers["minilm"].suspects


async def test_after_a_refusal_the_next_host_is_made_at_once(house: House) -> None:
    house.model.poison.add("poison")
    async with house.ready():
        await refused_pointers(house.embed("poison"))
        await house.until(Phase.READY)
        assert house.model.loads == 3
        assert not house.clock.sleepers


async def test_a_model_that_dies_of_every_input_ends_in_a_crash_loop_and_no_input_is_blamed(house: House) -> None:
    texts = [f"text {number}" for number in range(10)]
    house.model.poison.update(texts)
    async with house.ready():
        while not house.crash_looping:
            call = house.embed(texts.pop(), seconds=600)
            await house.advance_until(lambda call=call: call.done() or house.crash_looping)  # type: ignore[misc]
            with pytest.raises((InputRefusedError, NotReadyError)):
                await asyncio.wait_for(call, 10)
            await house.advance_until(lambda: house.snapshot.phase is Phase.READY or house.crash_looping)
        assert house.greenroom.refused("minilm") == ()
        assert house.model.loads == 5


async def test_calls_left_behind_end_with_the_house(house: House) -> None:
    before = asyncio.all_tasks()
    async with house.ready():
        await suspected(house, "suspect")
        house.model.hold_calls()
        suspect = house.embed("suspect")
        await house.held(1)
        suspect.cancel()
        await asyncio.wait([suspect])
    assert asyncio.all_tasks() == before


async def test_a_failed_model_answers_those_who_waited_for_its_successor(house: House) -> None:
    async with house.open():
        house.model.become_ready()
        await house.until(Phase.READY)
        house.model.hold_calls()
        call = house.embed("text")
        await house.held(1)
        house.model.crash()
        await house.model.loading()
        house.model.fail()
        with pytest.raises(NotReadyError):
            await asyncio.wait_for(call, 10)
