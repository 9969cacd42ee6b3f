"""ScriptedEngine: the seam's promises, and each order seen from where a server sees it."""

from __future__ import annotations

import asyncio
from array import array
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from greenroom.engine.seam import Engine, Host, Step
from greenroom.protocol.snapshot import InitState, StageName
from greenroom.readiness import LoadHistory, Readiness
from greenroom.testing import ScriptedEngine, ScriptedModel, StandingClock
from greenroom.words import (
    DeadlineExceededError,
    ErrorCode,
    HostLostError,
    InvalidInputError,
    LoadError,
    ModelSpec,
    ModelVersion,
    RuntimeName,
    Task,
)  # fmt: skip

pytestmark = pytest.mark.anyio

SPEC = ModelSpec("minilm", "path:nowhere")
VERSION = ModelVersion("minilm", "0" * 64, Path("/nowhere"), ())


class Stage:
    """An engine, its clock, and a readiness that takes what the engine reports, as a server's does."""

    def __init__(self) -> None:
        self.clock = StandingClock()
        self.engine = ScriptedEngine(self.clock)
        self.readiness = Readiness([SPEC], "epoch", LoadHistory())
        self.steps: list[Step] = []

    @property
    def model(self) -> ScriptedModel:
        return self.engine.model("minilm")

    @property
    def progress(self) -> int:
        now = self.clock.monotonic()
        state: InitState = self.readiness.snapshot(("minilm",), seq=1, at=0.0, now=now)
        return state.progress

    async def load(self) -> asyncio.Future[Host]:
        """A load under way."""
        engine: Engine = self.engine
        now = self.clock.monotonic()
        self.readiness.begin("minilm", engine.stages(SPEC), now)
        self._report(Step(StageName.RESOLVE, 0, 1, "bytes"))
        self._report(Step(StageName.RESOLVE, 1, 1, "bytes"))
        self.readiness.resolved("minilm", VERSION, now)
        load = asyncio.ensure_future(engine.load(SPEC, VERSION, {}, self._report))
        await asyncio.sleep(0)
        return load

    async def ready(self) -> Host:
        """A host that is ready."""
        load = await self.load()
        self.model.become_ready()
        return await load

    def _report(self, step: Step) -> None:
        self.steps.append(step)
        self.readiness.step("minilm", step.stage, step.done, step.total, step.unit, self.clock.monotonic())


@pytest.fixture
async def stage() -> AsyncIterator[Stage]:
    stage = Stage()
    await stage.engine.start()
    yield stage
    await stage.engine.close()


async def test_a_load_begins_at_zero_and_stays_there(stage: Stage) -> None:
    load = await stage.load()
    await stage.clock.advance(3600)
    assert not load.done()
    assert stage.progress == 0
    load.cancel()


async def test_freeze_shows_each_per_cent_exactly(stage: Stage) -> None:
    load = await stage.load()
    for percent in range(100):
        stage.model.freeze(percent)
        assert stage.progress == percent == stage.model.percent
    load.cancel()


@pytest.mark.parametrize("percent", [-1, 100])
async def test_freeze_refuses_what_no_loading_model_shows(stage: Stage, percent: int) -> None:
    with pytest.raises(InvalidInputError, match="0 to 99"):
        stage.model.freeze(percent)


async def test_freeze_refuses_to_go_back(stage: Stage) -> None:
    load = await stage.load()
    stage.model.freeze(60)
    with pytest.raises(InvalidInputError, match="never falls"):
        stage.model.freeze(59)
    assert stage.progress == 60
    load.cancel()


async def test_an_order_before_the_load_is_kept_for_it(stage: Stage) -> None:
    stage.model.freeze(42)
    load = await stage.load()
    assert stage.progress == 42
    load.cancel()


async def test_a_step_of_one_stage_can_be_played(stage: Stage) -> None:
    stage.model.stages = (StageName.WEIGHTS, StageName.WARMUP)
    load = await stage.load()
    stage.model.step(StageName.WARMUP, 0.5)
    assert (stage.steps[-1].stage, stage.steps[-1].done / stage.steps[-1].total) == (StageName.WARMUP, 0.5)
    with pytest.raises(InvalidInputError, match="no stage import"):
        stage.model.step(StageName.IMPORT, 0.5)
    with pytest.raises(InvalidInputError, match="fraction"):
        stage.model.step(StageName.WARMUP, 1.5)
    load.cancel()


async def test_become_ready_ends_the_load_with_a_host(stage: Stage) -> None:
    host = await stage.ready()
    assert (host.info.dimension, host.info.max_tokens) == (384, 256)
    assert not host.exited.done()
    assert host.memory_bytes() == stage.model.memory_bytes


async def test_proceed_goes_on_to_ready_in_the_given_time(stage: Stage) -> None:
    load = await stage.load()
    stage.model.freeze(50)
    stage.model.proceed(10)
    await asyncio.sleep(0)
    await stage.clock.advance(5)
    assert 70 <= stage.progress <= 80
    assert not load.done()
    await stage.clock.advance(5.1)
    assert load.done()


async def test_another_order_stops_proceeding(stage: Stage) -> None:
    load = await stage.load()
    stage.model.proceed(10)
    await asyncio.sleep(0)
    await stage.clock.advance(2)
    stage.model.freeze(stage.progress)
    shown = stage.progress
    await stage.clock.advance(60)
    assert stage.progress == shown
    load.cancel()


async def test_auto_makes_every_load_ready_by_itself(stage: Stage) -> None:
    stage.model.auto(1)
    for _ in range(2):
        load = asyncio.ensure_future(stage.engine.load(SPEC, VERSION, {}, lambda step: None))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        await stage.clock.advance(1.1)
        await asyncio.wait_for(load, 1)
        stage.model.crash()
    assert stage.model.loads == 2


async def test_fail_ends_the_load_with_the_given_error(stage: Stage) -> None:
    load = await stage.load()
    stage.model.fail(ErrorCode.FILE_MISSING, "model.safetensors is not there", temporary=False)
    with pytest.raises(LoadError, match="is not there") as raised:
        await load
    assert raised.value.code is ErrorCode.FILE_MISSING


async def test_a_crash_while_loading_loses_the_load(stage: Stage) -> None:
    load = await stage.load()
    stage.model.crash()
    with pytest.raises(HostLostError, match="SIGKILL"):
        await load


async def test_a_crash_while_ready_ends_the_host_and_loses_calls_in_flight(stage: Stage) -> None:
    host = await stage.ready()
    stage.model.hold_calls()
    call = asyncio.ensure_future(host.embed(["a"], None))
    await asyncio.sleep(0)
    stage.model.crash()
    with pytest.raises(HostLostError):
        await call
    assert not (await asyncio.shield(host.exited)).expected
    with pytest.raises(HostLostError):
        await host.embed(["b"], None)


async def test_a_poison_ends_its_host_which_names_the_texts_it_had_not_answered(stage: Stage) -> None:
    host = await stage.ready()
    stage.model.poison.add("poison")
    await host.embed(["answered"], None)
    stage.model.hold_calls()
    left = asyncio.ensure_future(host.embed(["left"], None))
    waiting = [asyncio.ensure_future(host.embed(texts, None)) for texts in (["poison", "a", "a"], ["b"])]
    await asyncio.sleep(0)
    left.cancel()
    await asyncio.wait([left])
    stage.model.release_calls()
    for call in waiting:
        with pytest.raises(HostLostError, match="SIGSEGV"):
            await call
    assert (await asyncio.shield(host.exited)).unanswered == ("poison", "a", "b")


async def test_a_load_after_a_crash_begins_at_zero_again(stage: Stage) -> None:
    await stage.ready()
    stage.model.crash()
    steps: list[Step] = []
    load = asyncio.ensure_future(stage.engine.load(SPEC, VERSION, {}, steps.append))
    await asyncio.sleep(0)
    assert stage.model.percent == 0
    assert len(steps) == 1
    load.cancel()


async def test_held_calls_wait_until_they_are_released(stage: Stage) -> None:
    host = await stage.ready()
    stage.model.hold_calls()
    call = asyncio.ensure_future(host.embed(["a"], None))
    await asyncio.sleep(0)
    assert stage.model.held_calls == 1
    stage.model.release_calls()
    assert (await call).dimension == 384
    assert stage.model.held_calls == 0


async def test_a_held_call_keeps_its_deadline(stage: Stage) -> None:
    host = await stage.ready()
    stage.model.hold_calls()
    with pytest.raises(DeadlineExceededError):
        await host.embed(["a"], 0.01)


async def test_a_cancelled_load_leaves_the_model_idle(stage: Stage) -> None:
    load = await stage.load()
    load.cancel()
    await asyncio.gather(load, return_exceptions=True)
    assert stage.model.state == "idle"


async def test_closing_the_engine_ends_its_hosts_as_expected(stage: Stage) -> None:
    host = await stage.ready()
    await stage.engine.close()
    assert host.exited.result().expected


async def test_texts_with_more_words_in_common_score_higher(stage: Stage) -> None:
    texts = ["replace the main switchboard", "replace a switchboard", "paint the kitchen walls"]
    vectors = await (await stage.ready()).embed(texts, None)
    rows = [array("f", vectors.data[i * 1536 : (i + 1) * 1536]) for i in range(3)]
    near, far = (sum(x * y for x, y in zip(rows[0], row, strict=True)) for row in rows[1:])
    assert near > far
    assert all(abs(sum(x * x for x in row) - 1) < 1e-6 for row in rows)
    assert vectors.tokens == (4, 3, 4)


async def test_a_text_beyond_256_words_is_cut_and_said_to_be(stage: Stage) -> None:
    host = await stage.ready()
    long = " ".join(f"word{i}" for i in range(256))
    vectors = await host.embed([long, long + " more", ""], None)
    assert vectors.truncated == (1,)
    assert vectors.data[:1536] == vectors.data[1536:3072]
    assert vectors.tokens == (256, 256, 0)


@pytest.mark.parametrize(
    ("classes", "labels"),
    [((), ["negative", "neutral", "positive"]), (("worst", "bad", "good", "best"), ["worst", "bad", "best"])],
)
async def test_a_model_that_classifies_answers_with_the_mood_of_the_words(
    classes: tuple[str, ...], labels: list[str]
) -> None:
    engine = ScriptedEngine(StandingClock())
    engine.model("mood").classes = classes
    engine.model("mood").become_ready()
    spec = ModelSpec("mood", "path:nowhere", Task.CLASSIFY, RuntimeName.TEXT_CLASSIFIER)
    host = await engine.load(spec, VERSION, {}, lambda step: None)
    answer = await host.embed(["Terrible, I hate it", "A box", "Good! I love it"], None)
    numbers, width = array("f", answer.data), len(host.info.classes)
    rows = [numbers[start : start + width] for start in range(0, len(numbers), width)]
    assert [host.info.classes[row.index(max(row))] for row in rows] == labels
    assert all(sum(row) == pytest.approx(1) for row in rows)
    assert answer.dimension == host.info.dimension == width


async def test_a_tabular_model_says_its_columns_and_one_that_embeds_has_none() -> None:
    engine = ScriptedEngine(StandingClock())
    for name, runtime in (("table", RuntimeName.TABULAR), ("minilm", RuntimeName.SENTENCE_TRANSFORMERS)):
        engine.model(name).become_ready()
        task = Task.CLASSIFY if runtime is RuntimeName.TABULAR else Task.EMBED
        host = await engine.load(ModelSpec(name, "path:x", task, runtime), VERSION, {}, lambda step: None)
        assert bool(host.info.columns) == bool(host.info.classes) == (runtime is RuntimeName.TABULAR)
