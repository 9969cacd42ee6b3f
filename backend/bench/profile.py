"""Where each tenth of a millisecond of one request goes, and where the front's processor time goes under load.

One client asks for one text at a time; stamps from outside (`stamps.py`) note when client, front and host reach each
step, on a clock that is the same in all processes; shown are the medians of the steps' durations over all requests, and
what a step contains. With 32 clients, the host's stamps say how large batches become and how many are computed at a
time. A second server is sampled (`sampler.py`): a look at the front's stack in each millisecond, under 32
clients. No opponent and no goal: this says what to improve. Stamps and samples cost a little themselves.
"""

from __future__ import annotations

import json
import statistics
import tempfile
import time
from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

from bench.harness import Bench, Plan, Report, Row, Table, number
from bench.http import Connection, request_bytes
from bench.load_generator import LoadGenerator, Order
from bench.predict import Case, Family, serving
from bench.processes import BACKEND
from bench.stamps import Stamp

REQUESTS_A_ROUND = 200
SECONDS_A_ROUND = 1.0
FUNCTIONS_SHOWN = 20
STAMPING = Path(__file__).parent / "stamping"
STEPS: tuple[tuple[str, str], ...] = (
    ("sent", ""),
    ("front received", "client → front: system calls, the front wakes up"),
    ("front app", "uvicorn: HTTP parsing, a task for the request"),
    ("front endpoint", "middlewares, routing"),
    ("front parsed", "body read, JSON validated"),
    ("front embed", "limits, guard, a task for the call"),
    ("front asks host", "admission"),
    ("host received", "front → host: frame packed and written, the host wakes up"),
    ("host decoded", "frame decoded"),
    ("host tokenised", "text tokenised"),
    ("host begins", "queue, the computing thread wakes up, batch formed"),
    ("host padded", "features padded, tensors made"),
    ("host computed", "model, normalised"),
    ("host sends", "finite?, put together, frame packed"),
    ("front answered", "host → front: frame written, the front wakes up, frame decoded"),
    ("front resumed", "futures and tasks until the endpoint goes on"),
    ("front written", "vectors to text, JSON"),
    ("front sends", "response headers, middlewares"),
    ("received", "front → client: uvicorn, written, the client wakes up"),
)
"""(moment, what happens between the moment before and this one)."""
LAST = frozenset({"front sends"})
"""Of these the last within a request counts, of all others the first."""
Timeline = Mapping[str, float]
"""Moment → seconds, of one request."""


def measure(plan: Plan) -> Report:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "stamps.jsonl"
        environment = {"PYTHONPATH": f"{STAMPING}:{BACKEND}", "BENCH_STAMPS": str(file)}
        with serving("--app", "bench.profiled_app:stamped", environment=environment) as family:
            plan.say("one client")
            requests = _one_client(family, plan, file)
            plan.say("32 clients")
            batches = _batches(family, plan, file)
    with serving("--app", "bench.profiled_app:sampled") as family:
        plan.say("32 clients, sampled")
        samples = _samples(family, plan)
    lines = [timeline for request in requests if (timeline := line_up(request)) is not None]
    if len(lines) < len(requests) / 2:
        raise RuntimeError(f"only {len(lines)} of {len(requests)} requests have all stamps: {missing(requests)}")
    whole = [(line["received"] - line["sent"]) * 1000 for line in lines]
    return Report(
        [Row("one client, one request, stamped", "ms", whole)],
        [f"{len(lines)} requests", *batches],
        [_steps(lines), _share("Front under 32 clients, by part", samples["parts"]),
         _share("Front under 32 clients, by function", samples["functions"])],
    )  # fmt: skip


def _one_client(family: Family, plan: Plan, file: Path) -> list[list[Stamp]]:
    """The stamps of each request, those of client, front and host together."""
    case = Case(1, 1, "base64")
    asked = [request_bytes(family.port, "/v1/embeddings", body) for body in case.bodies()]
    sent: list[tuple[float, float]] = []
    with Connection(family.port) as connection:
        for turn in range(REQUESTS_A_ROUND * (plan.warmups + plan.rounds)):
            if turn == REQUESTS_A_ROUND * plan.warmups:
                _taken(family)
                file.unlink(missing_ok=True)
            begun = time.perf_counter()
            connection.exchange(asked[turn % len(asked)])
            if turn >= REQUESTS_A_ROUND * plan.warmups:
                sent.append((begun, time.perf_counter()))
    return by_request(sent, [*_taken(family), *_host_stamps(file)])


def by_request(sent: Sequence[tuple[float, float]], stamps: Sequence[Stamp]) -> list[list[Stamp]]:
    """The stamps that fall into each request (from when it was sent to when its answer was there), in order, with
    these two moments themselves."""
    ordered = iter(sorted(stamps, key=lambda stamp: stamp[1]))
    stamp = next(ordered, None)
    requests: list[list[Stamp]] = []
    for begun, ended in sent:
        inside: list[Stamp] = [("sent", begun, 0)]
        while stamp is not None and stamp[1] <= ended:
            if stamp[1] >= begun:
                inside.append(stamp)
            stamp = next(ordered, None)
        requests.append([*inside, ("received", ended, 0)])
    return requests


def line_up(request: Sequence[Stamp]) -> Timeline | None:
    """When each moment of `STEPS` was reached; None when one is missing."""
    reached: dict[str, float] = {}
    for name, at, _ in request:
        if name in LAST or name not in reached:
            reached[name] = at
    return reached if all(moment in reached for moment, _ in STEPS) else None


def missing(requests: Sequence[Sequence[Stamp]]) -> str:
    """The moments that no request has."""
    seen = {name for request in requests for name, _, _ in request}
    return ", ".join(moment for moment, _ in STEPS if moment not in seen) or "each has some"


def _steps(lines: Sequence[Timeline]) -> Table:
    """Median duration of each step. Every moment is the beginning of what comes next, noted before anybody else can
    go on by it, so the moments of one request never overlap; the medians need not add up."""
    rows = []
    total = statistics.median(line["received"] - line["sent"] for line in lines) * 1e6
    for (before, _), (moment, what) in pairwise(STEPS):
        took = statistics.median(line[moment] - line[before] for line in lines) * 1e6
        rows.append((moment, what, number(round(took, 1)), number(100 * took / total)))
    return Table("One request, step by step", ("until", "what", "µs", "%"), rows)


def _batches(family: Family, plan: Plan, file: Path) -> list[str]:
    """What the host did under 32 clients."""
    file.unlink(missing_ok=True)
    texts_per_second = _load(family, SECONDS_A_ROUND * plan.rounds)
    stamps = sorted(_host_stamps(file), key=lambda stamp: stamp[1])
    begins = [(at, amount) for name, at, amount in stamps if name == "host begins"]
    ends = [at for name, at, _ in stamps if name == "host computed"]
    if not begins or not ends:
        return ["the host noted no batches"]
    texts = sum(amount for _, amount in begins)
    busy = sum(ends) - sum(at for at, _ in begins)  # whoever began which: the sum is the same
    return [
        f"32 clients, stamped: {number(texts_per_second)} texts/s in batches of {number(texts / len(begins))} on "
        f"average; on average {number(busy / (ends[-1] - begins[0][0]))} batches are computed at a time"
    ]


def _samples(family: Family, plan: Plan) -> Mapping[str, Mapping[str, int]]:
    _taken(family)
    _load(family, SECONDS_A_ROUND * plan.rounds)
    samples: Mapping[str, Mapping[str, int]] = _taken(family)
    return samples


def _taken(family: Family) -> Any:
    """What the front noted since the last call. On a connection of its own: one that idles for long is closed."""
    with Connection(family.port) as connection:
        return connection.get("/bench/taken").json()


def _load(family: Family, seconds: float) -> float:
    """Texts a second of 32 clients."""
    case = Case(32, 1, "base64")
    with LoadGenerator() as generator:
        outcome = generator.run(Order(family.port, "/v1/embeddings", case.bodies(), case.clients, seconds))
    return outcome.answers / outcome.seconds


def _share(title: str, counts: Mapping[str, int]) -> Table:
    total = max(1, sum(counts.values()))
    shown = list(counts.items())[:FUNCTIONS_SHOWN]
    return Table(title, ("where", "samples", "%"), [(name, str(n), number(100 * n / total)) for name, n in shown])


def _host_stamps(file: Path) -> list[Stamp]:
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except OSError:
        return []
    return [(name, at, amount) for line in lines for name, at, amount in json.loads(line)]


BENCH = Bench("profile", "Where the time of a request goes", measure)
