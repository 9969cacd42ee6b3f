"""Jobs a second with a model that answers at once, what a 202 takes, and how soon an idle worker picks a job up.

*Throughput*: `greenroom serve` with the scripted engine, whose models answer at once, so that what is measured is
accepting, claiming, saving and completing; 32 clients on kept connections hand over one short text each with
`POST /jobs`, again and again for five seconds; the clock runs from the first request until no job is left, over HTTP,
each job on the disk before its 202. One clients' process and one server share the machine. Latency of a 202: as the
clients saw it meanwhile, and for one client alone.
Opponents, in the same round on the same disk, both with WAL and synchronous=FULL and no HTTP: *huey* 3.5.4 on its
SQLite storage with its own worker process (`opponents/huey_queue.py`), and a *bare lease table*
(`opponents/raw_queue.py`), one thread that accepts, claims and completes with a commit for each step: what SQLite gives
to a queue that does not put commits together.
*Pickup*: nothing to do for a moment, then one job: from its 202 until its row says, in a committed transaction, that a
worker has claimed it; the bench looks at the database every half millisecond. Once with the server's own worker, and
once with a worker in a process of its own (`GREENROOM_WORKER=off` and `greenroom jobs work`), which nobody can wake: it
looks twice a second.
"""

from __future__ import annotations

import contextlib
import json
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

from bench.harness import (
    Bench,
    Plan,
    Report,
    Row,
    at_least,
    at_most,
    interleave,
    percentile,
)  # fmt: skip
from bench.http import Connection
from bench.jobs_serving import CLASSIFIER, Desk, await_idle, desk, scripted_settings
from bench.load_generator import LoadGenerator, Order
from bench.processes import own_environment, running

CLIENTS = 32
SECONDS = 5.0
ALONE_SECONDS = 2.0
OPPONENT_JOBS = 5000
OPPONENT_SECONDS = 600.0
PICKUPS = 100
SLOW_PICKUPS = 20
LOOK_SECONDS = 0.0005
PICKED_UP_WITHIN_SECONDS = 30.0
BODIES = tuple({"text": f"a good day {number}", "model": CLASSIFIER} for number in range(256))
_MS = 1000.0
_HELD = "SELECT started_at IS NOT NULL FROM ml_jobs WHERE id = ?"
Figures = Mapping[str, float]


def measure(plan: Plan) -> Report:
    with LoadGenerator() as generator, _house(own_worker=True) as house, _house(own_worker=False) as other:
        taken = interleave(
            {
                "ours": lambda: _throughput(generator, plan),
                "huey": lambda: _opponent("huey_queue", plan),
                "lease table": lambda: _opponent("raw_queue", plan),
                "pickup": lambda: _pickup(house, round(plan.scaled(PICKUPS)), 0.15),
                "pickup, other process": lambda: _pickup(other, round(plan.scaled(SLOW_PICKUPS)), 0.55),
            },
            plan,
        )
    ours, pickup, slow = taken["ours"], taken["pickup"], taken["pickup, other process"]
    rows = [
        Row("handed over → completed", "jobs/s", ours["rate"], taken["huey"]["rate"], at_least(800), "opponent: huey"),
        Row("the same beside a bare lease table", "jobs/s", ours["rate"], taken["lease table"]["rate"]),
        Row("202 for one of 32 clients: p50", "ms", ours["p50"]),
        Row("202 for one of 32 clients: p99", "ms", ours["p99"]),
        Row("202 for one client alone: p50", "ms", ours["alone p50"]),
        Row("202 for one client alone: p99", "ms", ours["alone p99"]),
        Row("202 → picked up, idle queue: p50", "ms", pickup["p50"], (), at_most(20)),
        Row("202 → picked up, idle queue: p99", "ms", pickup["p99"]),
        Row("202 → picked up by another process: p50", "ms", slow["p50"]),
        Row("202 → picked up by another process: slowest", "ms", slow["max"]),
    ]
    jobs = f"{statistics.median(ours['jobs']):.0f} jobs of ours in a round, {OPPONENT_JOBS} of each opponent's"
    return Report(rows, [jobs])


def _throughput(generator: LoadGenerator, plan: Plan) -> Figures:
    """In a server of its own: the table grows with each round, and every round is to begin alike."""
    with desk() as server:
        alone = generator.run(Order(server.port, "/jobs", BODIES, 1, plan.scaled(ALONE_SECONDS)))
        await_idle(server.port)
        before, begun = _count(server), time.perf_counter()
        outcome = generator.run(Order(server.port, "/jobs", BODIES, CLIENTS, plan.scaled(SECONDS)))
        await_idle(server.port)
        seconds, jobs = time.perf_counter() - begun, _count(server) - before
        if outcome.refused or alone.refused or jobs < outcome.answers:
            raise RuntimeError(f"{outcome.answers} accepted, {outcome.refused} refused, {jobs} completed")
        return {
            "rate": jobs / seconds,
            "jobs": jobs,
            "p50": percentile(outcome.latencies, 0.5) * _MS,
            "p99": percentile(outcome.latencies, 0.99) * _MS,
            "alone p50": percentile(alone.latencies, 0.5) * _MS,
            "alone p99": percentile(alone.latencies, 0.99) * _MS,
        }


def _count(server: Desk) -> int:
    with server.looking() as database:
        return int(database.execute("SELECT count(*) FROM ml_jobs WHERE state = 'completed'").fetchone()[0])


def _opponent(module: str, plan: Plan) -> Figures:
    """Raises RuntimeError."""
    jobs = round(plan.scaled(OPPONENT_JOBS, least=100))
    with tempfile.TemporaryDirectory() as place:
        done = subprocess.run(  # noqa: S603 - our own interpreter and program
            [sys.executable, "-m", f"bench.opponents.{module}", str(Path(place) / "queue.db"), str(jobs)],
            env=own_environment(), stdin=subprocess.DEVNULL, capture_output=True, timeout=OPPONENT_SECONDS, check=False,
        )  # fmt: skip
    if done.returncode:
        raise RuntimeError(f"{module}: {done.stderr[-500:].decode(errors='replace')}")
    return {"rate": jobs / json.loads(done.stdout)["seconds"]}


@contextlib.contextmanager
def _house(*, own_worker: bool) -> Iterator[Desk]:
    """A server with its own worker, or with one in a process of its own."""
    if own_worker:
        with desk() as server:
            yield server
        return
    with tempfile.TemporaryDirectory() as place:
        work = ["-m", "greenroom", "jobs", "work", "--engine", "scripted", "--data", place]
        with (
            running(work, environment=scripted_settings(Path(place))),
            desk(data=Path(place), environment={"GREENROOM_WORKER": "off"}) as server,
        ):
            yield server


def _pickup(server: Desk, jobs: int, longest_pause_seconds: float) -> Figures:
    chance = random.Random(jobs)  # noqa: S311 - when to ask
    taken: list[float] = []
    with Connection(server.port) as connection, server.looking() as database:
        for number in range(jobs):
            time.sleep(
                chance.uniform(0.05, longest_pause_seconds)
            )  # so that the worker is asleep, at no special moment
            answer = connection.post("/jobs", BODIES[number % len(BODIES)])
            accepted, id_ = time.perf_counter(), answer.json()["job_uuid"]
            while not database.execute(_HELD, (id_,)).fetchone()[0]:
                if time.perf_counter() - accepted > PICKED_UP_WITHIN_SECONDS:
                    raise TimeoutError("nobody picked a job up")
                time.sleep(LOOK_SECONDS)
            taken.append(time.perf_counter() - accepted)
    return {"p50": percentile(taken, 0.5) * _MS, "p99": percentile(taken, 0.99) * _MS, "max": max(taken) * _MS}


BENCH = Bench("jobs", "Jobs", measure)
