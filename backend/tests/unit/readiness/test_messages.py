"""The states of PROTOCOL §1 as people read them, against the golden examples."""

from __future__ import annotations

import json
from importlib import resources
from typing import Any

import pytest

from greenroom.protocol.snapshot import InitState, MessageKey, Phase, StageName
from greenroom.readiness.history import LoadHistory
from greenroom.readiness.readiness import Readiness
from greenroom.readiness.view import MESSAGES
from tests.unit.readiness.loads import AGAIN, BYTES, DAMAGED, DIED, FIRST, UNIX, Play, look, one, spec, version


def golden(name: str) -> dict[str, Any]:
    text = (resources.files("greenroom.protocol") / "examples" / f"snapshot-{name}.json").read_text()
    content: dict[str, Any] = json.loads(text)
    return content


def assert_like(state: InitState, name: str) -> None:
    """The same to a reader as the golden example: all but its numbers."""
    example = golden(name)
    for key in ("status", "ready", "models_loaded", "phase", "message_key", "message"):
        assert getattr(state, key) == example[key], key


def begun() -> Readiness:
    readiness = one()
    readiness.begin("minilm", FIRST, 100.0)
    return readiness


def loaded(history: LoadHistory | None = None) -> Readiness:
    readiness = one(history)
    record = Play(readiness).run()
    if history is not None:
        history.add(record)
    return readiness


def test_every_key_has_its_english() -> None:
    assert set(MESSAGES) == set(MessageKey) - {MessageKey.FAILED}


def test_queued() -> None:
    for readiness in (one(), begun()):
        assert_like(look(readiness, 100.0), "queued")


def test_before_the_first_try_nothing_is_known() -> None:
    state = look(one(), 100.0)
    assert (state.estimated_seconds, state.estimate_basis, state.models[0].stages) == (None, None, ())


def test_loading() -> None:
    readiness = begun()
    readiness.step("minilm", StageName.IMPORT, 5, 10, "modules", 102.0)
    state = look(readiness, 102.0)
    assert_like(state, "loading")
    assert [stage.name for stage in state.models[0].stages] == list(FIRST)


def test_stalled() -> None:
    readiness = begun()
    readiness.step("minilm", StageName.IMPORT, 5, 10, "modules", 102.0)
    assert look(readiness, 111.9).stalled_seconds == 0
    state = look(readiness, 125.2)
    assert_like(state, "stalled")
    assert state.stalled_seconds == golden("stalled")["stalled_seconds"] == 23


def test_ready() -> None:
    readiness = loaded()
    state = look(readiness, 200.0)
    assert_like(state, "ready")
    example = golden("ready")["models"][0]
    model = state.models[0].model_dump(mode="json")
    for key in set(example) - {"version", "task"}:
        assert model[key] == example[key], key


def test_failed_says_what_the_error_says() -> None:
    readiness = begun()
    readiness.failed("minilm", DAMAGED, None, 101.0)
    state = look(readiness, 101.0)
    assert (state.status, state.phase, state.message_key) == ("error", Phase.FAILED, MessageKey.FAILED)
    assert state.message == DAMAGED.message
    assert (state.estimated_seconds, state.models[0].version) == (None, None)
    assert (golden("failed")["message"], golden("failed")["status"]) == (
        golden("failed")["models"][0]["error"]["message"], state.status,
    )  # fmt: skip


def test_a_crash_loop_says_that_the_next_try_comes_by_itself() -> None:
    readiness = loaded()
    readiness.lost("minilm", DIED, 200.0)
    readiness.failed("minilm", DIED, UNIX + 300, 200.0)
    state = look(readiness, 200.0)
    assert_like(state, "crash-loop")
    assert state.models[0].retry_at is not None
    assert not readiness.is_failed_for_good(["minilm"])


def test_restarting_begins_a_round_from_zero() -> None:
    readiness = loaded(LoadHistory())
    readiness.lost("minilm", DIED, 200.0)
    readiness.interrupted("minilm", DIED, UNIX + 5, 200.0)
    state = look(readiness, 200.0)
    assert_like(state, "restarting")
    model = state.models[0]
    assert (state.round, state.progress, model.attempt, model.error) == (2, 0, 1, DIED)
    assert (model.bytes_done, model.bytes_total, model.version) == (None, None, version().id)
    assert [(stage.name, stage.done) for stage in model.stages] == [(stage, 0) for stage in AGAIN]
    readiness.begin("minilm", AGAIN, 205.0)
    assert_like(look(readiness, 205.0), "restarting")


@pytest.mark.parametrize(("required", "status"), [(False, "degraded"), (True, "ready")])
def test_degraded_when_a_model_that_is_not_required_has_failed(required: bool, status: str) -> None:
    readiness = Readiness([spec(), spec("extra", required=required)], "0f3c9a1e", LoadHistory())
    Play(readiness).run()
    readiness.begin("extra", AGAIN, 200.0)
    readiness.failed("extra", DAMAGED, None, 201.0)
    state = readiness.snapshot(("minilm",), seq=1, at=UNIX, now=201.0)
    assert state.status == status
    if not required:
        assert_like(state, "degraded")
    assert readiness.snapshot(("minilm", "extra"), seq=1, at=UNIX, now=201.0).status == "error"


def test_tries_count_up_and_progress_waits_at_its_mark() -> None:
    readiness = begun()
    readiness.step("minilm", StageName.IMPORT, 10, 10, "modules", 104.0)
    mark = look(readiness, 104.0).progress
    readiness.interrupted("minilm", DIED, None, 104.5)
    assert (look(readiness, 104.5).phase, look(readiness, 104.5).progress) == (Phase.QUEUED, mark)
    readiness.begin("minilm", AGAIN, 105.0)
    state = look(readiness, 105.0)
    assert (state.models[0].attempt, state.progress, state.round) == (2, mark, 1)
    assert all(stage.done == 0 for stage in state.models[0].stages)


def test_a_download_counts_bytes_and_keeps_its_phase_beside_the_import() -> None:
    readiness = one()
    readiness.begin("minilm", tuple(StageName), 100.0)
    readiness.step("minilm", StageName.IMPORT, 1, 10, "modules", 100.1)
    assert look(readiness, 100.1).phase is Phase.QUEUED
    readiness.resolved("minilm", version(), 100.2)
    assert (look(readiness, 100.2).models[0].bytes_done, look(readiness, 100.2).models[0].bytes_total) == (None, BYTES)
    readiness.step("minilm", StageName.DOWNLOAD, BYTES // 2, BYTES, "bytes", 101.0)
    readiness.step("minilm", StageName.DOWNLOAD, BYTES // 4, BYTES, "bytes", 101.1)
    readiness.step("minilm", StageName.IMPORT, 5, 10, "modules", 101.2)
    state = look(readiness, 101.2)
    assert (state.phase, state.models[0].bytes_done) == (Phase.DOWNLOADING, BYTES // 2)
    readiness.step("minilm", StageName.DOWNLOAD, BYTES, BYTES, "bytes", 102.0)
    readiness.step("minilm", StageName.IMPORT, 6, 10, "modules", 102.2)
    assert look(readiness, 102.2).phase is Phase.LOADING
    assert look(readiness, 102.2).models[0].bytes_done == BYTES


def test_a_stage_that_has_begun_proves_those_before_it_through() -> None:
    readiness = begun()
    readiness.step("minilm", StageName.IMPORT, 4, 10, "modules", 102.0)
    readiness.step("minilm", StageName.WEIGHTS, 0, 10, "bytes", 104.0)
    done = {stage.name: stage.done for stage in look(readiness, 104.0).models[0].stages}
    assert list(done.values()) == [1, 1, 0, 0, 0]


def test_a_stage_that_nobody_announced_joins_while_it_is_unfinished() -> None:
    readiness = one()
    readiness.begin("minilm", AGAIN, 100.0)
    readiness.step("minilm", StageName.IMPORT, 10, 10, "modules", 100.1)
    assert [stage.name for stage in look(readiness, 100.1).models[0].stages] == list(AGAIN)
    assert look(readiness, 100.1).phase is Phase.QUEUED
    readiness.step("minilm", StageName.IMPORT, 1, 10, "modules", 100.2)
    assert [stage.name for stage in look(readiness, 100.2).models[0].stages] == list(FIRST)
