"""Versions come and go under one name, and nobody who calls notices: on the scripted engine and a standing clock."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from greenroom.engine.seam import Vectors
from greenroom.protocol.snapshot import Phase, Status
from greenroom.protocol.socket import Event
from greenroom.serving.change import Outcome, Result
from greenroom.testing.scripted_host import ScriptedHost
from greenroom.words import DeadlineExceededError, ErrorCode, ModelSpec, NoPreviousVersionError, SourceUnreachableError
from tests.unit.serving.following import MIB, fail_on_trial, follower, patient, serving_one
from tests.unit.serving.house import House

pytestmark = pytest.mark.anyio


@pytest.fixture
def house(tmp_path: Path) -> House:
    return follower(tmp_path)


async def test_a_new_version_takes_over_and_the_old_one_can_be_rolled_back_to(house: House) -> None:
    async with serving_one(house):
        house.fetcher.publish("minilm", "2")
        outcome = await house.greenroom.reload("minilm")
        assert outcome == Outcome(Result.CHANGED, "2", "1")
        state = house.snapshot.models[0]
        assert (state.version, state.target, state.previous and state.previous.version) == ("2", None, "1")
        assert (await house.embed("text")).version == "2"
        assert house.snapshot.round == 1


async def test_a_reload_of_what_serves_already_changes_nothing_unless_forced(house: House) -> None:
    async with serving_one(house):
        assert (await house.greenroom.reload("minilm")).result is Result.UNCHANGED
        assert house.model.loads == 1
        assert (await house.greenroom.reload("minilm", force=True)).result is Result.CHANGED
        assert house.model.loads == 2


async def test_calls_in_the_old_host_are_answered_by_it_before_it_is_closed(house: House) -> None:
    async with serving_one(house):
        house.fetcher.publish("minilm", "2")
        await house.greenroom.reload("minilm")
        left = house.host
        house.model.hold_calls()  # so it is a rollback, which asks no gate
        held = house.embed("early")
        await house.held(1)
        assert (await house.greenroom.rollback("minilm")).version == "1"
        assert not left.exited.done()
        house.model.release_calls()
        assert (await held).version == "2"
        await asyncio.shield(left.exited)


async def test_two_who_ask_for_the_same_share_one_load(house: House) -> None:
    async with serving_one(house):
        house.fetcher.publish("minilm", "2")
        first, second = await asyncio.gather(house.greenroom.reload("minilm"), house.greenroom.reload("minilm"))
        assert first is second
        assert house.model.loads == 2


@pytest.mark.parametrize("how", ["fails", "crashes"])
async def test_a_version_that_cannot_be_loaded_leaves_the_old_one_serving(house: House, how: str) -> None:
    async with serving_one(house):
        house.model.auto_off()
        house.fetcher.publish("minilm", "2")
        reload = asyncio.create_task(house.greenroom.reload("minilm"))
        await house.model.loading()
        house.model.fail(message="broken") if how == "fails" else house.model.crash()
        outcome = await reload
        assert (outcome.result, outcome.version) == (Result.FAILED, "1")
        assert (await house.embed("text")).version == "1"
        assert house.snapshot.status is Status.DEGRADED
        assert house.snapshot.models[0].phase is Phase.READY
        refused = house.keeper.refused_versions.report()[0]
        assert (refused.version, refused.tries, refused.retry_at is not None) == ("2", 1, True)


@pytest.mark.parametrize("fault", ["wrong dimension", "not a number", "wrong direction", "hangs"])
async def test_the_gate_keeps_out_a_version_that_answers_wrongly(
    house: House, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    async with serving_one(house):
        serving, sound = house.host, ScriptedHost.embed

        async def embed(self: ScriptedHost, texts: list[str], deadline_seconds: float | None, *_: object) -> Vectors:
            vectors = await sound(self, texts, deadline_seconds)
            return vectors if self is serving else spoilt(vectors, fault)

        monkeypatch.setattr(ScriptedHost, "embed", embed)
        house.fetcher.publish("minilm", "2")
        outcome = await house.greenroom.reload("minilm")
        assert outcome.result is Result.FAILED
        assert outcome.error is not None
        assert outcome.error.code is ErrorCode.VERSION_REFUSED
        assert house.gate is not None
        assert not house.gate.passed
        assert (await house.embed("text")).version == "1"


async def test_another_embedding_space_is_let_in_only_where_it_is_allowed(house: House) -> None:
    events: list[Event] = []
    async with serving_one(house):
        house.greenroom.board.listen(events.append)
        house.fetcher.publish("minilm", "2", space="another")
        refused = await house.greenroom.reload("minilm")
        assert refused.error is not None
        assert "allow_space_change" in refused.error.message
        assert house.model.loads == 1
        house.allow_space_change()
        assert (await house.greenroom.reload("minilm")).result is Result.CHANGED
        assert events[-1].space == "another"


async def test_a_rollback_holds_the_version_fast_until_the_source_names_yet_another(house: House) -> None:
    async with serving_one(house):
        house.fetcher.publish("minilm", "2")
        await house.greenroom.reload("minilm")
        outcome = await house.greenroom.rollback("minilm")
        assert outcome == Outcome(Result.CHANGED, "1", "2")
        await house.look()
        assert house.serving == "1"
        house.fetcher.publish("minilm", "3")
        await house.look()
        assert house.serving == "3"


async def test_an_unpinned_model_follows_its_source_again(house: House) -> None:
    async with serving_one(house):
        house.fetcher.publish("minilm", "2")
        await house.greenroom.reload("minilm")
        await house.greenroom.rollback("minilm")
        assert await house.greenroom.unpin("minilm")
        await house.look()
        assert house.serving == "2"
        assert not await house.greenroom.unpin("minilm")


async def test_a_pin_is_lifted_for_good_once_the_source_has_named_another_version(house: House) -> None:
    async with serving_one(house):
        house.fetcher.publish("minilm", "2")
        await house.greenroom.reload("minilm")
        await house.greenroom.rollback("minilm")
        house.fetcher.publish("minilm", "1")
        await house.look()
    successor = house.successor()
    async with successor.ready():
        successor.fetcher.publish("minilm", "2")
        await successor.look()
        assert successor.serving == "2"


async def test_a_version_that_was_taken_back_may_try_again_when_unpinned(house: House) -> None:
    async with serving_one(house):
        house.fetcher.publish("minilm", "2")
        await house.look()
        fail_on_trial(house)
        await patient(house)(lambda: house.serving == "1")
        assert await house.greenroom.unpin("minilm")
        await house.look()
        assert house.serving == "2"


async def test_what_fails_on_its_trial_does_not_come_back_when_a_reload_overtakes(house: House) -> None:
    async with serving_one(house):
        house.fetcher.publish("minilm", "2")
        await house.look()
        house.model.auto_off()
        house.fetcher.publish("minilm", "3")
        reload = asyncio.create_task(house.greenroom.reload("minilm"))
        await house.model.loading()
        fail_on_trial(house)
        house.model.auto(0.0)
        house.model.become_ready()
        assert (await reload).version == "3"
        late = await house.greenroom.reload("minilm")  # has its turn after the taking back
        assert (late.result, late.version) == (Result.UNCHANGED, "3")


async def test_a_version_that_cannot_be_loaded_any_more_is_rolled_back_from(house: House) -> None:
    async with serving_one(house):
        house.fetcher.publish("minilm", "2")
        await house.look()
        house.keeper.trial = None  # its first minute is over
        house.model.auto_off()
        house.model.crash()
        await house.model.loading()
        house.model.fail(message="broken")
        await house.until_failed()
        house.model.auto(0.0)
        outcome = await house.greenroom.rollback("minilm")
        assert (outcome.result, outcome.version) == (Result.CHANGED, "1")
        await house.look()
        assert house.serving == "1"


async def test_without_a_version_before_there_is_nothing_to_roll_back_to(house: House) -> None:
    async with serving_one(house):
        with pytest.raises(NoPreviousVersionError):
            await house.greenroom.rollback("minilm")


async def test_a_source_that_does_not_answer_changes_nothing(house: House) -> None:
    async with serving_one(house):
        house.fetcher.fail(SourceUnreachableError("The registry does not answer."))
        await house.look()
        first = house.updater.last_look
        assert first is not None
        assert first.error is not None
        assert first.error.message == "The registry does not answer."
        await house.clock.advance(60)
        await house.look()
        second = house.updater.last_look
        assert second is not None
        assert (second.failing_since, second.at != first.at) == (first.at, True)
        assert (await house.embed("text")).version == "1"
        outcome = await house.greenroom.reload("minilm")
        assert (outcome.result, outcome.version) == (Result.FAILED, "1")
        house.fetcher.fail(None)
        await house.look()
        last = house.updater.last_look
        assert last is not None
        assert (last.error, last.failing_since) == (None, None)


async def test_a_refused_version_is_tried_again_by_itself_and_not_too_often(house: House) -> None:
    async with serving_one(house):
        house.model.auto_off()
        house.fetcher.publish("minilm", "2")
        for tries, delay in enumerate((0, 5, 10, 30, 60), start=1):
            house.model.fail(message="broken")
            await house.clock.advance(delay)
            await house.look()
            assert house.keeper.refused_versions.report()[0].tries == tries
        await house.clock.advance(3600)
        await house.look()
        assert house.keeper.refused_versions.report()[0].tries == 5
        house.fetcher.publish("minilm", "3")
        house.model.auto(0.0)
        await house.look()
        assert house.serving == "3"


async def test_a_refused_version_that_the_source_names_no_longer_is_waited_for_no_longer(house: House) -> None:
    async with serving_one(house):
        house.model.auto_off()
        house.fetcher.publish("minilm", "2")
        looking = asyncio.create_task(house.look())
        await house.model.loading()
        house.model.fail(message="broken")
        await looking
        assert house.keeper.refused_versions.next_retry(house.clock.unix()) is not None
        house.fetcher.publish("minilm", "1")
        await house.look()
        assert house.keeper.refused_versions.next_retry(house.clock.unix()) is None
        house.model.auto(0.0)
        house.fetcher.publish("minilm", "2")
        await house.look()
        assert house.serving == "2"


async def test_a_version_whose_first_calls_fail_is_taken_back(house: House) -> None:
    async with serving_one(house):
        house.fetcher.publish("minilm", "2")
        await house.greenroom.reload("minilm")
        fail_on_trial(house)
        await patient(house)(lambda: house.serving == "1")
        await house.look()
        assert house.serving == "1"
        assert house.keeper.refused_versions.report()[0].version == "2"


async def test_a_version_that_dies_on_its_trial_is_not_made_again(house: House) -> None:
    async with serving_one(house):
        house.fetcher.publish("minilm", "2")
        await house.greenroom.reload("minilm")
        house.model.crash()
        await patient(house)(lambda: house.serving == "1" and house.snapshot.ready)
        assert house.keeper.entry.pinned_against == "minilm/2"


async def test_a_server_that_starts_again_goes_on_with_the_version_that_served(house: House) -> None:
    async with serving_one(house):
        house.fetcher.publish("minilm", "2")
        await house.greenroom.reload("minilm")
        await house.greenroom.rollback("minilm")
    again = house.successor()
    again.fetcher.fail(SourceUnreachableError("Down."))
    async with again.ready():
        assert again.serving == "1"
        assert again.keeper.entry.pinned_against == "minilm/2"


async def test_a_source_that_is_down_at_the_first_start_is_asked_again(house: House) -> None:
    house.fetcher.publish("minilm", "1")
    house.fetcher.fail(SourceUnreachableError("Nobody answers there."))
    async with house.greenroom.running():
        await house.until_failed()
        assert house.snapshot.models[0].retry_at is not None
        house.fetcher.fail(None)
        house.model.auto(0.0)
        await house.advance_until(lambda: house.snapshot.ready)


@pytest.mark.parametrize(("tight", "result"), [("refuse", Result.FAILED), ("drain", Result.CHANGED)])
async def test_a_version_that_does_not_fit_beside_is_refused_or_has_the_old_one_leave_first(
    tmp_path: Path, tight: str, result: Result
) -> None:
    house = follower(tmp_path, swap_when_tight=tight, model_cache_bytes=200 * MIB)
    async with serving_one(house):
        house.model.memory_bytes = 100 * MIB  # so that the first is seen to leave too little for the second
        house.fetcher.publish("minilm", "2")
        outcome = await house.greenroom.reload("minilm")
        assert (outcome.result, outcome.version) == (result, "2" if tight == "drain" else "1")
        assert (await house.embed("text")).version == outcome.version
        assert house.snapshot.round == (2 if tight == "drain" else 1)
        assert house.keeper.entry.previous_id == ("1" if tight == "drain" else None)


async def test_files_of_a_version_that_is_on_its_way_are_not_cleared(house: House) -> None:
    async with serving_one(house):
        house.model.auto_off()
        for version in ("2", "3"):
            house.fetcher.publish("minilm", version)
        reload = asyncio.create_task(house.greenroom.reload("minilm"))
        await house.model.loading()
        await house.greenroom.clear("minilm", everything=True)
        house.model.become_ready()
        assert (await reload).version == "3"
        assert house.fetcher.known("minilm") == {"3"}


async def test_a_version_that_fails_after_the_old_one_left_brings_the_old_one_back(tmp_path: Path) -> None:
    house = follower(tmp_path, swap_when_tight="drain", model_cache_bytes=200 * MIB)
    async with serving_one(house):
        house.model.memory_bytes = 100 * MIB
        house.model.auto_off()
        house.fetcher.publish("minilm", "2")
        reload = asyncio.create_task(house.greenroom.reload("minilm"))
        await house.model.loading()
        house.model.fail(message="broken")
        await patient(house)(lambda: house.keeper.failed or house.model.loads == 3)
        await house.model.loading()
        house.model.become_ready()
        outcome = await reload
        assert (outcome.result, outcome.version) == (Result.FAILED, "1")


def test_defaults_of_a_spec_let_no_space_change_through() -> None:
    assert not ModelSpec("a", "path:/a").allow_space_change


def spoilt(vectors: Vectors, fault: str) -> Vectors:
    numbers = memoryview(bytearray(vectors.data)).cast("f")
    match fault:
        case "wrong dimension":
            return Vectors(vectors.data[: 4 * len(vectors.tokens)], 1, vectors.tokens, ())
        case "not a number":
            numbers[0] = float("nan")
        case "wrong direction":
            numbers[0], numbers[1] = -numbers[0] or 1.0, numbers[0] or 1.0
        case _:
            raise DeadlineExceededError("too late")
    return Vectors(bytes(numbers), vectors.dimension, vectors.tokens, ())
