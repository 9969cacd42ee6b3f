"""Thousands of open sockets: what pushing to them costs, how late it comes, and what slow readers do to the others.

Each round starts a server, connects 2000 clients (`BENCH_CLIENTS`) from one process and measures in turn:
memory per idle connection (resident memory, with garbage collected, before and after); frames for each second of
processor time that the server used while state changed as fast as it is pushed, which is 10 times a second (user and
system time of its process, so it holds for a core that does nothing else); delivery at 4 changes a second, from the
stamp in the snapshot to its receipt (one machine, one clock; milliseconds); and the same with ten readers who stop
reading once connected, 8 seconds after they did, and the most that they cost until the server was rid of them.

The opponent is the loop of most examples, `for client in clients: await client.send_json(state)`, and the same loop
with the text made once, in a Starlette app on uvicorn with our settings and a state of the same size. Clients and
server share the cores; nothing is pinned. The clients need far less than a core (see the table), so that on two cores
the server has one to itself.
"""

from __future__ import annotations

import os
import resource
import time
from collections.abc import Callable
from contextlib import AbstractContextManager

from bench import sockets_fronts as fronts
from bench.harness import (
    Bench,
    Goal,
    Measurement,
    Plan,
    Report,
    Row,
    Table,
    Taken,
    at_least,
    at_most,
    interleave,
    ratio_at_most,
    spread,
)
from bench.proc import cpu_seconds, memory_of
from bench.sockets_fronts import Front
from bench.sockets_load import Load
from bench.sockets_stalled import watched

CLIENTS = int(os.environ.get("BENCH_CLIENTS", "2000"))
MANY = CLIENTS * 5 // 2
STALLED = 10
OUR_FULL_HZ, LOOP_FULL_HZ = 11.0, 10.0
"""Ours pushes at most 10 times a second, however often the state changes; each change of it is an HTTP call."""
DELIVERY_HZ = 4.0
SETTLE_SECONDS = 1.5
FAN_OUT_SECONDS = 5.0
DELIVERY_SECONDS = 8.0
FILL_SECONDS = 8.0
RID_WITHIN_SECONDS = 60.0

Opening = Callable[[], AbstractContextManager[Front]]


def measure(plan: Plan) -> Report:
    """Both loops and ours in turn, and ours once more with more clients."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))  # the server inherits it
    sides = {
        "ours": lambda: _round(fronts.ours, OUR_FULL_HZ),
        "json": lambda: _round(lambda: fronts.loop("json"), LOOP_FULL_HZ),
        "text": lambda: _fan_out_alone(lambda: fronts.loop("text"), LOOP_FULL_HZ),
        "many": _many,
    }
    return _report(interleave(sides, plan))


def _round(opening: Opening, full_hz: float) -> Measurement:
    with opening() as front, Load(front.port) as load:
        figures = _idle(front, load) | _fan_out(front, load, full_hz)
        with front.pulse(DELIVERY_HZ):
            figures |= _named("delivery", load.measure(DELIVERY_SECONDS))
        return figures | _stalled(front, load, full_hz)


def _fan_out_alone(opening: Opening, full_hz: float) -> Measurement:
    with opening() as front, Load(front.port) as load:
        return _idle(front, load) | _fan_out(front, load, full_hz)


def _many() -> Measurement:
    with fronts.ours() as front, Load(front.port) as load:
        load.connect(MANY)
        with front.pulse(DELIVERY_HZ):
            time.sleep(SETTLE_SECONDS)
            return _named("delivery", load.measure(DELIVERY_SECONDS))


def _idle(front: Front, load: Load) -> dict[str, float]:
    empty = _settled_kib(front)
    begun = time.monotonic()
    load.connect(CLIENTS)
    connected = time.monotonic() - begun
    return {"connect_s": connected, "idle_kib": (_settled_kib(front) - empty) / CLIENTS}


def _settled_kib(front: Front) -> float:
    """Resident memory once nothing is under way; asking for the tasks collects the garbage."""
    time.sleep(SETTLE_SECONDS)
    fronts.tasks(front)
    return memory_of(front.pid).resident / 1024


def _fan_out(front: Front, load: Load, hz: float) -> dict[str, float]:
    with front.pulse(hz):
        time.sleep(SETTLE_SECONDS)
        used = cpu_seconds(front.pid)
        taken = load.measure(FAN_OUT_SECONDS)
        used = cpu_seconds(front.pid) - used
    return {
        "frames_per_core_s": taken["frames"] / used, "frames_per_s": taken["frames"] / taken["seconds"],
        "front_share": used / taken["seconds"], "load_share": taken["cpu_seconds"] / taken["seconds"],
    }  # fmt: skip


def _stalled(front: Front, load: Load, full_hz: float) -> dict[str, float]:
    begun = time.monotonic()
    with watched(front, load.connect(STALLED, stalled=True)) as backlog:
        with front.pulse(full_hz):
            load.measure(FILL_SECONDS)
        with front.pulse(DELIVERY_HZ):
            taken = load.measure(DELIVERY_SECONDS)
        with front.pulse(full_hz):
            while backlog.gone_at is None and time.monotonic() < begun + RID_WITHIN_SECONDS:
                time.sleep(0.1)
    rid = backlog.gone_at or time.monotonic()
    return {
        "stalled_kib": backlog.grown_kib / STALLED, "stalled_kernel_kib": backlog.queued_kib / STALLED,
        "stalled_s": rid - begun, "progress_s": rid - backlog.grew_at, **_named("stalled", taken),
    }  # fmt: skip


def _named(name: str, taken: dict[str, float]) -> dict[str, float]:
    """The latencies among what was measured; none when nothing came."""
    return {f"{name}_{key}": value for key, value in taken.items() if key.endswith("_ms")}


def _report(taken: Taken) -> Report:
    ours, text, many = (taken[side] for side in ("ours", "text", "many"))
    rows = [
        _row("frames pushed per core-second", "", "frames_per_core_s", taken, at_least(60_000)),
        Row("the same, text made once", "", ours["frames_per_core_s"], text["frames_per_core_s"]),
        _row("memory per idle connection", "KiB", "idle_kib", taken, at_most(25)),
        _row(f"delivery to {CLIENTS} at 4 Hz, p50", "ms", "delivery_p50_ms", taken),
        _row(f"delivery to {CLIENTS} at 4 Hz, p99", "ms", "delivery_p99_ms", taken, at_most(100)),
        Row(f"delivery to {MANY} at 4 Hz, p99", "ms", many["delivery_p99_ms"]),
        Row("others' p99 while ten stall", "ms", ours["stalled_p99_ms"], ours["delivery_p99_ms"], ratio_at_most(1.1),
            "beside our own without them"),
        _row("server's memory per stalled reader", "KiB", "stalled_kib", taken),
        _row("kernel's memory per stalled reader", "KiB", "stalled_kernel_kib", taken),
        _row("rid of them after they stopped reading", "s", "stalled_s", taken),
        Row("rid of them after their buffers were full", "s", ours["progress_s"], (), at_most(12)),
    ]  # fmt: skip
    return Report(rows, tables=[_shares(taken)])


def _row(what: str, unit: str, figure: str, taken: Taken, goal: Goal | None = None) -> Row:
    """Ours beside the loop over `send_json`."""
    return Row(what, unit, taken["ours"][figure], taken["json"].get(figure, ()), goal)


def _shares(taken: Taken) -> Table:
    """How busy everybody was while state changed as fast as it is pushed."""
    sides = (("ours", "ours"), ("send_json loop", "json"), ("send_text loop", "text"))
    rows = [
        (name, *(spread([value * 100 for value in taken[side][share]]) for share in ("front_share", "load_share")),
         spread(taken[side]["frames_per_s"]), spread(taken[side]["connect_s"]))
        for name, side in sides
    ]  # fmt: skip
    head = ("server", "server, % of a core", "clients, % of a core", "frames/s", "seconds to connect all")
    return Table(f"While state changes as fast as it is pushed, {CLIENTS} clients:", head, rows)


BENCH = Bench("sockets", "Sockets: fan-out, memory, delivery, slow readers", measure)
