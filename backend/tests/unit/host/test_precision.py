"""A reduced number format is used only when it was seen to agree with float32."""

from __future__ import annotations

import itertools

import pytest

pytest.importorskip("numpy")

from greenroom.frames import Load, StageStep
from greenroom.host.precision import CheckFailedError, Prepared, prepare
from tests.unit.host.fake_runtime import FakeClassifier, FakeModule, FakeRuntime


def load_of(dtype: str = "auto", verdicts: dict[str, bool] | None = None) -> Load:
    return Load("m", "/folder", "sentence-transformers", dtype, 4096, verdicts or {})


def run(load: Load, *runtimes: FakeRuntime) -> tuple[Prepared, list[StageStep]]:
    steps: list[StageStep] = []
    return prepare(FakeModule(*runtimes), load, steps.append), steps


def test_a_format_that_agrees_with_float32_is_used_and_the_verdict_handed_on() -> None:
    prepared, _ = run(load_of(), FakeRuntime())
    assert prepared.runtime.dtype == "bfloat16"
    assert prepared.verdicts == {"bfloat16": True}


def test_a_format_that_strays_falls_back_to_float32_read_again() -> None:
    prepared, _ = run(load_of(), FakeRuntime(strays=0.5), FakeRuntime())
    assert prepared.runtime.dtype == "float32"
    assert prepared.verdicts == {"bfloat16": False}


def test_a_remembered_refusal_is_not_tried_again() -> None:
    prepared, _ = run(load_of(verdicts={"bfloat16": False}), FakeRuntime())
    assert prepared.runtime.dtype == "float32"


def test_a_remembered_agreement_saves_the_float32_pass() -> None:
    first, second = FakeRuntime(), FakeRuntime()
    run(load_of(), first)
    prepared, _ = run(load_of(verdicts={"bfloat16": True}), second)
    assert prepared.runtime.dtype == "bfloat16"
    assert len(second.batches) == len(first.batches) - 1


@pytest.mark.parametrize("verdicts", [{}, {"bfloat16": False}])
def test_an_operator_who_asked_for_a_format_that_strays_is_told(verdicts: dict[str, bool]) -> None:
    with pytest.raises(CheckFailedError, match="bfloat16"):
        run(load_of("bfloat16", verdicts), FakeRuntime(strays=0.5))


def test_a_model_that_answers_nonsense_in_float32_is_refused() -> None:
    with pytest.raises(CheckFailedError, match="unit length"):
        run(load_of("float32"), FakeRuntime(broken=True))


def test_stages_come_in_order_and_each_ends_at_its_total() -> None:
    _, steps = run(load_of(), FakeRuntime())
    by_stage = {stage: list(group) for stage, group in itertools.groupby(steps, key=lambda step: step.stage)}
    assert list(by_stage) == ["weights", "warmup", "check"]
    for group in by_stage.values():
        done = [step.done for step in group]
        assert done == sorted(done)
        assert group[-1].done == group[-1].total > 0
    assert 50 <= len(by_stage["weights"]) <= 102


def test_a_classifier_whose_probabilities_stray_falls_back_to_float32() -> None:
    agreed, _ = run(load_of(), FakeClassifier())
    strayed, _ = run(load_of(), FakeClassifier(strays=0.5), FakeClassifier())
    assert (agreed.runtime.dtype, strayed.runtime.dtype) == ("bfloat16", "float32")


def test_a_classifier_that_answers_nonsense_is_refused() -> None:
    with pytest.raises(CheckFailedError, match="probabilities that sum to 1"):
        run(load_of("float32"), FakeClassifier(broken=True))


def test_a_model_that_names_its_samples_is_warmed_and_checked_with_them_alone() -> None:
    runtime = FakeRuntime()
    runtime.samples = ('{"width":1}', '{"width":2}')
    run(load_of(), runtime)
    assert {text for batch in runtime.batches for text in batch} == set(runtime.samples)
