"""What a source names is tried, refused or left alone; and how a version is judged before it may serve."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from greenroom.protocol.snapshot import Status
from greenroom.serving.change import Result
from greenroom.sources.seam import Want
from greenroom.testing.scripted_host import ScriptedHost
from greenroom.words import (
    ErrorCode,
    ModelSpec,
    OverloadedError,
    SourceUnreachableError,
    Task,
)  # fmt: skip
from tests.unit.serving.following import (
    damage,
    fail_for_good,
    follower,
    refuse_two,
    serve_two,
    serving_one,
    unreachable,
)
from tests.unit.serving.house import House
from tests.unit.serving.several import Several

pytestmark = pytest.mark.anyio


@pytest.fixture
def house(tmp_path: Path) -> House:
    return follower(tmp_path)


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

        async def embed(self: ScriptedHost, texts: list[str], deadline_seconds: float | None, *_: object) -> object:
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


def status(house: House) -> Status:
    return house.snapshot.status
