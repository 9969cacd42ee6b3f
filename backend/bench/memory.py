"""Memory of the front, the zygote and each host, right after loading and after 200 calls.

Read from `/proc/PID/smaps_rollup`: private pages (what the machine gets back when the process ends), shared ones, and
PSS, where a page that n processes map counts 1/n each, so that sums are true. One server with one model, and one with
two specs of the same package (`greenroom.toml`), which makes two hosts. Opponent: the Starlette app that loads at
import, once for each model, the way to hold two models apart without a fork. It is fair because both end with the same
models in memory, able to answer; ours also holds the zygote, which has no model and makes the next host.
The calls are one short text each; the opponent is sent the same ones.
"""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Mapping
from pathlib import Path

from bench.harness import Bench, Plan, Report, Row, Table, interleave, spread
from bench.http import Connection, first_answer
from bench.model import MODEL, SHORT_TEXTS, model_folder, offline
from bench.proc import children, memory_of
from bench.processes import free_port, running
from bench.start import STARTED_AT_IMPORT
from greenroom.settings import DEFAULT_SPEC

CALLS = 200
WAIT_SECONDS = 120
MIB = 1024 * 1024
WHEN = ("after loading", f"after {CALLS} calls")
KINDS = ("private", "shared", "PSS", "RSS")


def measure(plan: Plan) -> Report:
    folder = str(model_folder())
    sides = {
        "one": lambda: _ours((MODEL,)),
        "their one": lambda: _at_import(folder, 1),
        "two": lambda: _ours(("first", "second")),
        "their two": lambda: _at_import(folder, 2),
    }
    taken = interleave(sides, plan)
    rows = [
        Row(
            f"all processes, {models}, {when}: PSS",
            "MiB",
            taken[ours][f"all {when} PSS"],
            taken[theirs][f"all {when} PSS"],
        )
        for models, ours, theirs in (("one model", "one", "their one"), ("two models", "two", "their two"))
        for when in WHEN
    ]
    return Report(rows, tables=[_table("One model, MiB", taken["one"]), _table("Two models, MiB", taken["two"])])


def _table(title: str, figures: Mapping[str, list[float]]) -> Table:
    """A line for each process and moment."""
    whose = list(dict.fromkeys(name.rpartition(" ")[0] for name in figures))
    return Table(
        title, ("process", *KINDS), [(who, *(spread(figures[f"{who} {kind}"]) for kind in KINDS)) for who in whose]
    )


def _ours(models: tuple[str, ...]) -> Mapping[str, float]:
    port = free_port()
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder) / "greenroom.toml"
        config.write_text("".join(f'[models.{name}]\nsource = "{DEFAULT_SPEC.source}"\n' for name in models))
        command = ["-m", "greenroom", "serve", "--data", f"{folder}/data", "--port", str(port)]
        with running(command, environment={"GREENROOM_CONFIG": str(config)}) as process:
            first_answer(process, port, "/readyz", seconds=WAIT_SECONDS)
            first = _family(process.pid, WHEN[0])
            _call(port, models)
            return {**first, **_family(process.pid, WHEN[1])}


def _at_import(folder: str, processes: int) -> Mapping[str, float]:
    with contextlib.ExitStack() as stack:
        pids, ports = [], []
        for _ in range(processes):
            port = free_port()
            command = [*STARTED_AT_IMPORT, "--port", str(port)]
            environment = {**offline(), "MODEL_FOLDER": folder}
            process = stack.enter_context(running(command, environment=environment))
            pids.append(process.pid)
            ports.append(port)
            first_answer(process, port, "/health", seconds=WAIT_SECONDS)
        first = _figures(dict(zip(_names("server", processes), pids, strict=True)), WHEN[0])
        for port in ports:
            _call(port, (MODEL,))
        return {**first, **_figures(dict(zip(_names("server", processes), pids, strict=True)), WHEN[1])}


def _call(port: int, models: tuple[str, ...]) -> None:
    """`CALLS` calls to each model. Raises RuntimeError when one is refused."""
    with Connection(port) as connection:
        for number in range(CALLS):
            for model in models:
                answer = connection.post("/v1/embeddings", {"model": model, "input": SHORT_TEXTS[number % 64]})
                if answer.status != 200:
                    raise RuntimeError(f"call refused: {answer.status} {answer.body[:200]!r}")


def _family(front: int, when: str) -> dict[str, float]:
    (zygote,) = children(front)
    hosts = children(zygote)
    return _figures(
        {"front": front, "zygote": zygote, **dict(zip(_names("host", len(hosts)), hosts, strict=True))}, when
    )


def _names(noun: str, count: int) -> list[str]:
    return [noun] if count == 1 else [f"{noun} {number}" for number in range(1, count + 1)]


def _figures(pids: Mapping[str, int], when: str) -> dict[str, float]:
    """Name of a process, moment and kind → MiB; "all" is their sum (of PSS and of private pages it is a true one)."""
    figures = {f"all {when} {kind}": 0.0 for kind in KINDS}
    for name, pid in pids.items():
        memory = memory_of(pid)
        values = (memory.private, memory.shared, memory.proportional, memory.resident)
        for kind, value in zip(KINDS, values, strict=True):
            figures[f"{name} {when} {kind}"] = value / MIB
            figures[f"all {when} {kind}"] += value / MIB
    return figures


BENCH = Bench("memory", "Memory", measure)
