from __future__ import annotations

import pytest

from bench.harness import (
    Goal,
    Plan,
    Row,
    Side,
    at_least,
    at_most,
    at_most_above_opponent,
    interleave,
    never_above,
    number,
    percentile,
    ratio_at_least,
    ratio_at_most,
    spread,
    verdict,
)  # fmt: skip


def test_sides_take_turns_and_who_begins_alternates() -> None:
    turns: list[str] = []

    def side(name: str) -> Side:
        def run() -> dict[str, float]:
            turns.append(name)
            return {}

        return run

    interleave({name: side(name) for name in ("ours", "theirs")}, Plan(rounds=3, warmups=0))
    assert turns == ["ours", "theirs", "theirs", "ours", "ours", "theirs"]


def test_a_warm_up_round_is_run_and_not_counted() -> None:
    values = iter((100.0, 1.0, 2.0))
    taken = interleave({"ours": lambda: {"seconds": next(values)}}, Plan(rounds=2, warmups=1))
    assert taken == {"ours": {"seconds": [1.0, 2.0]}}


def test_a_ratio_is_that_of_the_medians() -> None:
    assert Row("x", "s", [1.0, 2.0, 90.0], [4.0, 4.0, 0.1]).ratio == 0.5


@pytest.mark.parametrize("opponent", [(), (0.0, 0.0)])
def test_without_an_opponent_to_divide_by_there_is_no_ratio(opponent: tuple[float, ...]) -> None:
    assert Row("x", "s", [1.0], opponent).ratio is None


@pytest.mark.parametrize(
    ("goal", "met"),
    [
        (at_most(2.0), True),
        (at_most(1.9), False),
        (at_least(2.0), True),
        (at_least(2.1), False),
        (ratio_at_most(0.5), True),
        (ratio_at_most(0.4), False),
        (ratio_at_least(0.5), True),
        (ratio_at_least(0.6), False),
        (at_most_above_opponent(-2.0), True),
        (at_most_above_opponent(-2.1), False),
        (never_above(9.0), True),
        (never_above(8.9), False),
        (None, None),
    ],
)
def test_a_goal_is_met_at_its_limit_and_not_beyond(goal: Goal | None, met: bool | None) -> None:
    assert Row("x", "s", [1.0, 2.0, 9.0], [4.0], goal).met is met


def test_a_promise_without_exceptions_to_stay_above_is_judged_by_the_lowest_round() -> None:
    assert Row("x", "1/s", [1.0, 5.0, 5.0], goal=Goal(2.0, "at least", judged="worst")).met is False


def test_a_goal_that_lacks_its_figures_is_not_called_missed() -> None:
    row = Row("x", "s", [1.0], (), ratio_at_most(1.0))
    assert (row.met, verdict(row)) == (None, "–")


def test_a_percentile_is_a_value_that_was_seen() -> None:
    values = [float(value) for value in range(100, 0, -1)]
    assert [percentile(values, share) for share in (0.001, 0.5, 0.99, 1.0)] == [1.0, 50.0, 99.0, 100.0]


def test_no_values_have_no_percentile() -> None:
    with pytest.raises(ValueError, match="no values"):
        percentile([], 0.5)


@pytest.mark.parametrize(
    ("value", "text"), [(0.0, "0"), (0.28449, "0.284"), (3.0, "3"), (14.96, "15"), (1234.4, "1 234"), (-0.5, "-0.5")]
)
def test_a_number_has_three_digits_that_mean_something(value: float, text: str) -> None:
    assert number(value) == text


def test_a_spread_shows_median_lowest_and_highest() -> None:
    assert spread([3.0, 1.0, 2.0]) == "2 (1–3)"
    assert spread([2.0]) == "2"
    assert spread([]) == "–"
