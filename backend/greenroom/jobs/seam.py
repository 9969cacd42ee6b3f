"""The seam: what every queue of jobs answers. `SqlQueue` keeps them in a database, `greenroom.testing.MemoryQueue` in
memory; one contract suite (`tests/unit/jobs/test_queue_contract*.py`) holds for all of them.

A job is claimed for a time (its lease) by a worker, which may write for it only while it holds that lease. Each claim
of a job has a fencing number, higher than the one before: a worker that slept through the end of its lease and wakes up
again finds that its number is not the job's any more, and can write nothing. So each chunk takes effect once.

Times are unix seconds, by the caller's clock and as an argument, so that a stepped clock can be tested. A clock that is
set forward ends leases early, which costs a second run of a chunk, never a second effect; one that is set back holds a
dead worker's jobs for `rules.MAX_LEASE_SECONDS` at most, and makes no pause before a next try longer than it was.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from greenroom.words import JobState as JobState

Mark = tuple[int, int]
"""Where a queue stood; a later one is greater. What the two numbers are is the queue's business."""
TERMINAL = frozenset({JobState.COMPLETED, JobState.FAILED, JobState.CANCELLED})
MAX_ATTEMPTS = 3
"""Runs that may end badly, the worker's death included, with no chunk saved between them; then the job has failed."""


@dataclass(frozen=True)
class JobFault:
    """Why a job failed, or was tried again: as in a problem document."""

    code: str
    message: str


@dataclass(frozen=True)
class BadLine:
    """A line of an uploaded file that is no input; the others are."""

    line: int
    """From 1."""
    message: str


@dataclass(frozen=True)
class NewJob:
    """What is to be done. The inputs are given, or lie in a file of one JSON text or object a line."""

    id: str
    model: str
    total: int
    """How many inputs."""
    inputs: tuple[object, ...] = ()
    """JSON values; empty where there is a `file`."""
    file: Path | None = None
    bad_lines: tuple[BadLine, ...] = ()
    bad_line_count: int = 0
    """How many there are; of a great many only the first are in `bad_lines`."""
    name: str | None = None
    """What its sender calls it."""
    priority: int = 0
    """Higher goes first; among equals whoever waits for longer."""
    key: str | None = None
    """The caller's Idempotency-Key."""
    fingerprint: str = ""
    """SHA-256 of what was asked for under that key."""


@dataclass(frozen=True)
class Job:
    """A job as it stands."""

    id: str
    model: str
    state: JobState
    total: int
    done: int
    attempts: int
    priority: int
    created_at: float
    started_at: float | None = None
    """When it was first claimed."""
    finished_at: float | None = None
    retry_at: float | None = None
    """Not claimed before; after a failed try."""
    cancelling: bool = False
    """Runs, and ends at its next chunk."""
    fault: JobFault | None = None
    bad_lines: tuple[BadLine, ...] = ()
    bad_line_count: int = 0
    name: str | None = None
    """What its sender calls it: a label that need not be its alone."""
    version: str | None = None
    """The version of the model that made the last chunk."""
    label: str | None = None
    """Of the only input, once there is a result."""
    score: float | None = None
    changes: int = 0
    """Rises with each change."""
    worked_seconds: float = 0.0
    """That went into what is done, by clocks that do not jump."""

    @property
    def is_terminal(self) -> bool:
        return self.state in TERMINAL


@dataclass(frozen=True)
class Claim:
    """The right to work on a job until its lease runs out."""

    job: Job
    fence: int
    lease_until: float
    inputs: tuple[object, ...] = ()
    file: Path | None = None


@dataclass(frozen=True)
class Chunk:
    """Results of the inputs `start` to `start + len(rows)`: what one call of the model gave."""

    start: int
    rows: tuple[object, ...]
    """JSON objects, one for each input."""
    version: str


@dataclass(frozen=True)
class Page:
    jobs: tuple[Job, ...]
    total: int
    """Of all that match, whatever `skip` and `limit` are."""


@dataclass(frozen=True)
class Changes:
    """What has changed between two marks."""

    jobs: tuple[Job, ...]
    """Each once, as it is now, in the order of their last changes."""
    mark: Mark
    """The later one: of the last of `jobs`."""


@dataclass(frozen=True)
class Counts:
    """Of all jobs that are kept, for metrics."""

    by_state: dict[JobState, int] = field(default_factory=dict)
    oldest_pending_at: float | None = None
    """When the one of them was accepted that waits for longest."""


class JobQueue(Protocol):
    """Every call is one unit of work: when it returns, what it did is on disk (as far as the queue keeps anything), and
    when it raises, nothing was done. Raises JobsUnavailableError when the database is locked, full or away."""

    async def submit(self, job: NewJob, now: float) -> tuple[Job, bool]:
        """Accept a job; whether it is new. With the key of a job of the last 24 hours and the same fingerprint, it is
        that one.

        Raises IdempotencyConflictError for another fingerprint, OverloadedError when too many are pending."""

    async def get(self, id_: str) -> Job:
        """Raises JobNotFoundError."""

    async def page(self, skip: int, limit: int, states: Collection[JobState] = ()) -> Page:
        """The newest first; `states`: none given means all."""

    def results(self, id_: str) -> AsyncIterator[Chunk]:
        """In the order of the inputs, as many as there are by now. Raises JobNotFoundError, also on the way: when the
        job is forgotten meanwhile, and what came is not all."""

    async def inputs(self, id_: str) -> tuple[tuple[object, ...], Path | None]:
        """What was sent: JSON values, or the file in which they lie. Raises JobNotFoundError."""

    async def cancel(self, id_: str, now: float) -> Job:
        """A pending job ends at once, a running one at its next chunk. Raises JobNotFoundError, JobEndedError."""

    async def retry(self, id_: str, now: float) -> Job:
        """Run a failed or cancelled job again, from the first chunk that is missing. Raises JobNotFoundError,
        JobNotEndedError."""

    async def claim(
        self, worker: str, limit: int, lease_seconds: float, now: float, models: Collection[str] | None = None
    ) -> Sequence[Claim]:
        """Up to `limit` jobs that are due: pending ones, and those whose lease has run out (an attempt more; the ones
        that have had `MAX_ATTEMPTS` fail instead). `models`: jobs of these alone."""

    async def models_waiting(self, now: float) -> Mapping[str, int]:
        """The models of all jobs that are due, and the highest priority of each one's."""

    async def release(self, workers: Collection[str], now: float) -> int:
        """End the leases of workers that are known to be gone, as if they had given their jobs back; how many."""

    async def heartbeat(self, claims: Sequence[Claim], lease_seconds: float, now: float) -> Sequence[Claim]:
        """Hold them for a whole lease from now; those that are still held, with `job.cancelling` as it is now.
        `lease_seconds`, here and in `claim`: at most `rules.MAX_LEASE_SECONDS`."""

    async def save(self, claim: Claim, chunk: Chunk, now: float, worked_seconds: float = 0.0) -> Job:
        """Keep a chunk's results, and how long it was worked for them; a chunk that is there already stays as it was.
        The last one completes the job.

        Raises LeaseLostError, and JobCancelledError when the job is being cancelled: it is cancelled then."""

    async def give_back(
        self, claim: Claim, now: float, fault: JobFault | None = None, *, to_the_end: bool = False
    ) -> Job:
        """End a claim without a result. With a `fault` an attempt is used up: tried again after 1, 4 s, or failed.
        Without one (the worker stops, the model is not ready) it is pending again as if nobody had claimed it.
        `to_the_end`: behind all of its priority that wait by now.

        Raises LeaseLostError."""

    async def fail(self, claim: Claim, fault: JobFault, now: float) -> Job:
        """For good, whatever attempts are left. Raises LeaseLostError."""

    async def purge(self, before: float, now: float) -> Sequence[Path]:
        """Forget jobs that ended earlier; their files, which are the caller's to delete. No unit of work by itself:
        others write in between, and what was forgotten before it raises stays so."""

    async def counts(self) -> Counts:
        """For metrics."""

    async def changed(self, seen: int) -> int:
        """Wait until the queue has changed since it stood at `seen`, by anybody's doing in this process; where it
        stands now. A hint to look again, never the state: other processes' changes are found by looking."""

    async def changes(self, since: Mark | None, limit: int) -> Changes:
        """At most `limit` jobs that have changed after `since`, by any process's doing: the earliest changes, so that
        whoever goes on from the mark misses none. None: no job, and the mark as it is now.

        A job that was forgotten meanwhile (`purge`) is not among them."""

    async def known(self, ids: Collection[str]) -> Collection[str]:
        """Those that are ids of jobs."""

    async def close(self) -> None: ...
