"""10 000 malformed HTTP and socket messages against a real server: what it answers, and what it is left with.

`malformed_http.py` and `malformed_sockets.py` hold the kinds of wrongness, played in turn with random parts by eight
callers; the seed is printed. The engine is scripted and ready, so that a request that happens to be right gets an
answer. Counted: answers of 500 and above, close code 1011, traces and errors in the log; and, once everybody has left,
asyncio tasks (after a garbage collection, through a route of `front_app.py`), and open descriptors,
compared with what they were after the second thousand, when every kind has been met. Resident memory is read after
every thousand: the median of its growth is what leaks, a single step is the allocator. 2000 messages for each round.
"""

from __future__ import annotations

import os
import random
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import pairwise
from random import Random

from bench import malformed_http, malformed_sockets
from bench.harness import Bench, Plan, Report, Row, Table, at_most, never_above
from bench.http import Connection
from bench.malformed_wire import Case, Wire
from bench.proc import memory_of
from bench.processes import BACKEND
from greenroom.testing import GreenroomServer

MESSAGES_PER_ROUND = 2_000
THOUSAND = 1_000
CALLERS = 8
SETTLED_WITHIN_SECONDS = 30.0
"""Half-open sockets are given up after 10 s, unfinished requests likewise."""
CASES: tuple[Case, ...] = (*malformed_http.CASES, *malformed_sockets.CASES)
LIMITS = {"GREENROOM_MAX_CONNECTIONS_PER_ADDRESS": "1000", "GREENROOM_MAX_HTTP_CONNECTIONS_PER_ADDRESS": "4000"}


@dataclass(frozen=True)
class Holdings:
    """What a server holds while nobody is connected but who asks."""

    tasks: int
    descriptors: int
    resident_mib: float


@dataclass
class Damage:
    """What a run found. `faults`: answers that must not be, by case."""

    seed: int
    outcomes: dict[str, Counter[str]] = field(default_factory=dict)
    faults: Counter[str] = field(default_factory=Counter)
    before: Holdings = Holdings(0, 0, 0.0)
    after: Holdings = Holdings(0, 0, 0.0)
    resident_mib: list[float] = field(default_factory=list)
    """After the first messages, and after each thousand more."""
    traces: list[str] = field(default_factory=list)
    """What the log says of each exception that nobody handled, and of errors."""


def assail(messages: int, first: int, seed: int | None = None) -> Damage:
    """Send `messages` malformed ones; what the server holds after the first `first` is what it may hold at the end."""
    damage = Damage(random.randrange(2**32) if seed is None else seed)  # noqa: S311
    with GreenroomServer("bench.front_app:make", environment={**LIMITS, "PYTHONPATH": str(BACKEND)}) as server:
        server.control.become_ready()
        with Connection(server.port) as connection:
            connection.get("/jobs")  # so that the store is open, and what works jobs off is there
        _send(server.port, range(first), damage)
        damage.before = _settled(server, None)
        damage.resident_mib.append(damage.before.resident_mib)
        for begin in range(first, messages, THOUSAND):
            _send(server.port, range(begin, min(begin + THOUSAND, messages)), damage)
            damage.resident_mib.append(_holdings(server).resident_mib)
        damage.after = _settled(server, damage.before)
        _require_service(server)
        damage.traces = _traces(server.log())
    return damage


def _send(port: int, numbers: range, damage: Damage) -> None:
    with ThreadPoolExecutor(CALLERS) as pool:
        for case, outcome in pool.map(lambda number: _play(port, number, damage.seed), numbers):
            damage.outcomes.setdefault(case, Counter())[outcome] += 1
            if outcome == "close 1011" or (outcome.isdigit() and int(outcome) >= 500):
                damage.faults[f"{case}: {outcome}"] += 1


def _play(port: int, number: int, seed: int) -> tuple[str, str]:
    """One case with random parts that depend on seed and number alone."""
    case = CASES[number % len(CASES)]
    wire = Wire(port)
    try:
        case(wire, Random(f"{seed}-{number}"))  # noqa: S311
        return f"{case.__module__.rpartition('_')[2]} {case.__name__}", wire.outcome()
    finally:
        wire.close()


def _settled(server: GreenroomServer, wanted: Holdings | None) -> Holdings:
    """What it holds once that is no more than `wanted`, or does not change for a while, or time is up."""
    until = time.monotonic() + SETTLED_WITHIN_SECONDS
    lowest = _holdings(server)
    since = time.monotonic()
    while time.monotonic() < until and time.monotonic() - since < SETTLED_WITHIN_SECONDS / 2:
        if wanted and lowest.tasks <= wanted.tasks and lowest.descriptors <= wanted.descriptors:
            break
        time.sleep(0.25)
        now = _holdings(server)
        if (now.tasks, now.descriptors) < (lowest.tasks, lowest.descriptors):
            since = time.monotonic()
        lowest = min(now, lowest, key=lambda held: (held.tasks, held.descriptors))
    return lowest


def _holdings(server: GreenroomServer) -> Holdings:
    with Connection(server.port) as connection:
        tasks = connection.get("/bench/state").json()["tasks"]
        descriptors = len(os.listdir(f"/proc/{server.pid}/fd"))
    return Holdings(tasks, descriptors, memory_of(server.pid).resident / 2**20)


def _require_service(server: GreenroomServer) -> None:
    """It still does its work. Raises RuntimeError."""
    with Connection(server.port) as connection:
        status = connection.post("/v1/embeddings", {"model": "minilm", "input": "a text"}).status
    wire = Wire(server.port)
    opened = wire.open_socket()
    wire.close()
    if status != 200 or not opened:
        raise RuntimeError(f"after all that, an embedding gets {status}, and a socket opens: {opened}")


def _traces(log: str) -> list[str]:
    """The last line of each trace, the events that logged one, and what uvicorn calls an error."""
    lines = log.splitlines()
    plain = [number for number, line in enumerate(lines) if line.startswith("Traceback")]
    found = [next((line for line in lines[begin + 1 :] if not line.startswith(" ")), "?") for begin in plain]
    return found + [line[:300] for line in lines if _is_error(line)]


def _is_error(line: str) -> bool:
    return line.startswith(("ERROR ", "CRITICAL ")) or (line.startswith("{") and '"exception"' in line)


def measure(plan: Plan) -> Report:
    damage = assail(MESSAGES_PER_ROUND * plan.rounds, MESSAGES_PER_ROUND)
    before, after = damage.before, damage.after
    growth = [later - earlier for earlier, later in pairwise(damage.resident_mib)]
    rows = [
        Row("answers of 500 and above", "", [damage.faults.total()], (), never_above(0)),
        Row("traces and errors in the log", "", [len(damage.traces)], (), never_above(0)),
        Row("asyncio tasks more than before", "", [after.tasks - before.tasks], (), never_above(0)),
        Row("descriptors more than before", "", [after.descriptors - before.descriptors], (), never_above(0)),
        Row("resident memory for each further thousand", "MiB", growth, (), at_most(0.25)),
    ]
    faults = [(what, str(count)) for what, count in damage.faults.items()]
    traces = [(trace, str(count)) for trace, count in Counter(damage.traces).items()]
    outcomes = [(case, _told(counts)) for case, counts in sorted(damage.outcomes.items())]
    total = MESSAGES_PER_ROUND * plan.rounds
    return Report(
        rows,
        [f"{total} messages, seed {damage.seed}, resident {before.resident_mib:.1f} MiB before"],
        [Table("What came back, by kind:", ("kind", "answers"), outcomes),
         *([Table("Faults:", ("what", "times"), [*faults, *traces])] if faults or traces else [])],
    )  # fmt: skip


def _told(counts: Counter[str]) -> str:
    return ", ".join(f"{outcome} × {count}" for outcome, count in counts.most_common())


BENCH = Bench("malformed", "Malformed messages", measure)
