"""How long still: simulated loads, and what was foretold on the way."""

from __future__ import annotations

import pytest

from greenroom.protocol.snapshot import EstimateBasis, InitState, StageName
from greenroom.readiness.history import LoadHistory, eta_error
from tests.unit.readiness.loads import AGAIN, BYTES, DIED, FIRST, UNIX, Play, look, one, version

FIRST_LOAD_ERROR = 0.35
LATER_LOAD_ERROR = 0.15


def estimated(state: InitState) -> int:
    assert state.estimated_seconds is not None
    return state.estimated_seconds


@pytest.mark.parametrize("slowness", [0.5, 1.0, 2.0, 4.0])
@pytest.mark.parametrize("head_start", [0.0, 0.3])
def test_a_first_load_is_foretold_from_what_this_machine_shows(slowness: float, head_start: float) -> None:
    error = eta_error(Play(one(), slowness, head_start).run())
    assert error is not None
    assert error <= FIRST_LOAD_ERROR


@pytest.mark.parametrize("slowness", [0.5, 1.0, 2.0, 4.0])
def test_a_second_load_is_foretold_from_the_first(slowness: float) -> None:
    history = LoadHistory()
    history.add(Play(one(), slowness).run())
    play = Play(one(history), slowness)
    record = play.run()
    assert eta_error(record) == pytest.approx(0, abs=LATER_LOAD_ERROR)
    assert {state.estimate_basis for _, state in play.seen if state.models[0].version} == {EstimateBasis.HISTORY}


def test_a_second_load_half_as_fast_as_the_first_is_noticed() -> None:
    history = LoadHistory()
    history.add(Play(one(), 1.0).run())
    error = eta_error(Play(one(history), 2.0).run())
    assert error is not None
    assert error <= FIRST_LOAD_ERROR


def test_learned_progress_rises_evenly_with_time() -> None:
    history = LoadHistory()
    history.add(Play(one()).run())
    play = Play(one(history))
    total = play.run().total_seconds
    for now, state in play.seen:
        assert state.progress == pytest.approx(100 * (now - 100) / total, abs=1.5)


def test_constant_speed_counts_down_with_the_clock() -> None:
    history = LoadHistory()
    history.add(Play(one()).run())
    play = Play(one(history))
    total = play.run().total_seconds
    for now, state in play.seen:
        assert estimated(state) == pytest.approx(max(1, total - (now - 100)), abs=1.2)


def test_an_estimate_grows_while_nothing_moves_and_progress_does_not() -> None:
    readiness = one()
    readiness.begin("minilm", FIRST, 100.0)
    readiness.step("minilm", StageName.IMPORT, 10, 20, "modules", 102.0)
    soon, later, stalled = (look(readiness, now) for now in (102.0, 106.0, 130.0))
    assert estimated(soon) < estimated(later) < estimated(stalled)
    assert soon.progress == later.progress == stalled.progress
    assert (soon.stalled_seconds, later.stalled_seconds, stalled.stalled_seconds) == (0, 0, 28)


def test_between_two_steps_the_estimate_counts_down_for_the_usual_gap() -> None:
    history = LoadHistory()
    history.add(Play(one(), 20.0).run())
    readiness = one(history)
    readiness.begin("minilm", FIRST, 100.0)
    readiness.resolved("minilm", version(), 101.0)
    readiness.step("minilm", StageName.IMPORT, 1, 10, "modules", 108.0)
    assert estimated(look(readiness, 115.9)) < estimated(look(readiness, 108.0))


def test_a_stall_is_three_usual_gaps_where_gaps_are_long() -> None:
    history = LoadHistory()
    history.add(Play(one(), 20.0).run())
    readiness = one(history)
    readiness.begin("minilm", FIRST, 100.0)
    readiness.resolved("minilm", version(), 100.0)
    assert look(readiness, 123.0).stalled_seconds == 0
    assert look(readiness, 125.0).stalled_seconds == 25


def test_repeated_steps_are_no_progress() -> None:
    readiness = one()
    readiness.begin("minilm", FIRST, 100.0)
    for second in range(20):
        readiness.step("minilm", StageName.IMPORT, 5 - second % 2, 10, "modules", 100.0 + second)
    assert look(readiness, 119.0).stalled_seconds == 19


def test_a_clock_that_stands_still_or_jumps_back_stalls_nothing() -> None:
    readiness = one()
    readiness.begin("minilm", FIRST, 100.0)
    readiness.step("minilm", StageName.IMPORT, 1, 10, "modules", 40.0)
    assert look(readiness, 40.0).stalled_seconds == look(readiness, 0.0).stalled_seconds == 0
    assert look(readiness, 51.0).stalled_seconds == 11


def test_a_running_download_is_judged_by_its_own_rate() -> None:
    readiness = one()
    readiness.begin("minilm", tuple(StageName), 100.0)
    readiness.resolved("minilm", version(), 100.0)
    for second in range(11):
        readiness.step("minilm", StageName.DOWNLOAD, second * 1e6, BYTES, "bytes", 100.0 + second)
    state = look(readiness, 110.0)
    assert state.estimate_basis is EstimateBasis.RATE
    assert state.models[0].bytes_per_second == pytest.approx(1e6)
    assert estimated(state) == pytest.approx((BYTES - 10e6) / 1e6, abs=3)


def test_a_slow_network_does_not_make_the_machine_slow() -> None:
    readiness = one()
    readiness.begin("minilm", tuple(StageName), 100.0)
    readiness.resolved("minilm", version(), 100.0)
    readiness.step("minilm", StageName.IMPORT, 10, 10, "modules", 104.0)
    for second in range(91):
        readiness.step("minilm", StageName.DOWNLOAD, second * BYTES / 90, BYTES, "bytes", 100.0 + second)
    assert estimated(look(readiness, 190.0)) == 2


def test_a_download_that_dried_up_has_no_estimate() -> None:
    readiness = one()
    readiness.begin("minilm", tuple(StageName), 100.0)
    for second in range(5):
        readiness.step("minilm", StageName.DOWNLOAD, second * 1e6, BYTES, "bytes", 100.0 + second)
    state = look(readiness, 300.0)
    assert (state.estimated_seconds, state.estimate_basis) == (None, None)
    assert state.models[0].bytes_per_second == 0


def test_waiting_for_the_next_try_is_part_of_the_estimate() -> None:
    readiness = one()
    readiness.begin("minilm", AGAIN, 100.0)
    readiness.interrupted("minilm", DIED, UNIX + 30, 100.0)
    assert estimated(look(readiness, 100.0)) == 32
    assert estimated(look(readiness, 120.0, UNIX + 20)) == 12
    assert estimated(look(readiness, 140.0, UNIX + 40)) == 2


def test_after_a_loss_the_estimate_rests_on_history_at_once() -> None:
    history = LoadHistory()
    readiness = one(history)
    history.add(Play(readiness, 3.0).run())
    readiness.lost("minilm", DIED, 200.0)
    state = look(readiness, 200.0)
    assert (state.estimated_seconds, state.estimate_basis) == (4, EstimateBasis.HISTORY)


def test_an_import_that_was_under_way_is_not_taken_for_a_fast_machine() -> None:
    readiness = one()
    readiness.begin("minilm", FIRST, 100.0)
    readiness.step("minilm", StageName.IMPORT, 6, 10, "modules", 100.0)
    assert estimated(look(readiness, 100.0)) == 3
