"""What happens to a job, as pure functions: every queue keeps `Row`s and applies these, so all of them agree.

    pending → processing → completed
       │ ↑        │ └────→ failed
       │ └────────┘ (given back, or the lease ran out)
       └→ cancelled ←┘ (at the next chunk)

Nothing here reads a clock or knows where rows are kept. A function that refuses raises and changes nothing.

A clock may be stepped. A moment that lies further ahead than any that was ever noted was noted before the clock was set
back, and says nothing: such a pause is over, and such a lease is cut to a whole one from now.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

from greenroom.errors import JobCancelledError, JobEndedError, JobNotEndedError, LeaseLostError
from greenroom.jobs.seam import MAX_ATTEMPTS, Chunk, Claim, Job, JobFault, JobState, NewJob

KEY_SECONDS = 24 * 3600.0
"""How long an Idempotency-Key is remembered."""
PAUSES_SECONDS = (1.0, 4.0)
"""Before the next try, by the attempts that ended badly so far; after `MAX_ATTEMPTS` there is none."""
MAX_LEASE_SECONDS = 60.0
"""No lease is longer; a dead worker's holds its jobs for no longer, however far back the clock is set."""
LEASE_LOST = JobFault("lease-lost", "The worker that ran it ended, or stood still, before it was done.")


@dataclass(frozen=True)
class Row:
    """A job and what only its queue needs to know of it."""

    job: Job
    inputs: tuple[object, ...] = ()
    file: Path | None = None
    key: str | None = None
    fingerprint: str = ""
    fence: int = 0
    lease_until: float | None = None
    worker: str | None = None
    turn: int = 0
    """Among jobs of one priority the lower one is claimed first: the queue's count of changes when it joined them."""


def accepted(new: NewJob, now: float, turn: int) -> Row:
    job = Job(
        id=new.id, model=new.model, state=JobState.PENDING, total=new.total, done=0, attempts=0,
        priority=new.priority, created_at=now, bad_lines=new.bad_lines, bad_line_count=new.bad_line_count,
        name=new.name,
    )  # fmt: skip
    return Row(job, new.inputs, new.file, new.key, new.fingerprint, turn=turn)


def is_due(row: Row, now: float) -> bool:
    """Whether a worker is to look at it: to claim it, to take it from one whose lease has run out, to cut a lease."""
    at, longest = row.job.retry_at, max(PAUSES_SECONDS)
    if row.job.state is JobState.PROCESSING:
        at, longest = row.lease_until, MAX_LEASE_SECONDS
        return at is not None and not now < at <= now + longest
    return row.job.state is JobState.PENDING and (at is None or not now < at <= now + longest)


def claimed(row: Row, worker: str, lease_seconds: float, now: float) -> Row:
    """By `worker`, under a higher fencing number; under the same one nothing was claimed: the lease was only cut, or
    ran out for the last time (`expired`)."""
    if row.job.state is JobState.PROCESSING:
        if row.lease_until is not None and row.lease_until > now:
            return replace(row, lease_until=now + lease_seconds)
        row = expired(row, now)
        if row.job.is_terminal or not is_due(row, now):
            return row
    job = replace(
        row.job, state=JobState.PROCESSING, started_at=row.job.started_at or now, retry_at=None,
        changes=row.job.changes + 1,
    )  # fmt: skip
    return replace(row, job=job, fence=row.fence + 1, lease_until=now + lease_seconds, worker=worker)


def expired(row: Row, now: float) -> Row:
    """Its worker's lease has run out: an attempt is used up, and somebody else may have it at once."""
    if row.job.cancelling:
        return _ended(row, JobState.CANCELLED, now)
    row = replace(row, job=replace(row.job, attempts=row.job.attempts + 1))
    if row.job.attempts >= MAX_ATTEMPTS:
        return _ended(row, JobState.FAILED, now, LEASE_LOST)
    return _released(row, None, LEASE_LOST)


def held(row: Row, claim: Claim, lease_seconds: float, now: float) -> Row:
    """From now on, by the clock as it is now. Raises LeaseLostError."""
    _require_held(row, claim)
    return replace(row, lease_until=now + lease_seconds)


def saved(row: Row, claim: Claim, chunk: Chunk, now: float, worked_seconds: float) -> Row:
    """With one chunk more, for which it was worked so long. Raises LeaseLostError, JobCancelledError (`cancelled_for`
    then)."""
    _require_held(row, claim)
    if row.job.cancelling:
        raise JobCancelledError(row.job.id)
    done = max(row.job.done, chunk.start + len(chunk.rows))
    job = replace(
        row.job, done=done, version=chunk.version, changes=row.job.changes + 1, attempts=0, fault=None,
        worked_seconds=row.job.worked_seconds + worked_seconds,
    )  # fmt: skip
    if job.total == 1:
        label, score = labelled(chunk.rows[0])
        job = replace(job, label=label, score=score)
    row = replace(row, job=job)
    return _ended(row, JobState.COMPLETED, now) if done >= job.total else row


def given_back(row: Row, claim: Claim, now: float, fault: JobFault | None, turn: int | None = None) -> Row:
    """`turn`: another one than it had. Raises LeaseLostError."""
    _require_held(row, claim)
    row = row if turn is None else replace(row, turn=turn)
    if row.job.cancelling:
        return _ended(row, JobState.CANCELLED, now)
    if fault is None:
        return _released(row, None, row.job.fault)
    attempts = row.job.attempts + 1
    row = replace(row, job=replace(row.job, attempts=attempts))
    if attempts >= MAX_ATTEMPTS:
        return _ended(row, JobState.FAILED, now, fault)
    return _released(row, now + PAUSES_SECONDS[attempts - 1], fault)


def released(row: Row, now: float) -> Row:
    """Its worker is known to be gone. No attempt is used up: that a whole process ended says nothing of one job."""
    if row.job.cancelling:
        return _ended(row, JobState.CANCELLED, now)
    return _released(row, None, row.job.fault)


def failed(row: Row, claim: Claim, fault: JobFault, now: float) -> Row:
    """Raises LeaseLostError."""
    _require_held(row, claim)
    return _ended(row, JobState.FAILED, now, fault)


def cancelled(row: Row, now: float) -> Row:
    """Raises JobEndedError."""
    job = row.job
    if job.is_terminal:
        raise JobEndedError(f"The job has ended already: it is {job.state}.")
    if job.state is JobState.PENDING:
        return _ended(row, JobState.CANCELLED, now)
    return replace(row, job=replace(job, cancelling=True, changes=job.changes + 1))


def cancelled_for(row: Row, claim: Claim, now: float) -> Row:
    """The worker has seen that the job is being cancelled. Raises LeaseLostError."""
    _require_held(row, claim)
    return _ended(row, JobState.CANCELLED, now)


def retried(row: Row) -> Row:
    """Raises JobNotEndedError."""
    job = row.job
    if job.state not in (JobState.FAILED, JobState.CANCELLED):
        raise JobNotEndedError(f"Only a failed or cancelled job can be tried again: this one is {job.state}.")
    job = replace(
        job, state=JobState.PENDING, attempts=0, retry_at=None, finished_at=None, fault=None, cancelling=False,
        changes=job.changes + 1,
    )  # fmt: skip
    return replace(row, job=job, lease_until=None, worker=None)


def labelled(result: object) -> tuple[str | None, float | None]:
    """`label` and `score` of a job's only result, where it has them."""
    given = cast("Mapping[str, Any]", result) if isinstance(result, Mapping) else {}
    return given.get("label"), given.get("score")


def _require_held(row: Row, claim: Claim) -> None:
    if row.job.state is not JobState.PROCESSING or row.fence != claim.fence:
        raise LeaseLostError(row.job.id)


def _released(row: Row, retry_at: float | None, fault: JobFault | None) -> Row:
    job = replace(row.job, state=JobState.PENDING, retry_at=retry_at, fault=fault, changes=row.job.changes + 1)
    return replace(row, job=job, lease_until=None, worker=None)


def _ended(row: Row, state: JobState, now: float, fault: JobFault | None = None) -> Row:
    job = replace(
        row.job, state=state, finished_at=now, fault=fault, retry_at=None, cancelling=False,
        changes=row.job.changes + 1,
    )  # fmt: skip
    return replace(row, job=job, lease_until=None, worker=None)
