"""Jobs handed over while servers, workers and model hosts are killed, 200 times: what was promised, what became of it.

In each round 20 jobs (of 1 to 1000 texts, and to 5000 where a worker stands still) are handed over by four callers with
`POST /jobs` and an `Idempotency-Key` each, and at a random moment within half a second of the first 202, or a little
later when the victim has a job in hand, it gets `kill -9`, and is started again. Whoever heard nothing asks again with
the same key. The next round begins at once, however much is left.
*One server*: it dies. *Two servers on one folder*: one of them dies. *Server and two workers*: `GREENROOM_WORKER=off`
and two `greenroom jobs work`, of which one dies, or the server. *A worker stands still*: the same house; a worker with
a job in its hands is stopped (SIGSTOP) for three seconds longer than its lease, then goes on. These have the scripted
engine, whose models answer at once. *A host dies*: the server with the real classifier, whose host is killed.

At the end all must be done. *Lost*: promised with 202, and not completed. *Twice*: triggers in the database note every
claim, saved chunk and end (`jobs_ledger.py`); a job that ends twice or is touched after its end, a chunk that is saved
twice or out of order or changed, two jobs for one key, and a job that nobody was promised all count. *Wrong*: results
that are not exactly one for each input, in order, each with the label that the same text gets at `/predict`.
No opponent: those who keep jobs in SQLite have no lease, or keep a dead worker's jobs for ever.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from bench.harness import Bench, Plan, Report, Row, Table, never_above, number
from bench.jobs_callers import Callers
from bench.jobs_house import House, Plot, Victim
from bench.jobs_ledger import Kept, totals
from greenroom.jobs.worker import LEASE_SECONDS

JOBS_PER_ROUND = 20
SETTLED_WITHIN_SECONDS = 120.0 + 2 * LEASE_SECONDS
PLOTS = (
    Plot("one server", ("server",), 15),
    Plot("two servers on one folder", ("server",), 8, servers=2),
    Plot("server and two workers", ("worker", "server", "worker"), 10, workers=2),
    Plot("a worker stands still", ("stopped worker",), 2, workers=2, sizes=(300, 2000, 5000), longest_seconds=0.2),
    Plot("a host dies (real model)", ("host",), 5, engine="local"),
)
"""40 rounds in every round of the bench: five make 200."""


@dataclass
class Aftermath:
    """What one plot left. `twice`: ids and what happened to them."""

    victims: Counter[Victim] = field(default_factory=Counter)
    refusals: Counter[str] = field(default_factory=Counter)
    accepted: int = 0
    completed: int = 0
    lost: list[str] = field(default_factory=list)
    twice: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    inputs: int = 0
    cut_short: int = 0
    leases_run_out: int = 0
    leases_lost: int = 0
    at_work: int = 0
    """Victims that had a job in hand."""
    locked_out: int = 0
    longest_seconds: float = 0.0


def wreak(plot: Plot, rounds: int, plan: Plan) -> Aftermath:
    """Play it so often. Raises TimeoutError when something is stuck."""
    aftermath, callers = Aftermath(), Callers(plot.sizes, seed=rounds)
    with House(plot) as house:
        if plot.engine == "local":
            house.await_ready()
        for turn in range(rounds):
            plan.say(f"{plot.name}: {turn + 1} of {rounds}")
            victim = plot.victims[turn % len(plot.victims)]
            strike = _Strike(house, victim, turn)
            callers.round(house.ports, JOBS_PER_ROUND, plot.longest_seconds, strike)
            aftermath.victims[victim] += 1
            house.revive()
            callers.ask_again(house.ports)
            if victim in ("host", "stopped worker"):
                _settle(house)  # one thing at a time: a host that is killed again and again is at fault itself
        _settle(house)
        _judge(aftermath, callers, house)
    return aftermath


@dataclass(frozen=True)
class _Strike:
    house: House
    victim: Victim
    turn: int

    def __call__(self) -> None:
        self.house.strike(self.victim, self.turn)


def _settle(house: House) -> None:
    """Until no job is left to do. Raises TimeoutError."""
    limit = time.monotonic() + SETTLED_WITHIN_SECONDS
    while left := house.ledger.unfinished():
        if time.monotonic() > limit:
            raise TimeoutError(f"{left} jobs are stuck")
        time.sleep(0.1)


def _judge(aftermath: Aftermath, callers: Callers, house: House) -> None:
    jobs = {job.id: job for job in house.ledger.jobs()}
    promised = set(callers.ids.values())
    aftermath.accepted, aftermath.inputs = len(promised), sum(job.total for job in jobs.values())
    aftermath.completed = totals(list(jobs.values()))["completed"]
    aftermath.lost = [id_ for id_ in promised if id_ not in jobs or jobs[id_].state != "completed"]
    aftermath.twice = [f"{id_}: {fault}" for id_, job in jobs.items() for fault in job.faults]
    aftermath.twice += [f"{id_}: nobody was promised this" for id_ in jobs.keys() - promised]
    aftermath.twice += ["a key with two jobs"] * callers.doubled
    aftermath.wrong = callers.wrong(house.ports[0])
    aftermath.refusals = callers.refusals
    _count(aftermath, list(jobs.values()), house)


def _count(aftermath: Aftermath, jobs: Sequence[Kept], house: House) -> None:
    aftermath.cut_short = sum(job.claims - 1 for job in jobs)
    aftermath.leases_run_out = sum(job.leases_run_out for job in jobs)
    aftermath.leases_lost = house.log().count("job_lease_lost")
    aftermath.at_work = house.at_work
    aftermath.locked_out = house.locked_out
    aftermath.longest_seconds = max(job.seconds for job in jobs)


def measure(plan: Plan) -> Report:
    """One run of each plot with all rounds."""
    told = {plot: wreak(plot, round(plan.scaled(plot.rounds * plan.rounds)), plan) for plot in PLOTS}
    all_of_them = list(told.values())
    rows = [
        Row("accepted, and not completed", "jobs", [sum(len(one.lost) for one in all_of_them)], (), never_above(0)),
        Row("twice in effect", "times", [sum(len(one.twice) for one in all_of_them)], (), never_above(0)),
        Row("wrong results", "jobs", [sum(len(one.wrong) for one in all_of_them)], (), never_above(0)),
        Row("longest from accepted to done", "s", [max(one.longest_seconds for one in all_of_them)]),
    ]
    faults = [fault for one in all_of_them for fault in (*one.lost, *one.twice, *one.wrong)]
    rounds, texts = sum(one.victims.total() for one in all_of_them), sum(one.inputs for one in all_of_them)
    notes = [f"{rounds} rounds, {texts} texts", _stops(all_of_them)]
    notes += [f"fault: {fault}" for fault in faults[:20]]
    return Report(rows, notes, [_table(told), _refusals(all_of_them)])


def _stops(all_of_them: Sequence[Aftermath]) -> str:
    stops = sum(one.victims["stopped worker"] for one in all_of_them)
    met = sum(one.locked_out for one in all_of_them)
    return f"of {stops} stops, {met} met a worker that held the database's lock: nobody can write until it goes on"


def _table(told: dict[Plot, Aftermath]) -> Table:
    head = ("house", "victims", "at work", "accepted", "completed", "taken up again", "of these, lease run out",
            "leases found lost", "longest to done, s")  # fmt: skip
    rows = [
        (
            plot.name, ", ".join(f"{victim} {count}" for victim, count in one.victims.items()),
            *map(str, (one.at_work, one.accepted, one.completed, one.cut_short, one.leases_run_out, one.leases_lost)),
            number(one.longest_seconds),
        )
        for plot, one in told.items()
    ]  # fmt: skip
    return Table(
        "At work: victims that had a job in hand. Taken up again: by another worker, or the same after its model died. "
        "Found lost: by a worker that would write for a job which somebody else has by now", head, rows,
    )  # fmt: skip


def _refusals(all_of_them: Sequence[Aftermath]) -> Table:
    counts = sum((one.refusals for one in all_of_them), Counter[str]())
    rows = [(what, str(count)) for what, count in counts.most_common()]
    return Table("What callers got instead of a promise, before they asked again", ("answer", "times"), rows)


BENCH = Bench("jobs-chaos", "Jobs under kill -9", measure)
