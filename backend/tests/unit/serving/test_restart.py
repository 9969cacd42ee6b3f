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


def test_an_explained_death_counts_as_little_as_the_one_before_it() -> None:
    policy = RestartPolicy()
    for _ in range(3):
        policy.died()
    assert policy.died(explained=True) == Decision(0.0, crash_loop=False)
    assert policy.died().delay_seconds == 10.0


def test_an_explained_death_is_never_a_loop() -> None:
    policy = RestartPolicy()
    for _ in range(4):
        policy.died()
    assert not policy.died(explained=True).crash_loop
