"""A queue of jobs in memory: the same promises as the one on a database, for as long as the process lives."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from pathlib import Path

from greenroom.errors import (
    IdempotencyConflictError,
    JobCancelledError,
    JobNotFoundError,
    LeaseLostError,
    OverloadedError,
)
from greenroom.jobs import rules
from greenroom.jobs.rules import Row
from greenroom.jobs.seam import Changes, Chunk, Claim, Counts, Job, JobFault, JobState, Mark, NewJob, Page

MAX_PENDING = 100_000


class MemoryQueue:
    """Implements `JobQueue`. No call of it ever waits, but for `changed`."""

    def __init__(self, max_pending: int = MAX_PENDING) -> None:
        self._max_pending = max_pending
        self._rows: dict[str, Row] = {}
        self._chunks: dict[str, dict[int, Chunk]] = {}
        self._changed: dict[str, int] = {}
        """`_changes` as it was after each job's last change, in that order."""
        self._changes = 0
        self._woken = asyncio.Event()

    async def submit(self, job: NewJob, now: float) -> tuple[Job, bool]:
        known = self._with_key(job.key, now)
        if known is not None:
            if known.fingerprint != job.fingerprint:
                raise IdempotencyConflictError
            return known.job, False
        if sum(row.job.state is JobState.PENDING for row in self._rows.values()) >= self._max_pending:
            raise OverloadedError(f"{self._max_pending} jobs wait already.")
        self._chunks[job.id] = {}
        return self._put(rules.accepted(job, now, self._changes)), True

    async def get(self, id_: str) -> Job:
        return self._row(id_).job

    async def page(self, skip: int, limit: int, states: Collection[JobState] = ()) -> Page:
        jobs = [row.job for row in reversed(self._rows.values()) if not states or row.job.state in states]
        return Page(tuple(jobs[skip : skip + limit]), len(jobs))

    async def results(self, id_: str) -> AsyncIterator[Chunk]:
        for _, chunk in sorted(self._chunks[self._row(id_).job.id].items()):
            yield chunk
            self._row(id_)

    async def inputs(self, id_: str) -> tuple[tuple[object, ...], Path | None]:
        row = self._row(id_)
        return row.inputs, row.file

    async def cancel(self, id_: str, now: float) -> Job:
        return self._put(rules.cancelled(self._row(id_), now))

    async def retry(self, id_: str, now: float) -> Job:
        return self._put(rules.retried(self._row(id_)))

    async def claim(
        self, worker: str, limit: int, lease_seconds: float, now: float, models: Collection[str] | None = None
    ) -> Sequence[Claim]:
        wanted = (row for row in self._rows.values() if models is None or row.job.model in models)
        due = sorted((row for row in wanted if rules.is_due(row, now)), key=lambda row: (-row.job.priority, row.turn))
        claims: list[Claim] = []
        for before in due:
            if len(claims) == limit:
                break
            row = rules.claimed(before, worker, lease_seconds, now)
            self._put(row)
            if row.fence > before.fence and row.lease_until is not None:
                claims.append(Claim(row.job, row.fence, row.lease_until, row.inputs, row.file))
        return claims

    async def models_waiting(self, now: float) -> Mapping[str, int]:
        due = sorted((row.job for row in self._rows.values() if rules.is_due(row, now)), key=lambda job: job.priority)
        return {job.model: job.priority for job in due}

    async def release(self, workers: Collection[str], now: float) -> int:
        held = [row for row in self._rows.values() if row.worker in workers]
        for row in held:
            self._put(rules.released(row, now))
        return len(held)

    async def heartbeat(self, claims: Sequence[Claim], lease_seconds: float, now: float) -> Sequence[Claim]:
        return [held for claim in claims if (held := self._held(claim, lease_seconds, now)) is not None]

    async def save(self, claim: Claim, chunk: Chunk, now: float, worked_seconds: float = 0.0) -> Job:
        row = self._row(claim.job.id)
        try:
            row = rules.saved(row, claim, chunk, now, worked_seconds)
        except JobCancelledError:
            self._put(rules.cancelled_for(row, claim, now))
            raise
        self._chunks[claim.job.id].setdefault(chunk.start, chunk)
        return self._put(row)

    async def give_back(
        self, claim: Claim, now: float, fault: JobFault | None = None, *, to_the_end: bool = False
    ) -> Job:
        turn = self._changes if to_the_end else None
        return self._put(rules.given_back(self._row(claim.job.id), claim, now, fault, turn))

    async def fail(self, claim: Claim, fault: JobFault, now: float) -> Job:
        return self._put(rules.failed(self._row(claim.job.id), claim, fault, now))

    async def purge(self, before: float, now: float) -> Sequence[Path]:
        old = [row for row in self._rows.values() if row.job.finished_at is not None and row.job.finished_at < before]
        for row in old:
            del self._rows[row.job.id], self._chunks[row.job.id], self._changed[row.job.id]
        return [row.file for row in old if row.file is not None]

    async def counts(self) -> Counts:
        by_state = dict.fromkeys(JobState, 0)
        for row in self._rows.values():
            by_state[row.job.state] += 1
        pending = [row.job.created_at for row in self._rows.values() if row.job.state is JobState.PENDING]
        return Counts(by_state, next(iter(pending), None))

    async def changed(self, seen: int) -> int:
        while self._changes == seen:
            await self._woken.wait()
        return self._changes

    async def changes(self, since: Mark | None, limit: int) -> Changes:
        if since is None:
            return Changes((), (self._changes, 0))
        later = [id_ for id_, change in self._changed.items() if change > since[0]][:limit]
        mark = (self._changed[later[-1]], 0) if later else since
        return Changes(tuple(self._rows[id_].job for id_ in later), mark)

    async def known(self, ids: Collection[str]) -> Collection[str]:
        return self._rows.keys() & ids

    async def close(self) -> None:
        """Nothing is open."""

    def _row(self, id_: str) -> Row:
        if id_ not in self._rows:
            raise JobNotFoundError
        return self._rows[id_]

    def _put(self, row: Row) -> Job:
        self._rows[row.job.id] = row
        self._changes += 1
        self._changed.pop(row.job.id, None)
        self._changed[row.job.id] = self._changes
        self._woken.set()
        self._woken = asyncio.Event()
        return row.job

    def _with_key(self, key: str | None, now: float) -> Row | None:
        for row in self._rows.values():
            if key is not None and row.key == key and row.job.created_at > now - rules.KEY_SECONDS:
                return row
        return None

    def _held(self, claim: Claim, lease_seconds: float, now: float) -> Claim | None:
        try:
            row = rules.held(self._row(claim.job.id), claim, lease_seconds, now)
        except (JobNotFoundError, LeaseLostError):
            return None
        self._rows[row.job.id] = row
        assert row.lease_until is not None  # noqa: S101 - it is held
        return Claim(row.job, row.fence, row.lease_until, row.inputs, row.file)
