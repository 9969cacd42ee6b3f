"""A file of 100 000 texts as one job, with the real models: how quick beside the bare model, and how much memory.

The file (one text a line, 3 to 40 words, all different) is uploaded with `POST /jobs`; the rate counts from the job's
first claim to its end, by the server's clock; reading the upload and writing it down is shown apart. Two models: the
default one, whose 384 numbers for each text are kept, and the sentiment classifier that ships with Greenroom.
Opponent: `opponents/bare_file.py`, the same texts through one call of sentence-transformers' `encode` (sorted by
length, as it does by itself) in a process of its own, in the same number format, on all cores, in batches of the size
that is quickest here (found out before the rounds), with nothing saved; for the classifier, with the head behind it.
While one works the other is idle, its model in memory. One round of each takes minutes.
Memory: resident, of the front and of the host that works, when the job stands at 10, 50 and 100 %; flat means that
what is there at 100 % was there at 10 %.
"""

from __future__ import annotations

import json
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from bench.harness import Bench, Plan, Report, Row, Table, at_most, interleave, ratio_at_least, spread
from bench.http import Connection
from bench.jobs_serving import CLASSIFIER, DONE_WITHIN_SECONDS, Desk, desk
from bench.model import MODEL, offline
from bench.proc import memory_of
from bench.processes import end, own_environment

TEXTS = 100_000
SEARCH_TEXTS = 4000
BATCH_SIZES = (16, 32, 64, 128)
LOOK_SECONDS = 0.1
MOMENTS = (10, 50, 100)
"""Per cent of the job."""
MOST_GROWTH_MIB = 32.0
MIB = 1024 * 1024
MODELS = {MODEL: "embed", CLASSIFIER: "classify"}
_WORDS = (
    "the", "delivery", "of", "valve", "pump", "seal", "was", "on", "time", "and", "I", "would", "order", "again", "but",
    "support", "never", "answered", "our", "question", "about", "price", "quality", "paint", "gasket", "motor", "great",
    "poor", "quick", "slow", "invoice", "returned", "works", "as", "described", "thanks", "housing", "broken", "nice",
)  # fmt: skip
Figures = Mapping[str, float]


def measure(plan: Plan) -> Report:
    texts = round(plan.scaled(TEXTS, least=500))
    with tempfile.TemporaryDirectory() as place:
        file = Path(place) / "texts.txt"
        write_texts(file, texts)
        with desk(scripted=False) as server, _bare(file) as bare:
            _require_same_dtype(server, bare.dtype)
            plan.say("the bare models' best batch sizes")
            batches = {model: bare.best_batch(model, min(SEARCH_TEXTS, texts)) for model in MODELS}
            sides = {f"ours {model}": partial(_job, server, model, file) for model in MODELS}
            sides |= {f"bare {model}": partial(bare.rate, model, texts, batches[model]) for model in MODELS}
            taken = interleave(sides, plan)
            mib, bare_mib = server.database.stat().st_size / MIB, bare.resident_mib
    rows = [row for model in MODELS for row in _rows(model, taken)]
    notes = [f"{texts} texts; both in {bare.dtype}; quickest batches of the bare model: " + ", ".join(
        f"{size} ({MODELS[model]})" for model, size in batches.items())]  # fmt: skip
    notes.append(f"after all rounds: the database {mib:.0f} MiB, the bare models' process {bare_mib:.0f} MiB resident")
    return Report(rows, notes, [_memory(taken)])


def write_texts(file: Path, count: int) -> None:
    """One a line, all different."""
    file.write_text("".join(f"{line}\n" for line in _lines(count)), encoding="utf-8")


def _lines(count: int) -> Iterator[str]:
    chance = random.Random(count)  # noqa: S311 - words
    for number in range(count):
        words = 3 + min(37, int(chance.expovariate(1 / 9)))
        yield " ".join([*chance.choices(_WORDS, k=words - 1), str(number)])


def _job(server: Desk, model: str, file: Path) -> Figures:
    """Raises RuntimeError when it does not complete."""
    with Connection(server.port, timeout_seconds=DONE_WITHIN_SECONDS) as connection:
        pids = {"front": server.front, "host": _host(connection, model)}
        begun = time.perf_counter()
        answer = connection.upload(f"/jobs?model={model}", file.read_bytes(), "text/plain")
        upload = time.perf_counter() - begun
        id_ = answer.json()["job_uuid"]
        figures = _watch(connection, id_, pids)
    with server.looking() as database:
        state, done, seconds = database.execute(
            "SELECT state, done, finished_at - started_at FROM ml_jobs WHERE id = ?", (id_,)
        ).fetchone()
    if state != "completed":
        raise RuntimeError(f"the job is {state}")
    return {**figures, "rate": done / seconds, "upload": upload}


def _watch(connection: Connection, id_: str, pids: Mapping[str, int]) -> dict[str, float]:
    """Resident memory in MiB of each process when the job has come to each of `MOMENTS`."""
    figures: dict[str, float] = {}
    limit, moments = time.monotonic() + DONE_WITHIN_SECONDS, list(MOMENTS)
    while moments:
        job = connection.get(f"/jobs/{id_}").json()
        while moments and (job["progress"] >= moments[0] or job["finished_at"]):
            moment = moments.pop(0)
            figures |= {f"{who} {moment}": memory_of(pid).resident / MIB for who, pid in pids.items()}
        if time.monotonic() > limit:
            raise TimeoutError(f"the job stands at {job['progress']} %")
        time.sleep(LOOK_SECONDS)
    return figures


def _host(connection: Connection, model: str) -> int:
    models = connection.get("/models/status").json()["models"]
    return int(next(one["pid"] for one in models if one["state"]["name"] == model))


def _rows(model: str, taken: Mapping[str, Mapping[str, list[float]]]) -> list[Row]:
    ours, bare, task = taken[f"ours {model}"], taken[f"bare {model}"], MODELS[model]
    growth = [
        max(ours[f"{who} 100"][turn] - ours[f"{who} 10"][turn] for who in ("front", "host"))
        for turn in range(len(ours["rate"]))
    ]
    return [
        Row(f"{task}, claimed → completed", "texts/s", ours["rate"], bare["rate"], ratio_at_least(0.9)),
        Row(f"{task}, file sent → 202", "s", ours["upload"]),
        Row(f"{task}, memory at 100 % less that at 10 %, the larger", "MiB", growth, (), at_most(MOST_GROWTH_MIB)),
    ]


def _memory(taken: Mapping[str, Mapping[str, list[float]]]) -> Table:
    rows = [
        (f"{MODELS[model]}, {who}", *(spread(taken[f"ours {model}"][f"{who} {moment}"]) for moment in MOMENTS))
        for model in MODELS
        for who in ("front", "host")
    ]
    return Table("Resident memory, MiB", ("process", *(f"at {moment} %" for moment in MOMENTS)), rows)


def _require_same_dtype(server: Desk, dtype: str) -> None:
    with Connection(server.port) as connection:
        for model in connection.get("/models/status").json()["models"]:
            if model["dtype"] != dtype:
                raise RuntimeError(
                    f"not comparable: {model['state']['name']} is in {model['dtype']}, the bare one in {dtype}"
                )


class _Bare:
    """The running opponent."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process
        self.dtype: str = self._read()["dtype"]

    def rate(self, model: str, texts: int, batch: int) -> Figures:
        assert self._process.stdin  # noqa: S101 - asked for below
        order = {"model": model, "texts": texts, "batch": batch}
        self._process.stdin.write(json.dumps(order).encode() + b"\n")
        self._process.stdin.flush()
        return {"rate": texts / self._read()["seconds"]}

    def best_batch(self, model: str, texts: int) -> int:
        """By the better of two turns: a neighbour that wakes up must not choose it."""
        turns = [{size: self.rate(model, texts, size)["rate"] for size in BATCH_SIZES} for _ in range(2)]
        return max(BATCH_SIZES, key=lambda size: max(turn[size] for turn in turns))

    @property
    def resident_mib(self) -> float:
        return memory_of(self._process.pid).resident / MIB

    def _read(self) -> Any:
        assert self._process.stdout  # noqa: S101 - asked for below
        if not (line := self._process.stdout.readline()):
            raise RuntimeError("the bare model ended")
        return json.loads(line)


@contextmanager
def _bare(file: Path) -> Iterator[_Bare]:
    process = subprocess.Popen(  # noqa: S603 - our own interpreter and program
        [sys.executable, "-m", "bench.opponents.bare_file", str(file)], env=own_environment(offline()),
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip
    try:
        yield _Bare(process)
    finally:
        end(process)


BENCH = Bench("jobs-file", "A file of 100 000 texts", measure)
