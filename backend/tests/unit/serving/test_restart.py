from __future__ import annotations

from greenroom.serving.restart import CRASH_LOOP_RETRY_SECONDS, Decision, RestartPolicy


def test_the_first_death_is_mended_at_once_and_later_ones_wait_longer() -> None:
    policy = RestartPolicy()
    assert [policy.died().delay_seconds for _ in range(4)] == [0.0, 5.0, 10.0, 30.0]


def test_the_fifth_death_in_a_row_is_a_crash_loop() -> None:
    policy = RestartPolicy()
    decisions = [policy.died() for _ in range(6)]
    assert [decision.crash_loop for decision in decisions] == [False] * 4 + [True] * 2
    assert decisions[-1].delay_seconds == CRASH_LOOP_RETRY_SECONDS


def test_an_answered_call_forgives_earlier_deaths() -> None:
    policy = RestartPolicy()
    for _ in range(4):
        policy.died()
    policy.answered()
    assert policy.died().delay_seconds == 0.0


def test_the_successor_of_a_host_whose_killer_was_found_is_made_at_once_but_the_death_counts() -> None:
    policy = RestartPolicy()
    decisions = [policy.died(culprit_found=found) for found in (False, True, False, True, True)]
    assert [decision.delay_seconds for decision in decisions[:4]] == [0.0, 0.0, 10.0, 0.0]
    assert decisions[4] == Decision(CRASH_LOOP_RETRY_SECONDS, crash_loop=True)
