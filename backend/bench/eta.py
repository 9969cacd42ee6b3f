"""How wrong the estimates were: median of |predicted − actual finish| / total, after 20 % progress.

Each load keeps what was foretold at every 10 % of its progress, not rounded (`readiness.eta_error` judges it). A
*first* load begins in an empty data folder and knows only the times that were shipped, scaled by what the machine has
shown so far; a *later* one has the history of earlier loads. A round is two loads of each kind, so five rounds are
ten. Ours is set beside what a progress bar alone would say of the same loads, elapsed × (100 − p) / p: nobody else
publishes such a figure, and this is what people reckon in their heads. "Seen by a client" is the same error of the
whole seconds in the snapshots on a socket, counted at each snapshot.
"""

from __future__ import annotations

import json
import statistics
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

from websockets.sync.client import connect

from bench.harness import Bench, Plan, Report, Row, at_most, interleave
from bench.http import first_answer
from bench.processes import free_port, running
from greenroom.readiness.history import ETA_JUDGED_FROM_PERCENT, LoadRecord, decoded, eta_error
from greenroom.store.loads import read_early

LOADS_A_ROUND = 2
READY_WITHIN_SECONDS = 120
WRITTEN_WITHIN_SECONDS = 10
PERCENT = 100.0
Seen = list[tuple[float, int, int | None]]
"""(seconds since the socket opened, progress, estimated seconds) of each snapshot."""


def measure(plan: Plan) -> Report:
    loads = Plan(plan.rounds * LOADS_A_ROUND, plan.warmups, plan.say)
    with tempfile.TemporaryDirectory() as kept:
        _load(Path(kept))
        taken = interleave({"first": _first_load, "later": lambda: _load(Path(kept))}, loads)
    rows = []
    for which, goal in (("first", 35.0), ("later", 15.0)):
        figures = taken[which]
        rows += [
            Row(f"{which} load, error of the estimate", "%", figures["error"], figures["bar alone"], at_most(goal)),
            Row(f"{which} load, seen by a client in whole seconds", "%", figures["seen"]),
            Row(f"{which} load, took", "s", figures["seconds"]),
        ]
    return Report(rows, [f"{loads.rounds} loads of each kind; a median over them of each load's own median"])


def _first_load() -> Mapping[str, float]:
    with tempfile.TemporaryDirectory() as data:
        return _load(Path(data))


def _load(data: Path) -> Mapping[str, float]:
    before = _records(data)
    port = free_port()
    with running(["-m", "greenroom", "serve", "--data", str(data), "--port", str(port)]) as process:
        first_answer(process, port, "/health")
        seen = _watch(port)
        record = _new_record(data, before)
    error = eta_error(record)
    if error is None:
        raise RuntimeError("the load kept no estimate after 20 % progress")
    return {
        "error": error * PERCENT,
        "bar alone": error_of_bar(record) * PERCENT,
        "seen": error_seen(seen, record.total_seconds) * PERCENT,
        "seconds": record.total_seconds,
    }


def error_of_bar(record: LoadRecord) -> float:
    """`eta_error` of somebody who extends the bar in a straight line: at p per cent after t seconds, 100 t / p."""
    return statistics.median(
        abs(PERCENT * sample.elapsed / sample.progress - record.total_seconds) / record.total_seconds
        for sample in record.predictions
        if sample.progress >= ETA_JUDGED_FROM_PERCENT
    )


def error_seen(seen: Seen, total_seconds: float) -> float:
    """The same error of what a client saw; its last snapshot is that of ready."""
    ready_at = seen[-1][0]
    return statistics.median(
        abs(at + estimate - ready_at) / total_seconds
        for at, progress, estimate in seen[:-1]
        if progress >= ETA_JUDGED_FROM_PERCENT and estimate is not None
    )


def _watch(port: int) -> Seen:
    """Every snapshot until ready."""
    seen: Seen = []
    begun = time.perf_counter()
    with connect(f"ws://127.0.0.1:{port}/ws/init/bench") as socket:
        while True:
            frame = json.loads(socket.recv(timeout=READY_WITHIN_SECONDS))
            if frame["type"] != "initialization":
                continue
            seen.append((time.perf_counter() - begun, frame["progress"], frame["estimated_seconds"]))
            if frame["ready"]:
                return seen


def _records(data: Path) -> list[LoadRecord]:
    """All that is remembered, in the order in which it was written."""
    return [record for record in map(decoded, read_early(data / "greenroom.db")) if record is not None]


def _new_record(data: Path, before: list[LoadRecord]) -> LoadRecord:
    """The record of this load, once it is written. Raises TimeoutError."""
    limit = time.monotonic() + WRITTEN_WITHIN_SECONDS
    while time.monotonic() < limit:
        if new := [record for record in _records(data) if record not in before]:
            return new[-1]
        time.sleep(0.01)
    raise TimeoutError("the load was not remembered")


BENCH = Bench("eta", "Estimates", measure)
