"""Crashes, failures, evictions and looks at the source that fall into a change of version, or follow on one."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from greenroom.protocol.snapshot import Status
from greenroom.protocol.socket import Event, EventName
from greenroom.serving.change import Result
from greenroom.serving.trial import MIN_FAILURES
from greenroom.sources.seam import Want
from greenroom.testing.scripted_host import ScriptedHost
from greenroom.words import (
    DeadlineExceededError,
    ErrorCode,
    FileCorruptError,
    LoadError,
    ModelSpec,
    ModelVersion,
    OverloadedError,
    SourceUnreachableError,
    Task,
)  # fmt: skip
from tests.unit.serving.house import House
from tests.unit.serving.test_change import MIB, fail_on_trial, follower, patient, serving_one
from tests.unit.serving.test_room import Several

pytestmark = pytest.mark.anyio


@pytest.fixture
def house(tmp_path: Path) -> House:
    return follower(tmp_path)


async def serve_two(house: House) -> None:
    """Version 2 has taken over from 1, and is not on trial any more."""
    house.fetcher.publish("minilm", "2")
    await house.look()
    assert house.serving == "2"
    house.keeper.trial = None


async def fail_for_good(house: House) -> None:
    """The host dies, and its successor cannot be loaded."""
    house.model.auto_off()
    house.model.crash()
    await house.model.loading()
    house.model.fail(message="broken")
    await house.until_failed()


async def refuse_two(house: House) -> None:
    """Version 2 cannot be loaded."""
    house.model.auto_off()
    house.fetcher.publish("minilm", "2")
    reload = asyncio.create_task(house.greenroom.reload("minilm"))
    await house.model.loading()
    house.model.fail(message="broken")
    assert (await reload).result is Result.FAILED


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
        with monkeypatch.context() as patch:
            patch.setattr(house.keeper.refused_versions, "refuse", broken)
            fail_on_trial(house)
            await asyncio.sleep(0.05)
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


# the source


async def test_a_look_leaves_a_failed_model_alone_that_is_held_fast(house: House) -> None:
    async with serving_one(house):
        await serve_two(house)
        await house.greenroom.rollback("minilm")
        await fail_for_good(house)
        loads = house.model.loads
        await house.look()
        assert (house.keeper.failed, house.model.loads) == (True, loads)


async def test_a_failed_model_is_tried_with_what_its_source_names_next(house: House) -> None:
    async with serving_one(house):
        await fail_for_good(house)
        await house.look()
        assert house.keeper.failed, "the source names the version that failed"
        house.model.auto(0.0)
        house.fetcher.publish("minilm", "2")
        await house.look()
        assert house.serving == "2"


async def test_a_retry_that_could_not_be_made_is_not_made_up_for_without_end(house: House) -> None:
    async with serving_one(house):
        await refuse_two(house)
        refused, now = house.keeper.refused_versions, house.clock.unix()
        due = refused.next_retry(now)
        assert due is not None
        house.fetcher.fail(SourceUnreachableError("down"))
        await house.look()
        assert refused.next_retry(due) is None


async def test_a_failed_version_is_shown_no_longer_once_the_source_has_gone_back(house: House) -> None:
    async with serving_one(house):
        await refuse_two(house)
        assert status(house) == Status.DEGRADED
        house.fetcher.publish("minilm", "1")
        await house.look()
        assert status(house) == Status.READY


async def test_a_download_that_cannot_succeed_is_not_tried_at_every_look(house: House) -> None:
    async with serving_one(house):
        house.fetcher.publish("minilm", "2")
        fetches = damage(house, only=Want.LATEST)
        for _ in range(3):
            await house.look()
        assert len(fetches) == 1
        assert house.keeper.refused_versions.report()[0].version == "2"


async def test_a_download_that_is_cut_off_is_tried_at_the_next_look(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with serving_one(house):
        house.fetcher.publish("minilm", "2")
        with monkeypatch.context() as patch:
            patch.setattr(house.fetcher, "fetch", unreachable)
            await house.look()
        assert house.keeper.refused_versions.report() == ()
        await house.look()
        assert house.serving == "2"


# the gate


async def test_a_busy_server_refuses_no_version_for_it(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("greenroom.serving.gate.FULL_PAUSE_SECONDS", 0.001)
    async with serving_one(house):
        serving, sound, full = house.host, ScriptedHost.embed, iter([True, True])

        async def embed(self: ScriptedHost, texts: list[str], deadline_seconds: float | None) -> object:
            if self is serving and next(full, False):
                raise OverloadedError("full")
            return await sound(self, texts, deadline_seconds)

        monkeypatch.setattr(ScriptedHost, "embed", embed)
        house.fetcher.publish("minilm", "2")
        await house.look()
        assert house.serving == "2"


async def test_a_reload_of_a_model_that_rests_passes_the_gate_as_any_other(tmp_path: Path) -> None:
    several = Several(tmp_path)
    async with several.open():
        await several.use("b")
        await several.greenroom.keepers["b"].evict()
        several.fetcher.publish("b", "2", space="another")
        outcome = await several.greenroom.reload("b")
        assert outcome.error is not None
        assert outcome.error.code is ErrorCode.VERSION_REFUSED
        assert (await several.greenroom.embed("b", ["text"])).version == "1"


async def test_a_rollback_of_a_model_that_rests_does_not_lose_the_one_that_can_serve(tmp_path: Path) -> None:
    several = Several(tmp_path)
    async with several.open():
        await several.use("b")
        several.fetcher.publish("b", "2")
        await several.greenroom.reload("b")
        await several.fetcher.clear(several.greenroom.keepers["b"].spec, ["b/2"])
        await several.greenroom.keepers["b"].evict()
        assert (await several.greenroom.rollback("b")).result is Result.FAILED
        assert (await several.greenroom.embed("b", ["text"])).version == "2"


async def test_a_failed_model_is_not_mended_by_another_embedding_space(house: House) -> None:
    async with serving_one(house):
        await fail_for_good(house)
        house.model.auto(0.0)
        house.fetcher.publish("minilm", "2", space="another")
        await house.look()
        assert house.keeper.failed
        error = house.snapshot.models[0].error
        assert error is not None
        assert "allow_space_change" in error.message


async def test_a_folder_that_holds_another_embedding_space_now_is_not_loaded_unasked(tmp_path: Path) -> None:
    house = House(tmp_path, ModelSpec("minilm", f"path:{tmp_path / 'model'}", max_queued_texts=40))
    house.fetcher.publish("minilm", "1")
    async with house.ready():
        house.fetcher.publish("minilm", "2", space="another")
        house.model.crash()
        await house.until_failed()
        assert house.snapshot.models[0].previous is None, "its files are gone: nothing can be rolled back to"
        house.allow_space_change()
    successor = house.successor()
    async with successor.ready():
        assert successor.serving == "2"


async def test_classes_that_differ_are_named_in_the_refusal(tmp_path: Path) -> None:
    house = House(tmp_path, ModelSpec("minilm", "mlflow:models:/minilm@production", task=Task.CLASSIFY))
    async with serving_one(house):
        house.model.classes = ("bad", "good")
        house.fetcher.publish("minilm", "2")
        outcome = await house.greenroom.reload("minilm")
        assert outcome.error is not None
        assert "bad, good, and negative, neutral, positive before" in outcome.error.message


async def test_who_waits_for_a_model_that_has_failed_for_good_is_told_at_once(house: House) -> None:
    async with serving_one(house):
        waiting = asyncio.create_task(house.greenroom.wait_until_ready("minilm", timeout=30))
        await fail_for_good(house)
        async with asyncio.timeout(5):
            assert await house.greenroom.wait_until_ready("minilm", timeout=30) is False
        await waiting


async def test_the_same_version_loaded_again_is_no_swap(house: House) -> None:
    async with serving_one(house):
        await house.greenroom.reload("minilm", force=True)
        assert house.greenroom.metrics.swaps == {}
        await serve_two(house)
        assert house.greenroom.metrics.swaps == {"minilm": 1}


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


def status(house: House) -> Status:
    return house.snapshot.status


def damage(house: House, only: Want | None = None) -> list[str]:
    """Versions that are asked for by name (or `only` so) turn out to be damaged; what was asked for, as it comes."""
    real, asked = house.fetcher.fetch, list[str]()

    async def fetch(spec: object, want: Want | str, report: object) -> ModelVersion:
        if want is only or (only is None and not isinstance(want, Want)):
            asked.append(str(want))
            raise FileCorruptError("its hash is another one")
        return await real(spec, want, report)  # type: ignore[arg-type]

    house.fetcher.fetch = fetch  # type: ignore[method-assign]
    return asked


async def unreachable(*_: object) -> ModelVersion:
    raise SourceUnreachableError("down")


def broken(*_: object, **__: object) -> float | None:
    raise LoadError("broken")
