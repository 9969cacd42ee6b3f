"""Six models where five may be in memory, asked for at random for minutes: who is evicted, what memory comes back.

The real model six times over behind `greenroom serve`, none required, MODEL_CACHE_SIZE=5. Eight callers each ask a
random model, wait for it if it is not there (`Prefer: wait=30`, and again), and hold no opinion on which. An answer
counts as wrong when it is no vector and no snapshot or 429; a caller that has had none for two minutes counts as stuck,
which is what a deadlock would look like. Memory: the proportional set size (PSS) of the server and all under it,
sampled every second, once with all six loaded at a time in a server that may hold six, as the figure to stay below.
No opponent: nobody found evicts by use and counts who waits.
"""

from __future__ import annotations

import contextlib
import random
import statistics
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from bench.chaos import descendants, judge
from bench.harness import Bench, Goal, Plan, Report, Row, Table, at_most, never_above
from bench.http import Connection
from bench.meanwhile import meanwhile
from bench.model import SHORT_TEXTS, model_folder, offline
from bench.processes import BACKEND, until
from greenroom.testing import GreenroomServer

NAMES = tuple("abcdef")
MAX_MODELS = 5
CALLERS = 8
SECONDS_PER_ROUND = 120.0
STUCK_SECONDS = 120.0
MIB = 1 << 20


@dataclass
class Seen:
    answers: Counter[str] = field(default_factory=Counter)
    wrong: Counter[str] = field(default_factory=Counter)
    stuck: int = 0
    most_resident: int = 0
    evictions: int = 0
    loads: int = 0
    pss_mib: list[float] = field(default_factory=list)


def crowd(seconds: float, max_models: int = MAX_MODELS) -> Seen:
    """Let callers ask for so long. Raises TimeoutError when no model ever answers."""
    seen = Seen()
    with _server(max_models) as server, Connection(server.port) as connection:
        with meanwhile(*(partial(_ask, server.port, caller, seen) for caller in range(CALLERS))):
            until(lambda: seen.answers["200"] > 0, "a first answer")
            end = time.monotonic() + seconds
            while time.monotonic() < end:
                time.sleep(1.0)
                resident = sum(model["resident"] for model in connection.get("/models/status").json()["models"])
                seen.most_resident = max(seen.most_resident, resident)
                seen.pss_mib.append(_pss_mib({server.pid} | descendants(server.pid)))
        models = connection.get("/models/status").json()["models"]
        seen.loads = sum(model["loads"] for model in models)
        seen.evictions = seen.loads - sum(model["resident"] for model in models)
    return seen


@contextmanager
def _server(max_models: int) -> Iterator[GreenroomServer]:
    with tempfile.TemporaryDirectory() as place:
        tables = (f'[models.{name}]\nsource = "path:{model_folder()}"\nrequired = false\n' for name in NAMES)
        (Path(place) / "greenroom.toml").write_text("".join(tables))
        environment = {**offline(), "PYTHONPATH": str(BACKEND), "MODEL_CACHE_SIZE": str(max_models)}
        with GreenroomServer(engine="local", folder=Path(place), environment=environment) as server:
            yield server


def _ask(port: int, seed: int, seen: Seen, stop: threading.Event) -> None:
    chance = random.Random(seed)  # noqa: S311
    answered_at = time.monotonic()
    with contextlib.ExitStack() as stack:
        connection = stack.enter_context(Connection(port))
        while not stop.is_set():
            body = {"model": chance.choice(NAMES), "input": chance.choice(SHORT_TEXTS)}
            answer = connection.post("/v1/embeddings", body, {"Prefer": "wait=30"})
            right, name = judge(answer)
            (seen.answers if right else seen.wrong)[name] += 1
            if answer.status == 200:
                answered_at = time.monotonic()
            elif time.monotonic() - answered_at > STUCK_SECONDS:
                seen.stuck += 1
                return


def _pss_mib(pids: set[int]) -> float:
    return sum(map(_pss_bytes, pids)) / MIB


def _pss_bytes(pid: int) -> int:
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii").splitlines()
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:"))
    except (OSError, StopIteration):
        return 0  # it ended meanwhile


def measure(plan: Plan) -> Report:
    """One run as long as all rounds, then a short one with room for all six."""
    seen = crowd(SECONDS_PER_ROUND * plan.rounds)
    all_six = crowd(30.0, len(NAMES))
    rows = [
        Row("wrong answers", "", [seen.wrong.total()], (), never_above(0)),
        Row("callers that got stuck", "", [seen.stuck], (), never_above(0)),
        Row("models in memory, at most", "", [seen.most_resident], (), at_most(MAX_MODELS + 1)),
        Row(
            "memory (PSS), all processes", "MiB", [statistics.median(seen.pss_mib)],
            [statistics.median(all_six.pss_mib)], Goal(1.0, "at most", "ratio"),
            "opponent: the same server with room for six",
        ),
    ]  # fmt: skip
    counts = [(name, str(count)) for name, count in seen.answers.most_common()]
    note = f"{seen.loads} loads, {seen.evictions} evictions in {SECONDS_PER_ROUND * plan.rounds:g} s"
    return Report(rows, [note], [Table("What the callers got:", ("answer", "times"), counts)])


BENCH = Bench("crowd", "Six models where five fit", measure)
