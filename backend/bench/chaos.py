"""`kill -9` of the host under load, 50 times: what callers get, how soon the model is back, what is left over.

The real model behind `greenroom serve`. 16 callers send one short text after another, each text a new one; every
second caller adds `Prefer: wait=30`, the others take a refusal and come again. As soon as the model answers, its host
is killed after a random 0.05 to 0.5 s. An answer counts as right when it is a vector, or the snapshot with 425 or
503, or a problem document; a connection that ends without an answer counts as lost. Back to ready: from the kill to
the first `/health` that says so. At the end the server is stopped, and every process that was ever seen under it must
be gone within 10 s. Each round counts 10 kills. No opponent: those who keep the model in the server die with it.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import random
import signal
import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from bench.harness import Bench, Plan, Report, Row, Table, never_above
from bench.http import Answer, Connection
from bench.meanwhile import meanwhile
from bench.model import MODEL, SHORT_TEXTS, offline
from bench.proc import children
from bench.processes import BACKEND, until
from greenroom.testing import GreenroomServer

KILLS_PER_ROUND = 10
CALLERS = 16
PAUSE_SECONDS = 0.05
"""After a refusal."""
READY_WITHIN_SECONDS = 120.0
GONE_WITHIN_SECONDS = 10.0
FAULTS = (500, 501)
"""Typed or not, they say that the server did not know what to do."""


@dataclass
class Aftermath:
    """What a run left. `lost` and `wrong` are what must not be; `orphans` are the ids of processes that outlive the
    server, `more_processes` how many more there are under it at the end than at the beginning."""

    kills: int = 0
    answers: Counter[str] = field(default_factory=Counter)
    lost: Counter[str] = field(default_factory=Counter)
    wrong: Counter[str] = field(default_factory=Counter)
    back_seconds: list[float] = field(default_factory=list)
    orphans: list[int] = field(default_factory=list)
    more_processes: int = 0


def wreak(kills: int, callers: int = CALLERS) -> Aftermath:
    """Start a server, kill its host `kills` times under load, stop it. Raises TimeoutError when it is not back."""
    aftermath, family = Aftermath(), set[int]()
    with GreenroomServer(engine="local", environment={**offline(), "PYTHONPATH": str(BACKEND)}) as server:
        _await_ready(server.port)
        at_first = descendants(server.pid)
        with _calling(server.port, callers, aftermath):
            for _ in range(kills):
                _await_answers(aftermath)
                family |= descendants(server.pid)
                aftermath.back_seconds.append(_kill(server.port))
                aftermath.kills += 1
            _await_answers(aftermath)
        aftermath.more_processes = len(descendants(server.pid)) - len(at_first)
        family |= descendants(server.pid)
        server.send_signal(signal.SIGTERM)
        aftermath.orphans = _left_of(family)
    return aftermath


def descendants(pid: int) -> set[int]:
    """Every living process under `pid`."""
    found: set[int] = set()
    for child in children(pid):
        found |= {child} | descendants(child)
    return found


def _kill(port: int) -> float:
    """Kill the host; seconds until the model is ready in another one."""
    time.sleep(random.uniform(0.05, 0.5))  # noqa: S311
    with Connection(port) as connection:
        before = _host(connection)
        begun = time.monotonic()
        os.kill(before, signal.SIGKILL)
        until(lambda: _host(connection) not in (before, None), "another host", seconds=READY_WITHIN_SECONDS)
        until(lambda: _is_ready(connection), "ready again", seconds=READY_WITHIN_SECONDS)
        return time.monotonic() - begun


def _host(connection: Connection) -> Any:
    return connection.get("/models/status").json()["models"][0]["pid"]


def _is_ready(connection: Connection) -> bool:
    return bool(connection.get("/health").json()["model_loaded"])


def _await_ready(port: int) -> None:
    with Connection(port) as connection:
        until(lambda: _is_ready(connection), "ready", seconds=READY_WITHIN_SECONDS)


def _await_answers(aftermath: Aftermath) -> None:
    """Until the present host has answered some calls: its death does not count towards a crash loop then."""
    enough = aftermath.answers["200"] + CALLERS
    until(lambda: aftermath.answers["200"] >= enough, "answers", seconds=READY_WITHIN_SECONDS)


def _left_of(family: set[int]) -> list[int]:
    """Those of `family` that do not end."""
    limit = time.monotonic() + GONE_WITHIN_SECONDS
    while (left := [pid for pid in family if is_alive(pid)]) and time.monotonic() < limit:
        time.sleep(0.05)
    return left


def is_alive(pid: int) -> bool:
    """Whether a process runs; one that only waits to be noted by its parent does not."""
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8") as stat:
            return stat.read().rpartition(")")[2].split()[0] not in "XZ"
    except OSError:
        return False


def _calling(port: int, callers: int, aftermath: Aftermath) -> contextlib.AbstractContextManager[None]:
    """Callers that note what they get until the block ends; each waits for its last answer."""
    numbers = itertools.count()
    return meanwhile(*(partial(_call_until, port, numbers, caller % 2 == 0, aftermath) for caller in range(callers)))


def _call_until(
    port: int, numbers: Iterator[int], waits: bool, aftermath: Aftermath, stop: threading.Event
) -> None:  # fmt: skip
    with contextlib.ExitStack() as stack:
        connection = stack.enter_context(Connection(port))
        while not stop.is_set():
            number = next(numbers)
            body = {"model": MODEL, "input": f"{SHORT_TEXTS[number % 64]} {number}"}
            try:
                answer = connection.post("/v1/embeddings", body, {"Prefer": "wait=30"} if waits else None)
            except (OSError, ValueError) as error:
                aftermath.lost[type(error).__name__] += 1
                connection = stack.enter_context(Connection(port))
                continue
            right, name = judge(answer)
            (aftermath.answers if right else aftermath.wrong)[name] += 1
            if answer.status != 200:
                stop.wait(PAUSE_SECONDS)


def judge(answer: Answer) -> tuple[bool, str]:
    """Whether an answer has the shape it should have, and what to call it."""
    try:
        body = answer.json()
        if answer.status == 200:
            return len(body["data"][0]["embedding"]) > 0, "200"
        if body["type"] == "initialization":
            return answer.status in (425, 503), f"{answer.status} snapshot, {body['phase']}"
        typed = str(body["type"]).startswith("/problems/") and answer.status not in FAULTS
        return typed, f"{answer.status} {body['type'].rpartition('/')[2]}"
    except (json.JSONDecodeError, UnicodeDecodeError, LookupError, TypeError, AttributeError):
        return False, f"{answer.status} {answer.body[:80]!r}"


def measure(plan: Plan) -> Report:
    """One run with all kills of all rounds."""
    aftermath = wreak(KILLS_PER_ROUND * plan.rounds)
    lost, wrong = aftermath.lost.total(), aftermath.wrong.total()
    rows = [
        Row("calls without an answer", "", [lost], (), never_above(0)),
        Row("answers of a wrong shape", "", [wrong], (), never_above(0)),
        Row("processes that outlive the server", "", [len(aftermath.orphans)], (), never_above(0)),
        Row("more processes under the server than before", "", [aftermath.more_processes], (), never_above(0)),
        Row("back to ready", "s", aftermath.back_seconds),
    ]
    counts = [(name, str(count)) for name, count in aftermath.answers.most_common()]
    counts += [(f"lost: {name}", str(count)) for name, count in aftermath.lost.items()]
    counts += [(f"wrong: {name}", str(count)) for name, count in aftermath.wrong.items()]
    return Report(rows, [f"{aftermath.kills} kills"], [Table("What the callers got:", ("answer", "times"), counts)])


BENCH = Bench("chaos", "kill -9 of the host under load", measure)
