"""`GET /metrics`: what is counted (`greenroom.metrics`) and how things stand, in Prometheus' text format.

The page is made anew for each scrape from plain numbers, in a registry of its own: nothing is registered globally, so
two apps in one process, or somebody else's metrics beside ours, do not meet.
"""

from __future__ import annotations

import asyncio
import importlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import accumulate
from typing import TYPE_CHECKING

from starlette.requests import Request
from starlette.responses import Response

from greenroom.errors import JobsUnavailableError
from greenroom.jobs.service import Jobs
from greenroom.metrics import BOUNDS_SECONDS, Latency, Metrics, Total
from greenroom.serving.greenroom import Greenroom
from greenroom.web.endpoint import Operation, endpoint

if TYPE_CHECKING:
    from prometheus_client.metrics_core import Metric

MEDIA_TYPE = "text/plain"
FORMAT = f"{MEDIA_TYPE}; version=0.0.4; charset=utf-8"
"""The text format that every Prometheus reads."""


@endpoint("/metrics", Operation("What is counted, for Prometheus.", {200: MEDIA_TYPE}))
async def metrics(request: Request) -> Response:
    # Tens of milliseconds at the first scrape, which must not hold up the calls; nothing at all later.
    await asyncio.to_thread(importlib.import_module, "prometheus_client.exposition")
    jobs: Jobs | None = getattr(request.app.state, "jobs", None)
    queue = await _standing(jobs) if jobs is not None else None
    page = exposition(request.app.state.greenroom, len(request.app.state.greenroom_hub), queue)
    return Response(page, headers={"cache-control": "no-store"}, media_type=FORMAT)


async def _standing(jobs: Jobs) -> Standing | None:
    """None while the database cannot be read: the rest of the page is worth having."""
    try:
        counts = await jobs.counts()
    except JobsUnavailableError:
        return None
    oldest = counts.oldest_pending_at
    age = 0.0 if oldest is None else max(0.0, jobs.clock.unix() - oldest)
    by_state = {str(state): count for state, count in counts.by_state.items()}
    return Standing(by_state, age, await jobs.workers())


def exposition(greenroom: Greenroom, open_sockets: int, queue: Standing | None = None) -> bytes:
    """Everything there is to say of `greenroom` now, in `FORMAT`. `queue`: how its jobs stand, where it has any."""
    from prometheus_client.exposition import generate_latest
    from prometheus_client.registry import CollectorRegistry

    registry = CollectorRegistry()
    registry.register(_Collector(greenroom, open_sockets, queue))
    return generate_latest(registry)


@dataclass(frozen=True)
class Standing:
    """The queue of jobs at this moment."""

    by_state: Mapping[str, int]
    age_seconds: float
    """Of the oldest pending job."""
    workers: int
    """That live on the data folder."""


class _Collector:
    def __init__(self, greenroom: Greenroom, open_sockets: int, queue: Standing | None) -> None:
        self._greenroom = greenroom
        self._queue = queue
        self._open_sockets = open_sockets

    def collect(self) -> Iterator[Metric]:
        yield from _present(self._greenroom, self._open_sockets)
        yield from _counted(self._greenroom.metrics)
        yield from _timed(self._greenroom.metrics)
        if self._queue is not None:
            yield from _jobs(self._greenroom.metrics, self._queue)


def _present(greenroom: Greenroom, open_sockets: int) -> Iterator[Metric]:
    """How things stand at this moment."""
    keepers = greenroom.keepers
    serving = {name: keeper for name, keeper in keepers.items() if keeper.host is not None and keeper.version}
    versions = [(name, k.version.id, k.version.stage or "") for name, k in serving.items() if k.version]
    yield _gauge(
        "model_version", "1 for the version that serves; stage is the alias or stage that is followed.",
        ("model", "version", "stage"), dict.fromkeys(versions, 1),
    )  # fmt: skip
    yield _gauge(
        "greenroom_model_ready", "Whether the next prediction on the model succeeds.",
        ("model",), {(name,): greenroom.is_ready(name) for name in keepers},
    )  # fmt: skip
    yield _gauge(
        "greenroom_resident_bytes", "Resident memory of the model's process, shared pages included.",
        ("model",), {(name,): keeper.resident_bytes() for name, keeper in keepers.items()},
    )  # fmt: skip
    yield _gauge(
        "greenroom_calls_in_progress", "Calls that use the model now, waiting ones included.",
        ("model",), {(name,): keeper.busy_calls for name, keeper in keepers.items()},
    )  # fmt: skip
    yield _gauge("greenroom_open_sockets", "Readiness sockets that are connected now.", (), {(): open_sockets})


def _counted(counted: Metrics) -> Iterator[Metric]:
    """What happened since the server started."""
    models = counted.models
    for name, meaning, counts in (
        ("greenroom_loads_total", "Loads that became ready, those of new versions included.", counted.loads),
        ("greenroom_swaps_total", "Times that another version took over while the model served.", counted.swaps),
        ("greenroom_evictions_total", "Times that the model left memory for another one.", counted.evictions),
        ("model_cache_hits_total", "Calls that found their model in memory.", counted.cache_hits),
        (
            "model_cache_misses_total",
            "Calls that found their model not in memory and had it loaded.",
            counted.cache_misses,
        ),
    ):
        yield _counter(name, meaning, ("model",), {(model,): counts[model] for model in models})
    yield _counter(
        "greenroom_rollbacks_total", "Times that the previous version was taken back; automatic: by the server itself.",
        ("model", "automatic"),
        {(model, str(by_itself).lower()): counted.rollbacks[model, by_itself]
         for model in models for by_itself in (False, True)},
    )  # fmt: skip
    yield _counter(
        "model_update_errors_total", "Updates that failed, by error code; the version before went on serving.",
        ("model", "code"), counted.update_errors,
    )  # fmt: skip
    yield _counter(
        "greenroom_calls_total", "Calls that ended: ok, or the code of the error.", ("model", "outcome"), counted.calls
    )


def _timed(counted: Metrics) -> Iterator[Metric]:
    """How long things took, and how well that was foreseen."""
    yield _summary(
        "greenroom_load_seconds", "Seconds that loads spent in each stage.", ("model", "stage"), counted.load_seconds
    )
    yield _histogram(
        "greenroom_inference_seconds", "Seconds from a call to its answer, waiting included; answered calls alone.",
        ("model", "version"),
        {(model, version): latency for model, versions in counted.latency.items()
         for version, latency in versions.items()},
    )  # fmt: skip
    yield _gauge(
        "greenroom_eta_error_ratio", "How far off the last load's estimate was, as a share of what it took.",
        ("model",), {(model,): error for model, error in counted.eta_errors.items()},
    )  # fmt: skip


def _jobs(counted: Metrics, queue: Standing) -> Iterator[Metric]:
    """What is in the queue, of every process that shares it, and what this one did."""
    yield _gauge(
        "greenroom_jobs", "Jobs that are kept, by state.",
        ("state",), {(state,): count for state, count in queue.by_state.items()},
    )  # fmt: skip
    yield _gauge(
        "greenroom_job_queue_age_seconds", "Age of the oldest pending job; 0: none.", (), {(): queue.age_seconds}
    )
    yield _gauge(
        "greenroom_job_workers", "Workers that live now, in this process and beside it; 0: pending jobs stay so.",
        (), {(): queue.workers},
    )  # fmt: skip
    yield _summary(
        "greenroom_job_wait_seconds", "Seconds from acceptance to the first claim.", (), {(): counted.job_waits}
    )
    yield _summary(
        "greenroom_job_run_seconds", "Seconds from the first claim to the end, by how it ended.",
        ("state",), {(state,): total for state, total in counted.job_runs.items()},
    )  # fmt: skip
    yield _counter(
        "greenroom_job_faults_total", "Attempts at jobs that ended badly, by error code.", ("code",), counted.job_faults
    )
    yield _counter(
        "greenroom_job_leases_lost_total", "Jobs that another worker took over because this one stood still.",
        (), {(): counted.job_leases_lost},
    )  # fmt: skip


Labels = tuple[str, ...]


def _gauge(name: str, meaning: str, labels: Labels, values: Mapping[Labels, float]) -> Metric:
    from prometheus_client.metrics_core import GaugeMetricFamily

    family = GaugeMetricFamily(name, meaning, labels=labels)
    for of, value in values.items():
        family.add_metric(of, float(value))
    return family


def _counter(name: str, meaning: str, labels: Labels, values: Mapping[Labels, int]) -> Metric:
    from prometheus_client.metrics_core import CounterMetricFamily

    family = CounterMetricFamily(name, meaning, labels=labels)
    for of, value in values.items():
        family.add_metric(of, value)
    return family


def _summary(name: str, meaning: str, labels: Labels, totals: Mapping[Labels, Total]) -> Metric:
    from prometheus_client.metrics_core import SummaryMetricFamily

    family = SummaryMetricFamily(name, meaning, labels=labels)
    for of, total in totals.items():
        family.add_metric(of, total.count, total.seconds_sum)
    return family


def _histogram(name: str, meaning: str, labels: Labels, latencies: Mapping[Labels, Latency]) -> Metric:
    from prometheus_client.metrics_core import HistogramMetricFamily

    family = HistogramMetricFamily(name, meaning, labels=labels)
    for of, latency in latencies.items():
        family.add_metric(of, list(_cumulative(latency.buckets)), latency.seconds_sum)
    return family


def _cumulative(counts: Iterable[int]) -> Iterator[tuple[str, float]]:
    """Buckets as Prometheus has them: each with all that took at most so long."""
    return zip((*map(str, BOUNDS_SECONDS), "+Inf"), accumulate(counts), strict=True)


ENDPOINTS = (metrics,)
