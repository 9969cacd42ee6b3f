from __future__ import annotations

import pytest

from bench.eta import error_of_bar, error_seen
from greenroom.readiness.history import LoadRecord, Sample


def test_a_bar_that_moves_evenly_is_never_wrong() -> None:
    record = LoadRecord("d", {}, 10.0, tuple(Sample(p / 10, p, 0.0) for p in range(10, 100, 10)))
    assert error_of_bar(record) == pytest.approx(0)


def test_a_bar_that_runs_ahead_is_wrong_by_what_it_promised_too_much() -> None:
    record = LoadRecord("d", {}, 10.0, (Sample(0.1, 10, 0.0), Sample(2.0, 40, 0.0)))
    assert error_of_bar(record) == pytest.approx(0.5)  # 5 s foretold, 10 s needed; what was said at 10 % is not judged


def test_what_a_client_saw_is_judged_by_when_it_saw_ready() -> None:
    seen: list[tuple[float, int, int | None]] = [
        (0.0, 5, 90),
        (2.0, 30, 9),
        (3.0, 40, None),
        (4.0, 60, 6),
        (10.0, 100, 0),
    ]
    assert error_seen(seen, 10.0) == pytest.approx(0.05)  # 11 s and 10 s foretold
