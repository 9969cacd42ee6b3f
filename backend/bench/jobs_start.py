"""What a database of jobs costs at the start: the first answer, and `/health` while the store opens.

`greenroom serve` with the real engine and the default models, in a data folder with a database of 20 000 jobs that are
done, and in an empty one. *First answer*: from just before the process is made to the first `200` on `/health`, asked
for anew every 2 ms. Then `/health` is asked for 200 times a second on one kept connection for three seconds, in which
the store opens (where it does not, the bench fails) and the model's libraries are imported; a latency counts from when
the request should have gone out if the answer before it was late. The longest stall is that of a task in the server's
own loop that asks to be woken each millisecond (`ticker.py`), from the server's start on.
Opponent: the same server with the empty folder, which opens its store only when something is to be kept, so the
difference is what the store costs. The copy of the database is in the disk cache.
"""

from __future__ import annotations

import shutil
import sqlite3
import tempfile
import time
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path

from bench.harness import Bench, Plan, Report, Row, at_most, interleave, never_above, percentile
from bench.http import Connection, first_answer
from bench.jobs_serving import desk
from bench.model import offline
from bench.processes import free_port, running

JOBS = 20_000
SECONDS = 3.0
ASK_EVERY_SECONDS = 0.005
_MS = 1000.0
_MANY = """WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?)
INSERT INTO ml_jobs({columns}) SELECT {values} FROM (SELECT * FROM ml_jobs LIMIT 1) AS one, n"""
_CHUNKS = """INSERT OR IGNORE INTO ml_job_chunks SELECT job.number, one.start, one.rows, one.version
FROM ml_jobs AS job, (SELECT * FROM ml_job_chunks LIMIT 1) AS one"""


def measure(plan: Plan) -> Report:
    with tempfile.TemporaryDirectory() as kept:
        _fill(Path(kept), round(plan.scaled(JOBS)))
        taken = interleave({"database": lambda: _start(Path(kept)), "empty": lambda: _start(None)}, plan)
    ours, empty = taken["database"], taken["empty"]
    rows = [
        Row("process start → first 200 on /health", "s", ours["first"], empty["first"], at_most(0.5)),
        Row("/health p50 while the store opens", "ms", ours["p50"], empty["p50"]),
        Row("/health p99 while the store opens", "ms", ours["p99"], empty["p99"], at_most(5)),
        Row("/health slowest while the store opens", "ms", ours["max"], empty["max"], never_above(25)),
        Row("longest stall of the loop", "ms", ours["stall"], empty["stall"], never_above(25)),
    ]
    asked = int(sum(ours["asked"])), int(sum(empty["asked"]))
    return Report(rows, [f"{asked[0]} answers with a database and {asked[1]} without were timed"])


def _fill(data: Path, jobs: int) -> None:
    """A database as a server leaves it, with one job that it has done, and copies of that."""
    with desk(data=data):
        pass
    with closing(sqlite3.connect(data / "greenroom.db", isolation_level=None)) as database:
        names = [row[1] for row in database.execute("PRAGMA table_info(ml_jobs)") if row[1] != "number"]
        values = ["printf('%036d', n.i)" if name == "id" else f"one.{name}" for name in names]
        database.execute(_MANY.format(columns=", ".join(names), values=", ".join(values)), (jobs,))
        database.execute(_CHUNKS)


def _start(kept: Path | None) -> Mapping[str, float]:
    port = free_port()
    with tempfile.TemporaryDirectory() as place:
        data = Path(place) / "data"
        shutil.copytree(kept, data) if kept else data.mkdir()
        begun = time.perf_counter()
        command = ["-m", "greenroom", "serve", "--app", "bench.ticking_app:create_app", "--data", str(data)]
        with running([*command, "--port", str(port)], environment=offline()) as process:
            first_answer(process, port, "/health")
            first = time.perf_counter() - begun
            with Connection(port) as connection:
                latencies = _ask(connection)
                stall = connection.get("/bench/ticks").json()["largest_seconds"]
                opened = (data / "greenroom.db-wal").exists()
    if kept and not opened:
        raise RuntimeError(f"the store was not opened within {SECONDS:g} s")
    return {
        "first": first, "p50": percentile(latencies, 0.5) * _MS, "p99": percentile(latencies, 0.99) * _MS,
        "max": max(latencies) * _MS, "stall": stall * _MS, "asked": len(latencies),
    }  # fmt: skip


def _ask(connection: Connection) -> list[float]:
    latencies: list[float] = []
    begun = due = time.perf_counter()
    while due - begun < SECONDS:
        if (rest := due - time.perf_counter()) > 0:
            time.sleep(rest)
            due = time.perf_counter()  # a late wake-up is ours, not the server's
        connection.get("/health")
        latencies.append(time.perf_counter() - due)
        due += ASK_EVERY_SECONDS
    return latencies


BENCH = Bench("jobs-start", "Starting with jobs in the database", measure)
