"""The laws of PROTOCOL §1 over random sequences of events: several models, tries, losses, jumping clocks,
steps that repeat or fall back, and arbitrary scopes."""

from __future__ import annotations

import math
import pickle
from dataclasses import dataclass
from itertools import chain, combinations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from greenroom.protocol.snapshot import PHASE_ORDER, EstimateBasis, InitState, MessageKey, ModelState, StageName
from greenroom.readiness.history import LoadHistory, LoadRecord, decoded, encoded
from greenroom.readiness.phases import PhaseError
from greenroom.readiness.readiness import Readiness
from greenroom.words import UnknownModelError
from tests.unit.readiness.loads import DIED, UNIX, spec, version

NAMES = ("minilm", "sentiment", "extra")
SCOPES = tuple(chain.from_iterable(combinations(NAMES, size) for size in (1, 2, 3)))

names = st.sampled_from(NAMES)
stage_names = st.sampled_from(StageName)
numbers = st.one_of(st.integers(-2, 30), st.floats(allow_nan=True, allow_infinity=True))
retries = st.sampled_from([None, UNIX - 50, UNIX + 7, UNIX + 300])
units = st.sampled_from(["bytes", "modules"])
stage_lists = st.lists(stage_names, unique=True)
events = st.one_of(
    st.tuples(st.just("begin"), names, stage_lists),
    st.tuples(st.just("resolved"), names, st.sampled_from("12")),
    st.tuples(st.just("step"), names, stage_names, numbers, numbers, units),
    st.tuples(st.just("step"), names, stage_names, st.integers(0, 10), st.just(10), st.just("bytes")),
    st.tuples(st.just("step"), names, stage_names, st.integers(0, 10), st.just(10), st.just("bytes")),
    st.tuples(st.just("ready"), names),
    st.tuples(st.just("interrupted"), names, st.just(DIED), retries),
    st.tuples(st.just("failed"), names, st.just(DIED), retries),
    st.tuples(st.just("lost"), names, st.just(DIED)),
    st.tuples(st.just("evicted"), names),
    st.tuples(st.just("target_begins"), names, stage_lists),
    st.tuples(st.just("target_resolved"), names, st.sampled_from("12")),
    st.tuples(st.just("target_step"), names, stage_names, st.integers(0, 10), st.just(10), st.just("bytes")),
    st.tuples(st.just("target_failed"), names, st.just(DIED), retries),
    st.tuples(st.just("target_forgotten"), names),
    st.tuples(st.just("target_serves"), names),
)  # fmt: skip
waits = st.one_of(st.just(0.0), st.floats(0, 3), st.sampled_from([-5.0, 40.0, -1e6, 1e6]))
Play = list[tuple[tuple[object, ...], float]]


@st.composite
def tries(draw: st.DrawFn) -> Play:
    """One try as it usually goes: begun, measured stage by stage up to somewhere, ended in one of the ways."""
    name = draw(names)
    chosen = draw(st.sets(stage_names, min_size=1))
    stages = [stage for stage in StageName if stage in chosen]
    play: list[tuple[object, ...]] = [("begin", name, stages)]
    for stage in stages[: draw(st.integers(1, len(stages)))]:
        play += [("step", name, stage, done, 10, "bytes") for done in draw(st.sampled_from([(3, 10), (5,), (10,)]))]
    if draw(st.booleans()):
        play.insert(draw(st.integers(1, len(play))), ("resolved", name, draw(st.sampled_from("12"))))
    ending = draw(st.sampled_from(["ready", "interrupted", "failed", "none"]))
    if ending != "none":
        play.append(("ready", name) if ending == "ready" else (ending, name, DIED, draw(retries)))
    return [(event, draw(waits)) for event in play]


@st.composite
def changes(draw: st.DrawFn) -> Play:
    """A version that comes up beside the one that serves, and what becomes of it."""
    name = draw(names)
    play: list[tuple[object, ...]] = [
        ("target_begins", name, list(StageName)), ("target_resolved", name, draw(st.sampled_from("12"))),
    ]  # fmt: skip
    play += [("target_step", name, stage, 10, 10, "bytes") for stage in draw(st.sets(stage_names))]
    ending = draw(st.sampled_from(["target_serves", "target_failed", "target_forgotten", "none"]))
    if ending == "target_failed":
        play.append((ending, name, DIED, draw(retries)))
    elif ending != "none":
        play.append((ending, name))
    return [(event, draw(waits)) for event in play]


single = st.tuples(events, waits).map(lambda event: [event])
plays = st.lists(tries() | changes() | single, max_size=12).map(
    lambda parts: [event for part in parts for event in part]
)

unhurried = settings(deadline=None)
"""A busy machine is no broken law."""


@dataclass
class Stage:
    """The readiness under test, and what the caller around it does."""

    readiness: Readiness
    history: LoadHistory
    now: float = 1000.0

    def apply(self, event: tuple[object, ...], wait: float) -> bool:
        """Whether the event was legal."""
        self.now += wait
        kind, name, *rest = event
        if kind in ("resolved", "target_resolved"):
            rest = [version(str(name), str(rest[0]))]
        before = pickle.dumps(self.readiness)
        try:
            record = getattr(self.readiness, str(kind))(name, *rest, now=self.now)
        except PhaseError:
            assert pickle.dumps(self.readiness) == before, "a refused event changed something"
            return False
        if isinstance(record, LoadRecord):
            self.history.add(record)
        return True

    def look(self, scope: tuple[str, ...], later: float = 0.0) -> InitState:
        return self.readiness.snapshot(scope, seq=7, at=UNIX, now=self.now + later)


def new_stage() -> Stage:
    history = LoadHistory()
    specs = [spec("minilm"), spec("sentiment"), spec("extra", required=False)]
    return Stage(Readiness(specs, "0f3c9a1e", history), history)


def played(play: Play) -> Stage:
    stage = new_stage()
    for event, wait in play:
        stage.apply(event, wait)
    return stage


@unhurried
@given(plays)
def test_progress_never_falls_within_an_epoch_and_round(play: Play) -> None:
    stage = new_stage()
    marks: dict[tuple[object, ...], int] = {}
    for event, wait in play:
        stage.apply(event, wait)
        for scope in SCOPES:
            state = stage.look(scope)
            keys = [(scope, state.round), *((m.name, stage.look((m.name,)).round) for m in state.models)]
            for key, progress in zip(keys, [state.progress, *(m.progress for m in state.models)], strict=True):
                assert progress >= marks.get(key, 0)
                marks[key] = progress


@unhurried
@given(plays)
def test_a_round_rises_exactly_when_a_model_of_the_scope_is_lost(
    play: Play,
) -> None:
    stage = new_stage()
    for event, wait in play:
        before = {scope: stage.look(scope) for scope in SCOPES}
        legal = stage.apply(event, wait)
        for scope in SCOPES:
            lost = legal and event[0] in ("lost", "evicted") and event[1] in scope
            assert stage.look(scope).round == before[scope].round + lost
            if before[scope].ready and not stage.look(scope).ready:
                assert lost


@unhurried
@given(plays)
def test_progress_is_100_if_and_only_if_ready(play: Play) -> None:
    stage = new_stage()
    for event, wait in play:
        stage.apply(event, wait)
        for scope in SCOPES:
            state = stage.look(scope)
            assert (state.progress == 100) == state.ready == state.models_loaded == stage.readiness.is_ready(scope)
            assert all((model.progress == 100) == (model.phase == "ready") for model in state.models)


@unhurried
@given(plays)
def test_a_phase_never_goes_backwards_within_a_try(play: Play) -> None:
    stage = new_stage()
    for event, wait in play:
        before = {name: stage.look((name,)).phase for name in NAMES}
        legal = stage.apply(event, wait)
        for name in NAMES:
            if event[1] != name or not legal:
                assert stage.look((name,)).phase is before[name]
            elif event[0] in ("step", "resolved"):
                assert PHASE_ORDER.index(stage.look((name,)).phase) >= PHASE_ORDER.index(before[name])


def check_model(model: ModelState) -> None:
    if model.stages:
        assert math.isclose(sum(stage.share for stage in model.stages), 1, abs_tol=1e-6)
    if model.phase == "ready":
        assert (model.estimated_seconds, model.estimate_basis, model.error) == (0, None, None)
    elif model.estimated_seconds is None:
        assert model.estimate_basis is None
    else:
        assert model.estimated_seconds >= 1
        assert model.estimate_basis is not None
    if model.bytes_done is not None:
        assert model.bytes_total is not None
        assert model.bytes_done <= model.bytes_total


@unhurried
@given(plays)
def test_every_number_is_measured_or_says_what_it_rests_on(play: Play) -> None:
    stage = played(play)
    for scope in SCOPES:
        state = stage.look(scope)
        for model in state.models:
            check_model(model)
        assert state.ready or state.estimated_seconds is None or state.estimated_seconds >= 1
        assert state.phase == min((model.phase for model in state.models), key=PHASE_ORDER.index)
        assert state.scope == scope
        assert state.seq == 7
        assert (state.status == "error") == stage.readiness.is_failed_for_good(scope)
        assert (state.message_key == MessageKey.STALLED) <= (state.stalled_seconds > 0)


@unhurried
@given(plays, st.floats(0, 1e5))
def test_time_alone_moves_no_progress(play: Play, later: float) -> None:
    stage = played(play)
    for scope in SCOPES:
        then, after = stage.look(scope), stage.look(scope, later)
        assert (then.progress, then.phase, then.ready, then.round) == (
            after.progress, after.phase, after.ready, after.round,
        )  # fmt: skip
        assert [model.stages for model in then.models] == [model.stages for model in after.models]
        assert [model.bytes_done for model in then.models] == [model.bytes_done for model in after.models]


@unhurried
@given(plays, st.floats(-1e5, 1e5))
def test_a_snapshot_changes_nothing(play: Play, later: float) -> None:
    stage = played(play)
    before = pickle.dumps(stage.readiness)
    first = [stage.look(scope) for scope in SCOPES]
    for scope in SCOPES:
        stage.look(scope, later)
        stage.readiness.moving(stage.now + later)
    assert [stage.look(scope) for scope in SCOPES] == first
    assert pickle.dumps(stage.readiness) == before


@unhurried
@given(plays)
def test_what_was_learned_survives_being_kept(play: Play) -> None:
    learned = [load for loads in played(play).history._loads.values() for load in loads]
    assert [decoded(encoded(load)) for load in learned] == learned


@unhurried
@given(plays)
def test_nothing_moves_exactly_when_each_is_ready_failed_for_good_or_not_asked_for(play: Play) -> None:
    stage = new_stage()
    unasked, coming = {"extra"}, set[str]()
    for event, wait in play:
        if not stage.apply(event, wait):
            continue
        kind, name = str(event[0]), str(event[1])
        if kind == "evicted":
            unasked.add(name)
        elif kind == "begin":
            unasked.discard(name)
        if kind == "target_begins":
            coming.add(name)
        elif kind in ("target_serves", "target_failed", "target_forgotten"):
            coming.discard(name)
    settled = [
        stage.readiness.is_ready([name]) or stage.readiness.is_failed_for_good([name]) or name in unasked
        for name in NAMES
    ]
    assert stage.readiness.moving(stage.now) == (not all(settled) or bool(coming))


def test_an_unknown_name_is_refused_by_name_everywhere() -> None:
    readiness = new_stage().readiness
    with pytest.raises(UnknownModelError, match="'other'"):
        readiness.scope(["minilm", "other"])
    with pytest.raises(UnknownModelError, match="'other'"):
        readiness.begin("other", (), 0.0)
    with pytest.raises(UnknownModelError, match="'other'"):
        readiness.is_ready(["other"])


def test_a_scope_is_in_configured_order_and_falls_back_to_the_required_models() -> None:
    readiness = new_stage().readiness
    assert readiness.scope(["extra", "minilm", "extra"]) == ("minilm", "extra")
    assert readiness.scope() == readiness.scope([]) == readiness.default_scope == ("minilm", "sentiment")
    optional = Readiness([spec("a", required=False), spec("b", required=False)], "0f3c9a1e", LoadHistory())
    assert optional.default_scope == optional.names == ("a", "b")


def test_the_basis_is_that_of_the_model_which_takes_longest() -> None:
    stage = new_stage()
    for name, loads in (("minilm", (StageName.IMPORT,)), ("sentiment", (StageName.CHECK,))):
        stage.readiness.begin(name, loads, stage.now)
    assert stage.look(("minilm", "sentiment")).estimated_seconds == 4
    assert stage.look(("minilm", "sentiment")).estimate_basis is EstimateBasis.PRIOR
    assert stage.look(("minilm", "extra")).estimated_seconds is None
