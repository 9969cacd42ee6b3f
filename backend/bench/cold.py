"""From process start to the first embedding, and from `kill -9` of a host to the next one's first answer.

Ours: `greenroom serve` is started and, as soon as it listens, sent one `POST /v1/embeddings` with `Prefer: wait`, which
it answers when the model is ready: start, import, load, number-format check, warm-up, HTTP and one encode are all
inside. "First load": an empty data folder, so the reduced number format is checked against float32; "later load": the
verdict and the history of an earlier one are there. Opponent: `opponents/bare_script.py`, which imports
sentence-transformers, loads the same files and encodes the same text once, up to its printed line; it serves nobody,
so it is the least that anyone has to wait. The ratio uses it in float32, the library's default and its quickest way
(no conversion); in the dtype that our host chooses it stands in a row of its own. The disk cache is warm.
Second host: the host is killed after it has answered, and a call is sent at once; it ends with the successor's answer.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

from bench.harness import Bench, Plan, Report, Row, at_most, interleave, ratio_at_most
from bench.http import Connection, first_answer
from bench.model import MODEL, model_folder, offline
from bench.processes import free_port, own_environment, running
from greenroom.store.loads import read_early

SCRIPT = Path(__file__).parent / "opponents" / "bare_script.py"
TEXT = "a short text"
SCRIPT_SECONDS = 120.0


def measure(plan: Plan) -> Report:
    folder = str(model_folder())
    with tempfile.TemporaryDirectory() as kept:
        dtype = _dtype_after_a_load(kept)
        sides = {
            "later load": lambda: _ours(kept),
            "first load": _ours_at_first,
            "bare script": lambda: _script(folder),
            "bare script, our dtype": lambda: _script(folder, dtype),
        }
        taken = interleave(sides, plan)
    bare, bare_dtype = taken["bare script"]["answer"], taken["bare script, our dtype"]["answer"]
    later, first = taken["later load"], taken["first load"]
    rows = [
        Row("start → first answer, later load", "s", later["answer"], bare, ratio_at_most(1.0), "against float32"),
        Row("start → first answer, first load", "s", first["answer"], bare, ratio_at_most(1.0), "against float32"),
        Row(f"start → first answer, later load, opponent in {dtype}", "s", later["answer"], bare_dtype),
        Row("start → first answer on /health", "s", later["health"]),
        Row("host killed → second host's first answer", "s", later["second"], goal=at_most(1.5)),
    ]
    return Report(rows, [f"our host computes in {dtype}"])


def _dtype_after_a_load(data: str) -> str:
    """Fill `data` with what one load leaves; the dtype that the host chose."""
    port = free_port()
    with running(["-m", "greenroom", "serve", "--data", data, "--port", str(port)]) as process:
        first_answer(process, port, "/readyz")
        with Connection(port) as connection:
            dtype: str = connection.get("/models/status").json()["models"][0]["dtype"]
        _wait_for_history(Path(data))
        return dtype


def _wait_for_history(data: Path) -> None:
    limit = time.monotonic() + 10
    while not read_early(data / "greenroom.db") and time.monotonic() < limit:
        time.sleep(0.01)


def _ours_at_first() -> Mapping[str, float]:
    with tempfile.TemporaryDirectory() as data:
        return _ours(data)


def _ours(data: str) -> Mapping[str, float]:
    port = free_port()
    begun = time.perf_counter()
    with running(["-m", "greenroom", "serve", "--data", data, "--port", str(port)]) as process:
        first_answer(process, port, "/health")
        health = time.perf_counter() - begun
        with Connection(port) as connection:
            _embed(connection)
            answer = time.perf_counter() - begun
            pid = connection.get("/models/status").json()["models"][0]["pid"]
            begun = time.perf_counter()
            os.kill(pid, signal.SIGKILL)
            _embed(connection)
            return {"health": health, "answer": answer, "second": time.perf_counter() - begun}


def _embed(connection: Connection) -> None:
    """One embedding, waited for. Raises RuntimeError when there is none."""
    answer = connection.post("/v1/embeddings", {"model": MODEL, "input": TEXT}, {"Prefer": "wait=30"})
    if answer.status != 200 or not json.loads(answer.body)["data"]:
        raise RuntimeError(f"no embedding: {answer.status} {answer.body[:300]!r}")


def _script(folder: str, *dtype: str) -> Mapping[str, float]:
    begun = time.perf_counter()
    done = subprocess.Popen(  # noqa: S603 - our own interpreter and program
        [sys.executable, str(SCRIPT), folder, *dtype], env=own_environment(offline()),
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    with done:
        assert done.stdout is not None  # noqa: S101 - asked for above
        line = done.stdout.readline()
        seconds = time.perf_counter() - begun
        done.wait(SCRIPT_SECONDS)
    if not line.startswith(b"VECTOR"):
        raise RuntimeError("the bare script gave no vector")
    return {"answer": seconds}


BENCH = Bench("cold", "Cold time to ready", measure)
