from __future__ import annotations

from greenroom.sources.http import is_loopback, retry_after
from greenroom.sources.patience import Patience


def test_waits_double_up_to_a_ceiling_and_chance_makes_them_shorter() -> None:
    patience = Patience(first_seconds=1, longest_seconds=5, chance=lambda: 1.0)
    assert [patience.wait_seconds(failures) for failures in range(1, 6)] == [1, 2, 4, 5, 5]
    assert Patience(first_seconds=1, chance=lambda: 0.0).wait_seconds(1) == 0.5


def test_what_the_server_asks_for_is_given_up_to_a_ceiling() -> None:
    assert Patience().wait_seconds(1, 7) == 7
    assert Patience(longest_retry_after_seconds=60).wait_seconds(1, 3600) == 60


def test_retry_after_is_read_in_both_of_its_forms() -> None:
    assert retry_after("12") == 12
    assert retry_after("Thu, 01 Jan 1970 00:01:40 GMT", now_unix=40) == 60
    assert retry_after("Thu, 01 Jan 1970 00:00:00 GMT", now_unix=40) == 0
    assert retry_after("soon") is None


def test_only_this_machine_counts_as_loopback() -> None:
    assert all(map(is_loopback, ("127.0.0.1", "localhost", "::1", "127.9.9.9")))
    assert not any(map(is_loopback, ("localhost.example", "10.0.0.1", "example.org", "0.0.0.0")))
