"""A restart with 1000 open sockets (`BENCH_CLIENTS`): SIGTERM, a new process on the same port, everybody comes back.

Twice in each round: with clients that obey `draining` (each is told its own moment to come back, as our client does),
and, in the place of the opponent, with clients that come back at once and again every 0.2 s, the worst that pages do.
Away: from a client's loss of its connection to its next snapshot; obedient clients are away for longer because they
were asked to, so the figures to compare are those of `/health`, asked 100 times a second on a kept connection from
the moment the new process listens until all are back. The clients are one process; server, clients and asker share
the cores.
"""

from __future__ import annotations

import contextlib
import os
import resource
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from bench.harness import Bench, Measurement, Plan, Report, Row, interleave, never_above
from bench.http import Connection
from bench.meanwhile import meanwhile
from bench.proc import memory_of
from bench.processes import BACKEND
from bench.sockets_fronts import ROOM
from bench.sockets_load import Load
from greenroom.testing import GreenroomServer

CLIENTS = int(os.environ.get("BENCH_CLIENTS", "1000"))
ASK_EVERY_SECONDS = 0.01
WITHIN_SECONDS = 90.0
SETTLE_SECONDS = 1.5


@dataclass(frozen=True)
class Passage:
    """One restart. Seconds; `clients`: what `bench.sockets_storm` tells of them."""

    clients: dict[str, Any]
    down: float
    """From the signal until the new process listens."""
    all_back: float
    """From then until the last client has a snapshot."""
    health: list[float]
    """Latencies of `/health` meanwhile."""
    resident_mib_before: float
    resident_mib_after: float


@contextlib.contextmanager
def asking(port: int) -> Iterator[list[float]]:
    """Ask for `/health` all the time, from the moment somebody listens; the latencies, in seconds."""
    latencies: list[float] = []

    def ask(stop: threading.Event) -> None:
        with Connection(port) as connection:
            while not stop.is_set():
                begun = time.perf_counter()
                connection.get("/health")
                latencies.append(time.perf_counter() - begun)
                stop.wait(ASK_EVERY_SECONDS)

    with meanwhile(ask):
        yield latencies


def restart(clients: int, *, obey: bool) -> Passage:
    """Restart a server on which `clients` are connected. Raises RuntimeError when they do not get in at first."""
    environment = {**ROOM, "PYTHONPATH": str(BACKEND)}
    with GreenroomServer("bench.front_app:make", environment=environment) as server, Load(server.port) as load:
        load.connect(clients)
        before = _settled_mib(server)
        load.order(do="storm", obey=obey, seconds=WITHIN_SECONDS)  # answers twice: they watch, and they are back
        begun = time.time()
        server.restart()
        listens = time.time()
        with asking(server.port) as latencies:
            told = load.answer()
        return Passage(
            told, listens - begun, max(told["back_last"] - listens, 0.0), latencies, before, _settled_mib(server)
        )


def _settled_mib(server: GreenroomServer) -> float:
    time.sleep(SETTLE_SECONDS)
    with Connection(server.port) as connection:
        connection.get("/bench/state")  # collects the garbage
    return memory_of(server.pid).resident / 2**20


def measure(plan: Plan) -> Report:
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))  # the server inherits it
    taken = interleave({"obey": lambda: _figures(True), "at once": lambda: _figures(False)}, plan)
    obey, at_once = taken["obey"], taken["at once"]
    goals = {"missing": never_above(0), "refused": never_above(0)}
    rows = [
        Row(what, unit, obey[figure], at_once[figure], goals.get(figure))
        for what, unit, figure in (
            ("clients that did not come back", "", "missing"),
            ("clients that were refused or lost again", "", "refused"),
            ("new process listens after", "s", "down"),
            ("all have a snapshot after that", "s", "all_back"),
            ("away, median", "s", "away_p50"),
            ("away, longest", "s", "away_max"),
            ("attempts for each client", "", "attempts"),
            ("/health p50 meanwhile", "ms", "health_p50"),
            ("/health p99 meanwhile", "ms", "health_p99"),
            ("/health slowest meanwhile", "ms", "health_max"),
            ("server's memory, new process more than old", "MiB", "more_mib"),
        )
    ]
    return Report(rows, [f"{CLIENTS} clients; ours: clients that obey, opponent: clients that come back at once"])


def _figures(obey: bool) -> Measurement:
    passage = restart(CLIENTS, obey=obey)
    told, health = passage.clients, sorted(passage.health) or [0.0]
    return {
        "missing": told["clients"] - told["back"],
        "refused": sum(count for why, count in told["refusals"].items() if why != "ConnectionRefusedError"),
        "down": passage.down, "all_back": passage.all_back, "attempts": told["attempts"] / told["clients"],
        "away_p50": told.get("p50_ms", 0.0) / 1000, "away_max": told.get("max_ms", 0.0) / 1000,
        "health_p50": health[len(health) // 2] * 1000, "health_p99": health[len(health) * 99 // 100] * 1000,
        "health_max": health[-1] * 1000, "more_mib": passage.resident_mib_after - passage.resident_mib_before,
    }  # fmt: skip


BENCH = Bench("storm", "A restart with a thousand open sockets", measure)
