"""From process start to the first `200` on `/health`.

Measured from just before the process is made to the whole answer, asked for anew every 2 ms. Ours: `greenroom serve`
with the real engine and the default model, in an empty data folder. Opponent: a Starlette app on uvicorn that loads
the same model at import (`opponents/starlette_at_import.py`), which is how most model servers begin. It is fair
because both run the same uvicorn, loop and parser, ask no network, and end up serving the same model; what differs is
when they begin to answer. Files are in the disk cache after the warm-up round.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Mapping, Sequence

from bench.harness import Bench, Plan, Report, Row, at_most, interleave
from bench.http import first_answer
from bench.model import model_folder, offline
from bench.processes import free_port, running

STARTED_AT_IMPORT = ("-m", "uvicorn", "bench.opponents.starlette_at_import:app", "--no-access-log")


def measure(plan: Plan) -> Report:
    folder = str(model_folder())

    def ours() -> Mapping[str, float]:
        with tempfile.TemporaryDirectory() as data:
            return _first_health(["-m", "greenroom", "serve", "--data", data], {})

    def at_import() -> Mapping[str, float]:
        return _first_health(STARTED_AT_IMPORT, {**offline(), "MODEL_FOLDER": folder})

    taken = interleave({"ours": ours, "loads at import": at_import}, plan)
    ours_seconds, theirs = (taken[side]["health"] for side in ("ours", "loads at import"))
    return Report([Row("process start → first 200 on /health", "s", ours_seconds, theirs, at_most(0.5))])


def _first_health(command: Sequence[str], environment: Mapping[str, str]) -> dict[str, float]:
    port = free_port()
    begun = time.perf_counter()
    with running([*command, "--port", str(port)], environment=environment) as process:
        first_answer(process, port, "/health")
        return {"health": time.perf_counter() - begun}


BENCH = Bench("start", "First answer", measure)
