"""What a person who waits for one text notices of a job with 100 000 of them.

One caller asks `POST /v1/embeddings` for one short text 20 times a second on a kept connection, for 20 seconds: *alone*
(nothing else goes on), *beside a job* that embeds a file with the same model, beside one that classifies a file with
the other model, and *beside two callers* like itself who ask for one text after the other without a pause. A latency
counts from when the request should have gone out if the answer before it was late. The job runs on for as long as the
caller asks, and is cancelled then. No batch for which nobody waits is to last longer than 50 ms, and none is
interrupted, so that is about what a job may cost.
Opponent of "beside a job": the same server, beside the two callers: a job should not hurt more than people do.
"""

from __future__ import annotations

import itertools
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from bench.harness import Bench, Plan, Report, Row, interleave, percentile
from bench.http import Connection
from bench.jobs_file import TEXTS, write_texts
from bench.jobs_serving import CLASSIFIER, Desk, await_idle, desk
from bench.meanwhile import meanwhile
from bench.model import MODEL, SHORT_TEXTS

SECONDS = 20.0
ASK_EVERY_SECONDS = 0.05
SETTLE_SECONDS = 1.0
"""After what goes on beside has begun."""
OTHERS = 2
_MS = 1000.0
_numbers = itertools.count()
Figures = Mapping[str, float]


def measure(plan: Plan) -> Report:
    with tempfile.TemporaryDirectory() as place, desk(scripted=False) as server:
        file = Path(place) / "texts.txt"
        write_texts(file, TEXTS)
        seconds = plan.scaled(SECONDS)
        sides = {
            "alone": lambda: _ask(server, seconds),
            "job": lambda: _beside_job(server, MODEL, file, seconds),
            "other job": lambda: _beside_job(server, CLASSIFIER, file, seconds),
            "callers": lambda: _beside_callers(server, seconds),
        }
        taken = interleave(sides, plan)
    alone, job, other, callers = (taken[side] for side in sides)
    rows = [
        Row("p50 alone", "ms", alone["p50"]),
        Row("p99 alone", "ms", alone["p99"]),
        Row("p50 beside a job of the same model", "ms", job["p50"], callers["p50"]),
        Row("p99 beside a job of the same model", "ms", job["p99"], callers["p99"]),
        Row("p50 beside a job of the other model", "ms", other["p50"], callers["p50"]),
        Row("p99 beside a job of the other model", "ms", other["p99"], callers["p99"]),
        Row("texts of the job meanwhile", "1/s", job["rate"]),
        Row("texts of the other model's job meanwhile", "1/s", other["rate"]),
    ]
    asked = int(sum(sum(taken[side]["asked"]) for side in sides))
    return Report(rows, [f"{asked} answers were timed; opponent: the same caller beside {OTHERS} others"])


def _ask(server: Desk, seconds: float) -> dict[str, float]:
    """Raises RuntimeError when it is refused."""
    latencies: list[float] = []
    with Connection(server.port) as connection:
        begun = due = time.perf_counter()
        while due - begun < seconds:
            if (rest := due - time.perf_counter()) > 0:
                time.sleep(rest)
                due = time.perf_counter()  # a late wake-up is ours, not the server's
            _embed(connection)
            latencies.append(time.perf_counter() - due)
            due += ASK_EVERY_SECONDS
    p50, p99 = percentile(latencies, 0.5) * _MS, percentile(latencies, 0.99) * _MS
    return {"p50": p50, "p99": p99, "asked": len(latencies)}


def _embed(connection: Connection) -> None:
    number = next(_numbers)
    text = f"{SHORT_TEXTS[number % len(SHORT_TEXTS)]} {number}"
    answer = connection.post("/v1/embeddings", {"model": MODEL, "input": text, "encoding_format": "base64"})
    if answer.status != 200:
        raise RuntimeError(f"refused: {answer.status} {answer.body[:300]!r}")


def _beside_job(server: Desk, model: str, file: Path, seconds: float) -> Figures:
    with _job(server, model, file) as id_, server.looking() as database:
        time.sleep(SETTLE_SECONDS)
        done = "SELECT done, state FROM ml_jobs WHERE id = ?"
        before, begun = database.execute(done, (id_,)).fetchone()[0], time.perf_counter()
        figures = _ask(server, seconds)
        took = time.perf_counter() - begun
        after, state = database.execute(done, (id_,)).fetchone()
        if state != "processing":
            raise RuntimeError(f"the job is {state} already: it was to go on meanwhile")
        return {**figures, "rate": (after - before) / took}


@contextmanager
def _job(server: Desk, model: str, file: Path) -> Iterator[str]:
    """One that runs; ended on the way out."""
    with Connection(server.port) as connection:
        id_: str = connection.upload(f"/jobs?model={model}", file.read_bytes(), "text/plain").json()["job_uuid"]
    try:
        yield id_
    finally:
        with Connection(server.port) as connection:
            connection.delete(f"/jobs/{id_}")
        await_idle(server.port)


def _beside_callers(server: Desk, seconds: float) -> Figures:
    with meanwhile(*[partial(_call, server.port)] * OTHERS):
        time.sleep(SETTLE_SECONDS)
        return _ask(server, seconds)


def _call(port: int, stop: threading.Event) -> None:
    with Connection(port) as connection:
        while not stop.is_set():
            _embed(connection)


BENCH = Bench("jobs-beside", "Answers while a job runs", measure)
