"""Crashes, damage and want of memory that fall into a change of version, or follow on one."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from greenroom.protocol.socket import Event, EventName
from greenroom.serving.change import Result
from greenroom.serving.trial import MIN_FAILURES
from greenroom.words import (
    DeadlineExceededError,
)  # fmt: skip
from tests.unit.serving.following import (
    MIB,
    broken,
    damage,
    fail_for_good,
    fail_on_trial,
    follower,
    patient,
    serve_two,
    serving_one,
)
from tests.unit.serving.house import House
from tests.unit.serving.several import Several

pytestmark = pytest.mark.anyio


@pytest.fixture
def house(tmp_path: Path) -> House:
    return follower(tmp_path)


# crashes


async def test_a_new_host_that_dies_while_the_old_one_drains_is_replaced_at_once(house: House) -> None:
    async with serving_one(house):
        await serve_two(house)
        house.model.hold_calls()
        held = house.embed("early")
        await house.held(1)
        await house.greenroom.rollback("minilm")
        house.kill_host()
        await patient(house)(lambda: house.snapshot.round == 2 and house.snapshot.ready)
        assert not held.done(), "the old host drains still"
        house.model.release_calls()
        assert (await held).version == "2"


async def test_a_good_version_serves_when_the_old_one_cannot_any_more(house: House) -> None:
    async with serving_one(house):
        house.model.auto_off()
        house.fetcher.publish("minilm", "2")
        reload = asyncio.create_task(house.greenroom.reload("minilm"))
        await house.model.loading()
        coming_is_ready = house.set_load_aside()
        house.kill_host()
        await house.model.loading()
        house.model.fail(message="its disk is gone")
        await house.until_failed()
        coming_is_ready()
        outcome = await reload
        assert (outcome.result, outcome.version) == (Result.CHANGED, "2")
        assert house.snapshot.ready
        assert (await house.embed("text")).version == "2"


async def test_a_version_that_died_on_its_trial_is_not_made_again_by_a_second_death(house: House) -> None:
    async with serving_one(house):
        house.fetcher.publish("minilm", "2")
        await house.look()
        house.model.auto_off()
        house.model.crash()
        await house.model.loading()
        kept = json.loads((house.greenroom.settings.data / "registry.json").read_text())["minilm"]
        assert (kept["active"], kept["pinned_against"]) == ("minilm/1", "minilm/2"), "a server killed now knows it, too"
        house.model.crash()
        house.model.auto(0.0)
        await house.advance_until(lambda: house.serving is not None)
        assert house.serving == "1"
        assert house.keeper.entry.pinned_against == "minilm/2"


async def test_a_rollback_of_a_failed_model_outlives_a_load_that_is_killed(house: House) -> None:
    async with serving_one(house):
        await serve_two(house)
        await fail_for_good(house)
        rollback = asyncio.create_task(house.greenroom.rollback("minilm"))
        await house.model.loading()
        house.model.crash()
        house.model.auto(0.0)
        await house.advance_until(rollback.done)
        assert (await rollback).version == "1"
        await house.look()
        assert house.serving == "1"
        assert house.keeper.entry.pinned_against == "minilm/2"


async def test_a_crash_after_a_rollback_brings_back_the_version_that_served(house: House) -> None:
    house.fetcher.publish("minilm", "1")
    async with house.open():
        reload = asyncio.create_task(house.greenroom.reload("minilm"))  # while the first load is under way
        await asyncio.sleep(0)
        house.model.auto(0.0)
        await reload
        await serve_two(house)
        await house.greenroom.rollback("minilm")
        house.model.crash()
        await patient(house)(lambda: house.snapshot.round == 2 and house.snapshot.ready)
        assert house.serving == "1"


async def test_calls_that_are_never_answered_count_on_a_trial(house: House) -> None:
    async with serving_one(house):
        house.fetcher.publish("minilm", "2")
        await house.look()
        house.model.hold_calls()
        calls = [house.embed(f"text {number}", seconds=0.05) for number in range(MIN_FAILURES)]
        ends = await asyncio.gather(*calls, return_exceptions=True)
        assert {type(end) for end in ends} == {DeadlineExceededError}
        await patient(house)(lambda: house.serving == "1")


async def test_a_taking_back_that_breaks_is_not_the_last_one(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    async with serving_one(house):
        house.fetcher.publish("minilm", "2")
        await house.look()
        asked = asyncio.Event()
        with monkeypatch.context() as patch:
            patch.setattr(house.keeper.refused_versions, "refuse", lambda *_, **__: broken(asked))
            fail_on_trial(house)
            await asyncio.wait_for(asked.wait(), 5)
        house.fetcher.publish("minilm", "3")
        await house.look()
        fail_on_trial(house)
        await patient(house)(lambda: house.serving == "2")


# what is on disk


async def test_a_version_that_is_damaged_on_disk_is_had_anew(house: House) -> None:
    async with serving_one(house):
        pass
    successor = house.successor()
    damage(successor)
    async with successor.ready():
        assert successor.serving == "1"


async def test_a_damaged_version_is_not_replaced_by_the_one_that_is_held_back(house: House) -> None:
    async with serving_one(house):
        await serve_two(house)
        await house.greenroom.rollback("minilm")
    successor = house.successor()
    damage(successor)
    async with successor.greenroom.running():
        await successor.until_failed()
        assert successor.keeper.version is None


async def test_a_registry_that_cannot_be_written_refuses_no_change(house: House) -> None:
    async with serving_one(house):
        await serve_two(house)
        (house.greenroom.settings.data / "registry.json").unlink()
        (house.greenroom.settings.data / "registry.json").mkdir()
        assert (await house.greenroom.rollback("minilm")).version == "1"
        assert await house.greenroom.unpin("minilm")


async def test_what_was_cleared_is_not_offered_for_a_rollback(house: House) -> None:
    async with serving_one(house):
        await serve_two(house)
        assert house.snapshot.models[0].previous is not None
        await house.greenroom.clear("minilm", everything=True)
        assert house.snapshot.models[0].previous is None


# memory


async def test_a_host_that_dies_beside_a_load_is_replaced_though_others_wait_for_memory(house: House) -> None:
    async with serving_one(house):
        house.model.auto_off()
        house.fetcher.publish("minilm", "2")
        reload = asyncio.create_task(house.greenroom.reload("minilm"))
        await house.model.loading()
        coming_is_ready = house.set_load_aside()
        room = house.greenroom.room
        room._free_bytes = lambda: 1000 * MIB
        other = asyncio.create_task(room.make("big", 900 * MIB))
        await asyncio.sleep(0)
        house.kill_host()
        await patient(house)(lambda: house.model.loads == 3)
        house.model.auto(0.0)
        coming_is_ready()
        async with asyncio.timeout(10):
            assert (await reload).version == "2"
            await other


async def test_nobody_leaves_for_a_load_that_would_not_fit_even_so(tmp_path: Path) -> None:
    several = Several(tmp_path, model_cache_size=5)
    async with several.open():
        for name in ("b", "c"):
            await several.use(name)
        several.greenroom.room._free_bytes = lambda: 20 * MIB  # and 128 in b and c
        several.greenroom.want(("d",))
        await several.until(lambda: several.greenroom.keepers["d"].failed)
        assert several.resident == {"a", "b", "c"}


async def test_a_version_that_failed_after_a_gap_makes_no_gap_at_every_look(tmp_path: Path) -> None:
    house = follower(tmp_path, swap_when_tight="drain", model_cache_bytes=200 * MIB)
    async with serving_one(house):
        house.model.memory_bytes = 100 * MIB
        house.model.auto_off()
        house.fetcher.publish("minilm", "2")
        look = asyncio.create_task(house.look())
        await house.model.loading()
        house.model.fail(message="broken")
        await patient(house)(lambda: house.model.loads == 3)
        house.model.become_ready()
        await look
        await house.look()
        assert (house.serving, house.model.loads) == ("1", 3)
        assert house.keeper.entry.active == "minilm/1"


async def test_a_load_after_a_gap_that_is_killed_is_made_again_with_the_same_version(tmp_path: Path) -> None:
    house = follower(tmp_path, swap_when_tight="drain", model_cache_bytes=200 * MIB)
    events: list[Event] = []
    async with serving_one(house):
        house.greenroom.board.listen(events.append)
        house.model.memory_bytes = 100 * MIB
        house.model.auto_off()
        house.fetcher.publish("minilm", "2")
        reload = asyncio.create_task(house.greenroom.reload("minilm"))
        await house.model.loading()
        house.model.crash()
        house.model.auto(0.0)
        assert (await reload).version == "2"
        swapped = [event for event in events if event.name is EventName.SWAPPED]
        assert [(event.previous_version, event.version) for event in swapped] == [("1", "2")]
