"""What the database did, noted by the database itself: every claim, every saved chunk, every end of a job.

Triggers write a line into a table of their own within the transaction that has the effect, so a line is there exactly
when its effect is, whoever is killed in between. What must never be (`faults`): a job that ends twice or is touched
after its end, a chunk that is saved twice, changed or lost, a chunk that does not follow the one before it, a fencing
number that is given twice.
"""

from __future__ import annotations

import sqlite3
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

TERMINAL = ("completed", "failed", "cancelled")
LOCKED_SECONDS = 60.0
_NOTE = "INSERT INTO bench_ledger(job, what, start, inputs, fence, used)"
_SCHEMA = f"""
CREATE TABLE IF NOT EXISTS bench_ledger(
  seq INTEGER PRIMARY KEY, job INTEGER, what TEXT, start INTEGER, inputs INTEGER, fence INTEGER, used INTEGER);
CREATE TRIGGER IF NOT EXISTS bench_chunk AFTER INSERT ON ml_job_chunks BEGIN
  {_NOTE} VALUES (NEW.job_number, 'chunk', NEW.start, json_array_length(CAST(NEW.rows AS TEXT)), NULL, 0); END;
CREATE TRIGGER IF NOT EXISTS bench_chunk_changed AFTER UPDATE ON ml_job_chunks BEGIN
  {_NOTE} VALUES (NEW.job_number, 'chunk changed', NEW.start, 0, NULL, 0); END;
CREATE TRIGGER IF NOT EXISTS bench_chunk_gone AFTER DELETE ON ml_job_chunks BEGIN
  {_NOTE} VALUES (OLD.job_number, 'chunk gone', OLD.start, 0, NULL, 0); END;
CREATE TRIGGER IF NOT EXISTS bench_touched AFTER UPDATE ON ml_jobs WHEN OLD.state IN {TERMINAL} BEGIN
  {_NOTE} VALUES (NEW.number, 'touched after its end', NULL, 0, NEW.fence, 0); END;
CREATE TRIGGER IF NOT EXISTS bench_claim AFTER UPDATE ON ml_jobs WHEN OLD.fence <> NEW.fence BEGIN
  {_NOTE} VALUES (NEW.number, 'claim', NULL, 0, NEW.fence, NEW.attempts > OLD.attempts); END;
CREATE TRIGGER IF NOT EXISTS bench_end AFTER UPDATE ON ml_jobs WHEN OLD.state <> NEW.state AND NEW.state IN {TERMINAL}
BEGIN {_NOTE} VALUES (NEW.number, NEW.state, NULL, 0, NEW.fence, 0); END;
"""  # noqa: S608 - constants of this module alone


@dataclass(frozen=True)
class Kept:
    """A job as the database has it. `claims`: how often a worker took it up. `leases_run_out`: how many of these
    claims took it from a worker that had not given it back and was not known to be dead."""

    id: str
    state: str
    total: int
    done: int
    seconds: float
    """From acceptance to its end; 0 while it has none."""
    claims: int
    leases_run_out: int
    faults: Sequence[str]


class Ledger:
    """Of the database in `file`, which has its tables already."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def begin(self) -> None:
        """Have all be noted from now on."""
        with self._open() as connection:
            connection.executescript(_SCHEMA)

    def unfinished(self) -> int:
        """How many jobs have not ended."""
        with self._open() as connection:
            found = connection.execute("SELECT count(*) FROM ml_jobs WHERE state IN ('pending', 'processing')")
            return int(found.fetchone()[0])

    def held_by(self, pid: int) -> bool:
        """Whether the worker of this process holds a job."""
        held = "SELECT 1 FROM ml_jobs WHERE state = 'processing' AND worker LIKE ? LIMIT 1"
        with self._open() as connection:
            return connection.execute(held, (f"%-{pid}-%",)).fetchone() is not None

    def is_locked(self, seconds: float) -> bool:
        """Whether nobody can write for so long."""
        with self._open(seconds) as connection:
            try:
                connection.execute("BEGIN IMMEDIATE")
                connection.execute("ROLLBACK")
            except sqlite3.OperationalError:
                return True
            return False

    def jobs(self) -> Iterator[Kept]:
        """All of them, with what was noted of each."""
        wanted = "SELECT job, what, start, inputs, fence, used FROM bench_ledger ORDER BY seq"
        with self._open() as connection:
            lines: dict[int, list[_Line]] = defaultdict(list)
            for job, *line in connection.execute(wanted):
                lines[job].append(_Line(*line))
            found = connection.execute(
                "SELECT number, id, state, total, done, coalesce(finished_at, created_at) - created_at FROM ml_jobs"
            )
            for number, id_, state, total, done, seconds in found.fetchall():
                own = lines[number]
                claims = [line for line in own if line.what == "claim"]
                faults = _faults(own, total, state)
                yield Kept(id_, state, total, done, seconds, len(claims), sum(line.used for line in claims), faults)

    def _open(self, seconds: float = LOCKED_SECONDS) -> closing[sqlite3.Connection]:
        return closing(sqlite3.connect(self._file, timeout=seconds, isolation_level=None))


@dataclass(frozen=True)
class _Line:
    what: str
    start: int | None
    inputs: int
    fence: int | None
    used: int


_NEVER = ("chunk changed", "chunk gone", "touched after its end")


def _faults(lines: Sequence[_Line], total: int, state: str) -> list[str]:
    """What happened to a job that must not have."""
    faults = [line.what for line in lines if line.what in _NEVER]
    ends = [line.what for line in lines if line.what in TERMINAL]
    if len(ends) > 1:
        faults.append(f"ended {len(ends)} times")
    fences = [line.fence for line in lines if line.what == "claim"]
    if fences != sorted(set(fences), key=lambda fence: fence or 0):
        faults.append("a fencing number given twice")
    faults += _gaps([line for line in lines if line.what == "chunk"], total, state)
    return faults


def _gaps(chunks: Sequence[_Line], total: int, state: str) -> list[str]:
    """Chunks that do not make one row of each input, one after the other."""
    at = 0
    for chunk in chunks:
        if chunk.start != at:
            return [f"a chunk from {chunk.start} where one from {at} was due"]
        at += chunk.inputs
    return [f"{at} results for {total} inputs"] if state == "completed" and at != total else []


def totals(jobs: Sequence[Kept]) -> Mapping[str, int]:
    """How many jobs are in each state."""
    counts: dict[str, int] = defaultdict(int)
    for job in jobs:
        counts[job.state] += 1
    return counts
