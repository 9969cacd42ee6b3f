"""Twenty swaps of the real model under 32 clients: failed calls, p99 while a version takes over, the pause itself.

The real model behind `greenroom serve`, from a folder whose README differs from version to version: other files,
the same weights, so that the gate lets it pass. 32 clients send one short text after another. A round has four swaps:
for each, the load goes on for as long as the last swap took; before each, the same load for the same time with no swap.
p99 during is held against p99 without, which is the opponent: the same server left in peace. Pause: from the moment at
which the old version was last given a call until the new one may be given one, as the server's log has it.
"""

from __future__ import annotations

import json
import re
import shutil
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from bench.harness import Bench, Goal, Plan, Report, Row, at_most, never_above, percentile
from bench.http import Connection
from bench.load_generator import LoadGenerator, Order, Outcome
from bench.model import MODEL, SHORT_TEXTS, model_folder, offline
from bench.processes import BACKEND, until
from greenroom.testing import GreenroomServer

SWAPS_PER_ROUND = 4
CLIENTS = 32
READY_WITHIN_SECONDS = 120.0
TOKEN = "the-token-of-the-swap-bench-1234"  # noqa: S105 - of a server that lives for minutes on loopback
_PAUSE = re.compile(r'"pause_ms": ?([0-9.]+)')


@dataclass
class Seen:
    """What all swaps gave; times in milliseconds but for `swap_seconds`."""

    failed: int = 0
    calls: int = 0
    p99_steady: list[float] = field(default_factory=list)
    p99_during: list[float] = field(default_factory=list)
    rate_steady: list[float] = field(default_factory=list)
    rate_during: list[float] = field(default_factory=list)
    swap_seconds: list[float] = field(default_factory=list)
    pauses: list[float] = field(default_factory=list)


def swap(swaps: int) -> Seen:
    """Start a server and swap so often. Raises RuntimeError when a swap fails."""
    seen = Seen()
    with _server() as (server, folder), LoadGenerator() as generator:
        seconds = _swapped(server.port, folder, 0)
        for number in range(1, swaps + 1):
            _take(seen, generator.run(_order(server.port, seconds)), seen.p99_steady, seen.rate_steady)
            outcome, seconds = _run_beside(generator, server.port, seconds, folder, number)
            _take(seen, outcome, seen.p99_during, seen.rate_during)
            seen.swap_seconds.append(seconds)
        seen.pauses = [float(found) for found in _PAUSE.findall(server.log())][1:]
    return seen


@contextmanager
def _server() -> Iterator[tuple[GreenroomServer, Path]]:
    """With the model from a folder of its own. Ready."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "model"
        shutil.copytree(model_folder(), folder)
        (Path(place) / "greenroom.toml").write_text(f'[models.{MODEL}]\nsource = "path:{folder}"\n')
        environment = {
            **offline(), "PYTHONPATH": str(BACKEND), "GREENROOM_ADMIN_TOKEN": TOKEN, "GREENROOM_LOG_FORMAT": "json",
        }  # fmt: skip
        with GreenroomServer(engine="local", folder=Path(place), environment=environment) as server:
            with Connection(server.port) as connection:
                until(
                    lambda: bool(connection.get("/health").json()["model_loaded"]), "ready",
                    seconds=READY_WITHIN_SECONDS,
                )  # fmt: skip
            yield server, folder


def _order(port: int, seconds: float) -> Order:
    bodies = [{"model": MODEL, "input": text, "encoding_format": "base64"} for text in SHORT_TEXTS]
    return Order(port, "/v1/embeddings", bodies, CLIENTS, seconds)


def _swapped(port: int, folder: Path, number: int) -> float:
    """Publish another version and have it serve; the seconds that it took. Raises RuntimeError when it does not."""
    (folder / "README.md").write_text(f"version {number}\n")
    begun = time.monotonic()
    with Connection(port) as connection:
        answer = connection.post(f"/models/reload?name={MODEL}", {}, {"Authorization": f"Bearer {TOKEN}"})
    if answer.status != 200 or answer.json()["status"] != "reloaded":
        raise RuntimeError(f"the swap failed: {json.dumps(answer.json())}")
    return time.monotonic() - begun


def _run_beside(
    generator: LoadGenerator, port: int, seconds: float, folder: Path, number: int
) -> tuple[Outcome, float]:
    """Load for `seconds` and a swap that begins with it; how long that took."""
    taken: list[float] = []
    thread = threading.Thread(target=lambda: taken.append(_swapped(port, folder, number)))
    thread.start()
    outcome = generator.run(_order(port, seconds))
    thread.join()
    if not taken:
        raise RuntimeError("a swap failed under load")
    return outcome, taken[0]


def _take(seen: Seen, outcome: Outcome, p99: list[float], rate: list[float]) -> None:
    seen.failed += outcome.refused
    seen.calls += outcome.answers
    p99.append(percentile(outcome.latencies, 0.99) * 1000)
    rate.append(outcome.answers / outcome.seconds)


def measure(plan: Plan) -> Report:
    """One run with all swaps of all rounds."""
    seen = swap(SWAPS_PER_ROUND * plan.rounds)
    rows = [
        Row("failed calls", "", [seen.failed], (), never_above(0)),
        Row("p99 while a version takes over", "ms", seen.p99_during, seen.p99_steady, Goal(1.5, "at most", "ratio")),
        Row("calls a second meanwhile", "1/s", seen.rate_during, seen.rate_steady),
        Row("pause at activation", "ms", seen.pauses, (), at_most(1)),
        Row("swap: look, load, gate, activate", "s", seen.swap_seconds),
    ]
    return Report(rows, [f"{len(seen.swap_seconds)} swaps, {seen.calls} calls"])


BENCH = Bench("swap", "A new version under load", measure)
