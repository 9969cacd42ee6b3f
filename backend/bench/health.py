"""`/health` and the event loop while a model loads.

A client on one kept connection asks for `/health` 200 times a second until the model is ready. A latency counts from
when the request should have gone out if the answer before it was late, so a stall counts for everyone it would have
made wait. The stall itself is the largest delay of a task in the server's own loop that asks to be woken each
millisecond (`ticker.py`). A round of ours is one start (import and load) and three more loads after `kill -9` of the
host. Opponent: a Starlette app that loads the same model in a thread of the server
(`opponents/starlette_in_thread.py`), the usual way to answer while loading; it runs the same ticker, uvicorn and
loop, and warms up as ours does.
Server, model and client share the machine's cores: on two cores a part of each delay is waiting for one.
"""

from __future__ import annotations

import os
import signal
import tempfile
import time
from collections.abc import Mapping

from bench.harness import Bench, Plan, Report, Row, at_most, interleave, never_above, percentile
from bench.http import Connection, first_answer
from bench.model import MODEL, model_folder, offline
from bench.processes import free_port, running

ASK_EVERY_SECONDS = 0.005
KILLS = 3
_MS = 1000.0


def measure(plan: Plan) -> Report:
    folder = str(model_folder())
    taken = interleave({"ours": _ours, "loads in a thread": lambda: _in_thread(folder)}, plan)
    ours, theirs = taken["ours"], taken["loads in a thread"]
    rows = [
        Row("/health p50 while loading", "ms", ours["p50"], theirs["p50"]),
        Row("/health p99 while loading", "ms", ours["p99"], theirs["p99"], at_most(5)),
        Row("/health slowest while loading", "ms", ours["max"], theirs["max"], never_above(25)),
        Row("longest stall of the loop", "ms", ours["stall"], theirs["stall"], never_above(25)),
    ]
    asked = int(sum(ours["asked"])), int(sum(theirs["asked"]))
    return Report(rows, [f"{asked[0]} answers of ours and {asked[1]} of the opponent's were timed"])


def _ours() -> Mapping[str, float]:
    port = free_port()
    with tempfile.TemporaryDirectory() as data:
        command = ["-m", "greenroom", "serve", "--app", "bench.ticking_app:create_app", "--data", data]
        with running([*command, "--port", str(port)]) as process:
            first_answer(process, port, "/health")
            with Connection(port) as connection:
                latencies = _ask_until_ready(connection)
                for _ in range(KILLS):
                    _embed_and_kill(connection)
                    latencies += _ask_until_ready(connection)
                return _figures(connection, latencies)


def _in_thread(folder: str) -> Mapping[str, float]:
    port = free_port()
    command = ["-m", "uvicorn", "bench.opponents.starlette_in_thread:app", "--no-access-log", "--port", str(port)]
    with running(command, environment={**offline(), "MODEL_FOLDER": folder}) as process:
        first_answer(process, port, "/health")
        with Connection(port) as connection:
            return _figures(connection, _ask_until_ready(connection))


def _embed_and_kill(connection: Connection) -> None:
    """An answer first: a host that has answered is replaced at once. Returns when the front has noticed the end."""
    connection.post("/v1/embeddings", {"model": MODEL, "input": "a text"})
    pid = connection.get("/models/status").json()["models"][0]["pid"]
    os.kill(pid, signal.SIGKILL)
    while connection.get("/health").json()["model_loaded"]:
        pass


def _ask_until_ready(connection: Connection) -> list[float]:
    """Seconds of each answer until one says that the model is loaded."""
    latencies, loaded = [], False
    due = time.perf_counter()
    while not loaded:
        if (rest := due - time.perf_counter()) > 0:
            time.sleep(rest)
            due = time.perf_counter()  # a late wake-up is ours, not the server's
        answer = connection.get("/health")
        latencies.append(time.perf_counter() - due)
        due += ASK_EVERY_SECONDS
        loaded = answer.json()["model_loaded"]
    return latencies


def _figures(connection: Connection, latencies: list[float]) -> dict[str, float]:
    return {
        "p50": percentile(latencies, 0.5) * _MS,
        "p99": percentile(latencies, 0.99) * _MS,
        "max": max(latencies) * _MS,
        "stall": connection.get("/bench/ticks").json()["largest_seconds"] * _MS,
        "asked": len(latencies),
    }


BENCH = Bench("health", "Answers while a model loads", measure)
