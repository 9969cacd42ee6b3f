"""What is counted, and that it does not pile up."""

from __future__ import annotations

import sys
from subprocess import run

from greenroom.metrics import ANSWERED, BOUNDS_SECONDS, VERSIONS_KEPT, Metrics


def counted() -> Metrics:
    return Metrics(["minilm", "sentiment"])


def test_a_call_is_in_the_bucket_of_its_duration_and_one_at_the_bound_is_within_it() -> None:
    metrics = counted()
    for seconds in (0.001, BOUNDS_SECONDS[0], 0.3, 60.0):
        metrics.answered("minilm", "1", seconds)
    latency = metrics.latency["minilm"]["1"]
    assert (latency.buckets[0], latency.buckets[6], latency.buckets[-1]) == (2, 1, 1)
    assert latency.seconds_sum == 60.0 + 0.3 + 0.001 + BOUNDS_SECONDS[0]


def test_a_call_without_an_answer_counts_under_its_error_and_has_no_latency() -> None:
    metrics = counted()
    metrics.answered("minilm", "1", 30.0, "deadline-exceeded")
    metrics.answered("minilm", "1", 0.02)
    assert metrics.calls == {("minilm", "deadline-exceeded"): 1, ("minilm", ANSWERED): 1}
    assert sum(metrics.latency["minilm"]["1"].buckets) == 1


def test_old_versions_leave_no_series_behind() -> None:
    metrics = counted()
    for version in range(50):
        metrics.swapped("minilm", str(version))
        metrics.answered("minilm", str(version), 0.02)
    assert list(metrics.latency["minilm"]) == ["48", "49"]
    assert len(metrics.latency["minilm"]) == VERSIONS_KEPT


def test_a_version_that_serves_again_keeps_its_series() -> None:
    metrics = counted()
    for version in ("1", "2", "1"):
        metrics.swapped("minilm", version)
        metrics.answered("minilm", version, 0.02)
    metrics.swapped("minilm", "3")
    assert sum(metrics.latency["minilm"]["1"].buckets) == 2
    assert list(metrics.latency["minilm"]) == ["1", "3"]


def test_versions_that_came_without_a_swap_are_seen_too() -> None:
    metrics = counted()
    for version in ("1", "2", "3"):  # each found when its predecessor's process had ended
        metrics.loaded("minilm", {})
        metrics.answered("minilm", version, 0.02)
    assert list(metrics.latency["minilm"]) == ["2", "3"]


def test_loads_add_up_stage_by_stage() -> None:
    metrics = counted()
    metrics.loaded("minilm", {"download": 3.0, "weights": 1.0})
    metrics.loaded("minilm", {"weights": 2.0})
    assert metrics.loads == {"minilm": 2}
    assert {at: (total.count, total.seconds_sum) for at, total in metrics.load_seconds.items()} == {
        ("minilm", "download"): (1, 3.0),
        ("minilm", "weights"): (2, 3.0),
    }


def test_the_client_of_prometheus_is_not_imported_before_somebody_scrapes() -> None:
    looked = "import greenroom.app, greenroom.server, sys; sys.exit('prometheus_client' in sys.modules)"
    assert run([sys.executable, "-c", looked], check=False).returncode == 0
