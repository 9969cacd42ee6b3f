"""Predictions over HTTP beside the bare model, on the same cores, in the same number format.

Three ways of asking `POST /v1/embeddings` on kept connections: 32 clients with one short text each, 2 clients with 64
texts each, one client alone with one text. Each client waits for its answer before it asks again. Opponent:
`opponents/bare_batches.py`, our own runtime class in a process of its own, which tokenises and embeds the same texts in
batches of the size that is quickest here (found out before the rounds), with nothing around it: no server can be
quicker, so the ratio says what serving costs. For one client it embeds one text at a time. Both processes stay up and
take turns; while one works the other is idle. The load generator (a process of its own, requests made beforehand)
shares the cores too, so what it takes is shown.

Headline is `encoding_format: base64`, which OpenAI's Python library asks for by itself; `float` has rows of its own.
"""

from __future__ import annotations

import contextlib
import statistics
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from bench.bare_model import BareModel
from bench.harness import (
    Bench,
    Goal,
    Plan,
    Report,
    Row,
    Table,
    at_most_above_opponent,
    interleave,
    percentile,
    ratio_at_least,
    spread,
)  # fmt: skip
from bench.http import Connection, first_answer
from bench.load_generator import LoadGenerator, Order
from bench.machine import cores
from bench.model import MODEL, SHORT_TEXTS
from bench.proc import cpu_seconds
from bench.processes import free_port, running

SECONDS = 3.0
SEARCH_SECONDS = 1.0
BATCH_SIZES = (8, 16, 32, 64, 128)
ENCODINGS = ("base64", "float")
_MS = 1000.0
Figures = Mapping[str, float]


@dataclass(frozen=True)
class Case:
    """One way of asking."""

    clients: int
    texts: int
    """In each request."""
    encoding: str

    @property
    def name(self) -> str:
        clients, texts = "client" if self.clients == 1 else "clients", "text" if self.texts == 1 else "texts"
        return f"{self.clients} {clients} × {self.texts} {texts}, {self.encoding}"

    def bodies(self) -> list[dict[str, Any]]:
        """As OpenAI's client writes them: one text as a string, several as a list."""
        if self.texts == 1:
            inputs: list[Any] = list(SHORT_TEXTS)
        else:
            inputs = [list(SHORT_TEXTS[: self.texts])]
        return [{"model": MODEL, "input": one, "encoding_format": self.encoding} for one in inputs]


CASES = tuple(Case(clients, texts, encoding) for clients, texts in ((32, 1), (2, 64), (1, 1)) for encoding in ENCODINGS)


@dataclass(frozen=True)
class Family:
    """The running server."""

    port: int
    front: int
    host: int
    dtype: str


@contextlib.contextmanager
def serving(*arguments: str, environment: Mapping[str, str] | None = None) -> Iterator[Family]:
    """A ready server with the default model, in an empty data folder."""
    port = free_port()
    with tempfile.TemporaryDirectory() as data:
        command = ["-m", "greenroom", "serve", "--data", data, "--port", str(port), *arguments]
        with running(command, environment={"GREENROOM_LOG_LEVEL": "warning", **(environment or {})}) as process:
            first_answer(process, port, "/readyz", seconds=120)
            with Connection(port) as connection:
                report = connection.get("/models/status").json()["models"][0]
            yield Family(port, process.pid, report["pid"], report["dtype"])


def measure(plan: Plan) -> Report:
    with serving() as family, BareModel() as bare, LoadGenerator() as generator:
        if family.dtype != bare.dtype:
            raise RuntimeError(f"not comparable: the host computes in {family.dtype}, the bare model in {bare.dtype}")
        plan.say("the bare model's best batch size")
        batch = bare.best_batch(SEARCH_SECONDS, SHORT_TEXTS, BATCH_SIZES)
        sides: dict[str, Callable[[], Figures]] = {case.name: _side(family, generator, case) for case in CASES}
        sides["bare, batches"] = lambda: {"rate": bare.embed_for(SECONDS, SHORT_TEXTS, batch).texts_per_second}
        sides["bare, one"] = lambda: _one_by_one(bare)
        taken = interleave(sides, plan)
    rows = [row for case in CASES for row in _rows(case, taken)]
    notes = [f"both in {family.dtype}; the bare model is quickest in batches of {batch}"]
    return Report(rows, notes, [_shares(taken)])


def _side(family: Family, generator: LoadGenerator, case: Case) -> Callable[[], Figures]:
    def side() -> Figures:
        before = cpu_seconds(family.front), cpu_seconds(family.host)
        outcome = generator.run(Order(family.port, "/v1/embeddings", case.bodies(), case.clients, SECONDS))
        if outcome.refused or not outcome.answers:
            raise RuntimeError(f"{case.name}: {outcome.refused} of {outcome.answers} calls were refused")
        return {
            "rate": outcome.answers * case.texts / outcome.seconds,
            "p50": percentile(outcome.latencies, 0.5) * _MS,
            "p99": percentile(outcome.latencies, 0.99) * _MS,
            "front": (cpu_seconds(family.front) - before[0]) / outcome.answers * _MS,
            "host": (cpu_seconds(family.host) - before[1]) / outcome.answers * _MS,
            "generator": outcome.cpu_seconds / outcome.answers * _MS,
            "generator share": 100 * outcome.cpu_seconds / outcome.seconds / cores(),
        }

    return side


def _one_by_one(bare: BareModel) -> Figures:
    latencies = bare.embed_for(SECONDS, SHORT_TEXTS, 1).latencies
    return {"p50": statistics.median(latencies) * _MS, "p99": percentile(latencies, 0.99) * _MS}


def _rows(case: Case, taken: Mapping[str, Mapping[str, list[float]]]) -> list[Row]:
    ours, batches, one = taken[case.name], taken["bare, batches"], taken["bare, one"]
    headline = case.encoding == "base64"
    if case.clients == 1:
        goal: Goal | None = at_most_above_opponent(1.0) if headline else None
        return [
            Row(f"{case.name}: p50", "ms", ours["p50"], one["p50"], goal),
            Row(f"{case.name}: p99", "ms", ours["p99"], one["p99"]),
        ]
    goal = ratio_at_least(0.75 if case.texts == 1 else 0.95) if headline else None
    return [
        Row(case.name, "texts/s", ours["rate"], batches["rate"], goal),
        Row(f"{case.name}: p99", "ms", ours["p99"]),
    ]


def _shares(taken: Mapping[str, Mapping[str, list[float]]]) -> Table:
    """Where the processor time of a request goes."""
    head = ("processor ms a request", "front", "host", "load generator", "load generator's share of the machine, %")
    kinds = ("front", "host", "generator", "generator share")
    rows = [(case.name, *(spread(taken[case.name][kind]) for kind in kinds)) for case in CASES]
    return Table("Processor time", head, rows)


BENCH = Bench("predict", "Predictions", measure)
