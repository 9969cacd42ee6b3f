from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.requests import HTTPConnection

from greenroom.web.rates import Rate, address_of


def admitted(rate: Rate, key: str, now: float) -> bool:
    if rate.wait_seconds(key, now) > 0:
        return False
    rate.count(key, now)
    return True


@pytest.mark.parametrize("per_minute", [1, 7, 10, 60, 999])
def test_a_minutes_worth_passes_at_once_and_not_one_more(per_minute: int) -> None:
    rate = Rate(per_minute)
    assert sum(admitted(rate, "a", 5000.1) for _ in range(per_minute + 5)) == per_minute
    assert admitted(rate, "b", 5000.1)


def test_who_waits_as_told_is_let_in_again() -> None:
    rate = Rate(6)
    while admitted(rate, "a", 0.0):
        pass
    wait = rate.wait_seconds("a", 0.0)
    assert wait == 10.0
    assert not admitted(rate, "a", 9.9)
    assert admitted(rate, "a", wait)
    assert not admitted(rate, "a", wait)


@given(st.lists(st.tuples(st.sampled_from("abc"), st.floats(0, 30)), max_size=200), st.integers(1, 20))
def test_nobody_gets_more_than_two_minutes_worth_in_any_minute(steps: list[tuple[str, float]], per_minute: int) -> None:
    rate, now = Rate(per_minute), 0.0
    passed: dict[str, list[float]] = {"a": [], "b": [], "c": []}
    for key, pause in steps:
        now += pause
        if admitted(rate, key, now):
            passed[key].append(now)
    for times in passed.values():
        for begin in times:
            assert sum(begin <= at < begin + 60 for at in times) <= 2 * per_minute


def test_memory_is_bounded_however_many_addresses_ask() -> None:
    rate = Rate(1, most_keys=100)
    for number in range(1000):
        rate.count(f"address-{number}", 0.0)
        assert len(rate) <= 100
    assert rate.wait_seconds("address-999", 0.0) > 0


def test_an_address_that_has_paid_off_is_forgotten() -> None:
    rate = Rate(10)
    for number in range(50):
        rate.count(f"address-{number}", 0.0)
    rate.count("late", 1000.0)
    assert len(rate) == 1


@pytest.mark.parametrize(
    ("host", "key"),
    [
        ("10.0.0.7", "10.0.0.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"),
        ("2001:db8:1:2:ffff::", "2001:db8:1:2::"),
        ("::ffff:10.0.0.7", "10.0.0.7"),
        ("not an address", "not an address"),
    ],
)
def test_an_ipv6_network_counts_as_one_address(host: str, key: str) -> None:
    assert address_of(HTTPConnection({"type": "http", "headers": [], "client": (host, 1)})) == key
