"""When a process counts as hung: by ticks, never by the clock."""

from __future__ import annotations

from greenroom.engine.pulse import Patience, Pulse

PATIENCE = Patience(tick_seconds=2.0, silent_ticks=3, grace_seconds=10.0)


def pulse() -> Pulse:
    return Pulse(PATIENCE, silent_ticks=3)


def test_silence_is_borne_for_its_ticks_and_no_longer() -> None:
    one = pulse()
    assert [one.tick() is None for _ in range(5)] == [True, True, True, False, False]


def test_any_sign_of_life_begins_the_count_anew() -> None:
    one = pulse()
    for _ in range(20):
        one.heard()
        assert one.tick() is None


def test_patience_can_change_on_the_way() -> None:
    one = Pulse(PATIENCE, silent_ticks=100)
    for _ in range(4):
        assert one.tick() is None
    one.silent_ticks = 3
    reason = one.tick()
    assert reason is not None
    assert "6 s" in reason


def ticks_until_stuck(one: Pulse, longest_deadline: float) -> int:
    for ticks in range(100):
        one.heard()
        if one.tick(owing=True, longest_deadline=longest_deadline) is not None:
            return ticks
    return 100


def test_one_batch_for_longer_than_any_deadline_and_a_grace_is_stuck() -> None:
    assert ticks_until_stuck(pulse(), longest_deadline=20.0) * PATIENCE.tick_seconds in (30.0, 32.0)
    assert ticks_until_stuck(pulse(), longest_deadline=0.0) < ticks_until_stuck(pulse(), longest_deadline=60.0)


def test_a_caller_without_a_deadline_waits_for_ever() -> None:
    assert ticks_until_stuck(pulse(), longest_deadline=float("inf")) == 100


def test_a_main_thread_that_comes_back_is_not_stuck_however_much_it_owes() -> None:
    one = pulse()
    for rounds in range(100):
        one.heard()
        one.came_back(rounds)
        assert one.tick(owing=True, longest_deadline=1.0) is None


def test_an_idle_process_is_not_stuck_and_neither_is_one_that_has_just_got_work() -> None:
    one = pulse()
    for _ in range(100):
        one.heard()
        assert one.tick(owing=False, longest_deadline=1.0) is None
    one.heard()
    assert one.tick(owing=True, longest_deadline=1.0) is None
