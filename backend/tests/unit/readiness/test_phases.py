"""The phase table, and the page that shows it."""

from __future__ import annotations

from itertools import product
from pathlib import Path

import pytest

from greenroom.protocol.snapshot import PHASE_ORDER, Phase, StageName
from greenroom.readiness.phases import ACTIVE, TABLE, Event, PhaseError, State, after, diagram, event_of, phase_of

PAGE = Path(__file__).parents[4] / "docs" / "readiness.md"
STEPS = (Event.MEASURE, Event.DOWNLOAD, Event.LOAD, Event.FINALIZE)


def test_the_page_shows_the_diagram_of_the_table() -> None:
    assert diagram() in PAGE.read_text(), f"put the output of greenroom.readiness.diagram() into {PAGE.name}"


def test_an_illegal_event_names_state_and_event() -> None:
    with pytest.raises(PhaseError, match=r"minilm is ready: 'begin' cannot happen") as caught:
        after("minilm", State.READY, Event.BEGIN)
    assert (caught.value.state, caught.value.event) == (State.READY, Event.BEGIN)


@pytest.mark.parametrize(("state", "event"), list(product(ACTIVE, STEPS)))
def test_a_step_never_moves_a_phase_backwards(state: State, event: Event) -> None:
    order = PHASE_ORDER.index
    assert order(phase_of(TABLE[state][event])) >= order(phase_of(state))


def test_every_active_state_can_end_in_every_way() -> None:
    for state in ACTIVE:
        assert TABLE[state][Event.READY] is State.READY
        assert TABLE[state][Event.INTERRUPT] is State.WAITING
        assert TABLE[state][Event.FAIL] is State.FAILED


@pytest.mark.parametrize("stage", [StageName.IMPORT, StageName.RESOLVE])
def test_what_runs_beside_a_download_does_not_make_it_loading(stage: StageName) -> None:
    assert event_of(stage, download_pending=True) is Event.MEASURE
    assert event_of(stage, download_pending=False) is Event.LOAD


def test_waiting_and_queued_are_both_shown_as_queued() -> None:
    assert {phase_of(state) for state in State} == set(Phase) - {Phase.CONNECTING}
    assert phase_of(State.WAITING) is phase_of(State.QUEUED) is Phase.QUEUED
