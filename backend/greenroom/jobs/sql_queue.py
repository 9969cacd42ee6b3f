"""The queue of jobs on a database. What happens to a job stands in `jobs.rules`; this reads rows, applies it, writes.

Each change is one unit of work (`store.database`) that reads the row, lets a rule say what becomes of it, and writes it
back. On SQLite there is one writer at a time, so nothing comes in between; elsewhere the row is read for update.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Collection, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, and_, bindparam, delete, desc, func, insert, or_, select, true, update
from sqlmodel import Session

from greenroom.errors import (
    IdempotencyConflictError,
    JobCancelledError,
    JobNotFoundError,
    LeaseLostError,
    OverloadedError,
)  # fmt: skip
from greenroom.jobs import rules
from greenroom.jobs.rules import Row
from greenroom.jobs.seam import BadLine, Chunk, Claim, Counts, Job, JobFault, JobState, NewJob, Page
from greenroom.store.database import Database
from greenroom.store.tables import ChunkRow, JobKeyRow, JobRow

MAX_PENDING = 100_000
COUNTED_SECONDS = 1.0
CHUNKS_AT_A_TIME = 50
"""Read from the database for one stretch of results."""

_JOBS, _KEYS, _CHUNKS = JobRow.__table__, JobKeyRow.__table__, ChunkRow.__table__  # type: ignore[attr-defined]
_OWN = ("model", "total", "done", "attempts", "created_at", "started_at", "finished_at", "retry_at",
        "cancelling", "bad_line_count", "version", "label", "score", "changes")  # fmt: skip
"""Members of a job that are columns of the same name."""

# Statements that are run for each job: making one anew costs as much as running it.
_ROW = select(_JOBS).where(_JOBS.c.id == bindparam("which"))
_ROW_TO_CHANGE = _ROW.with_for_update()
_CHANGE = update(_JOBS).where(_JOBS.c.id == bindparam("which"))
_ACCEPT = insert(_JOBS)
_KEEP_CHUNK = insert(_CHUNKS).values(
    job_number=select(_JOBS.c.number).where(_JOBS.c.id == bindparam("of")).scalar_subquery()
)
_PENDING = select(func.count()).select_from(_JOBS).where(_JOBS.c.state == JobState.PENDING)
_lines = msgspec.json.Decoder(tuple[BadLine, ...])


class SqlQueue:
    """Implements `JobQueue`. `folder`: where uploaded files lie; the database has their names."""

    def __init__(self, database: Database, folder: Path, max_pending: int = MAX_PENDING) -> None:
        self._database = database
        self._folder = folder
        self._max_pending = max_pending
        self._pending = (-COUNTED_SECONDS, 0)
        """When jobs that wait were counted, and how many there are since."""
        self._changes = 0
        self._woken = asyncio.Event()

    async def submit(self, job: NewJob, now: float) -> tuple[Job, bool]:
        accepted = await self._database.write(lambda session: self._accept(session, job, now))
        if accepted[1]:
            self._wake()
        return accepted

    async def get(self, id_: str) -> Job:
        return await self._database.read(lambda session: self._row(session, id_).job)

    async def page(self, skip: int, limit: int, states: Collection[JobState] = ()) -> Page:
        def work(session: Session) -> Page:
            where = [_JOBS.c.state.in_(list(states))] if states else []
            newest = select(_JOBS).where(*where).order_by(desc(_JOBS.c.number))
            found = session.execute(newest.offset(skip).limit(limit))
            total = session.execute(select(func.count()).select_from(_JOBS).where(*where)).scalar_one()
            return Page(tuple(self._read(row).job for row in found.mappings()), total)

        return await self._database.read(work)

    async def results(self, id_: str) -> AsyncIterator[Chunk]:
        number = await self._database.read(lambda session: self._number(session, id_))
        chunks = await self._database.read(partial(_chunks_after, number=number, start=-1))
        while chunks:
            for chunk in chunks:
                yield chunk
            chunks = await self._database.read(partial(_chunks_after, number=number, start=chunks[-1].start))

    async def inputs(self, id_: str) -> tuple[tuple[object, ...], Path | None]:
        row = await self._database.read(lambda session: self._row(session, id_))
        return row.inputs, row.file

    async def cancel(self, id_: str, now: float) -> Job:
        return await self._change(id_, lambda row: rules.cancelled(row, now))

    async def retry(self, id_: str, now: float) -> Job:
        return await self._change(id_, rules.retried)

    async def claim(
        self, worker: str, limit: int, lease_seconds: float, now: float, models: Collection[str] | None = None
    ) -> Sequence[Claim]:
        claims = await self._database.write(
            lambda session: self._claim(session, worker, limit, lease_seconds, now, models)
        )
        self._wake(bool(claims))
        return claims

    async def models_waiting(self, now: float) -> Collection[str]:
        def work(session: Session) -> Collection[str]:
            due = or_(_lease_has_run_out(now), _waits(now))
            return set(session.execute(select(_JOBS.c.model).where(due).distinct()).scalars())

        return await self._database.read(work)

    async def release(self, workers: Collection[str], now: float) -> int:
        def work(session: Session) -> int:
            held = and_(_JOBS.c.state == JobState.PROCESSING, _JOBS.c.worker.in_(list(workers)))
            found = session.execute(select(_JOBS).where(held).with_for_update()).mappings().all()
            for row in found:
                self._put(session, rules.released(self._read(row), now))
            return len(found)

        released = await self._database.write(work)
        self._wake(bool(released))
        return released

    async def heartbeat(self, claims: Sequence[Claim], lease_seconds: float, now: float) -> Sequence[Claim]:
        def work(session: Session) -> Sequence[Claim]:
            held: list[Claim] = []
            rows: list[Row] = []
            for claim in claims:
                try:
                    row = rules.held(self._row(session, claim.job.id, to_change=True), claim, lease_seconds, now)
                except (LeaseLostError, JobNotFoundError):
                    continue
                rows.append(row)
                held.append(replace(claim, job=row.job, lease_until=row.lease_until or now))
            self._put_all(session, rows)
            return held

        return await self._database.write(work)

    async def save(self, claim: Claim, chunk: Chunk, now: float) -> Job:
        saved = await self._database.write(lambda session: self._save(session, claim, chunk, now))
        self._wake()
        if saved.state is JobState.CANCELLED:
            raise JobCancelledError(saved.id)
        return saved

    async def give_back(self, claim: Claim, now: float, fault: JobFault | None = None) -> Job:
        return await self._change(claim.job.id, lambda row: rules.given_back(row, claim, now, fault))

    async def fail(self, claim: Claim, fault: JobFault, now: float) -> Job:
        return await self._change(claim.job.id, lambda row: rules.failed(row, claim, fault, now))

    async def purge(self, before: float) -> Sequence[Path]:
        def work(session: Session) -> Sequence[Path]:
            old = _JOBS.c.finished_at < before
            files = session.execute(select(_JOBS.c.file).where(old, _JOBS.c.file.is_not(None))).scalars().all()
            session.execute(delete(_JOBS).where(old))
            session.execute(delete(_KEYS).where(_KEYS.c.created_at < before))
            return [self._folder / name for name in files]

        return await self._database.write(work)

    async def counts(self) -> Counts:
        def work(session: Session) -> Counts:
            found = session.execute(select(_JOBS.c.state, func.count()).group_by(_JOBS.c.state)).all()
            oldest = select(func.min(_JOBS.c.created_at)).where(_JOBS.c.state == JobState.PENDING)
            by_state = dict.fromkeys(JobState, 0) | {JobState(state): count for state, count in found}
            return Counts(by_state, session.execute(oldest).scalar_one())

        return await self._database.read(work)

    async def changed(self, seen: int) -> int:
        while self._changes == seen:
            await self._woken.wait()
        return self._changes

    async def close(self) -> None:
        await self._database.close()

    # units of work

    def _accept(self, session: Session, new: NewJob, now: float) -> tuple[Job, bool]:
        known = self._with_key(session, new, now)
        if known is not None:
            return known, False
        if self._pending_now(session, now) >= self._max_pending:
            raise OverloadedError(f"{self._max_pending} jobs wait already. Try again later.", 30)
        row = rules.accepted(new, now)
        session.execute(_ACCEPT, {"id": row.job.id} | self._values(row))
        return row.job, True

    def _pending_now(self, session: Session, now: float) -> int:
        """How many jobs wait, as counted a moment ago and with what was accepted here since: a hundred thousand are
        not counted for each one more. Called by the one thread that writes."""
        counted_at, count = self._pending
        if not counted_at <= now < counted_at + COUNTED_SECONDS:
            counted_at, count = now, session.execute(_PENDING).scalar_one()
        self._pending = (counted_at, count + 1)
        return count

    def _with_key(self, session: Session, new: NewJob, now: float) -> Job | None:
        """The job that this key stands for; else note that it stands for `new`."""
        if new.key is None:
            return None
        named = session.execute(select(_KEYS).where(_KEYS.c.key == new.key)).mappings().one_or_none()
        if named is not None and named["created_at"] > now - rules.KEY_SECONDS:
            if named["fingerprint"] != new.fingerprint:
                raise IdempotencyConflictError
            return self._row(session, named["job_id"]).job
        session.execute(delete(_KEYS).where(_KEYS.c.key == new.key))
        session.execute(insert(_KEYS).values(key=new.key, job_id=new.id, fingerprint=new.fingerprint, created_at=now))
        return None

    def _claim(
        self, session: Session, worker: str, limit: int, lease_seconds: float, now: float,
        models: Collection[str] | None,
    ) -> list[Claim]:  # fmt: skip
        which = true() if models is None else _JOBS.c.model.in_(list(models))
        due = [
            row for state in (_lease_has_run_out(now), _waits(now))
            for row in self._due(session, and_(state, which), limit)
        ]  # fmt: skip
        claims: list[Claim] = []
        changed: list[Row] = []
        for row in sorted(due, key=lambda row: -row.job.priority):
            if len(claims) == limit:
                break
            row = rules.claimed(row, worker, lease_seconds, now)
            changed.append(row)
            if row.job.state is JobState.PROCESSING and row.lease_until is not None:
                claims.append(Claim(row.job, row.fence, row.lease_until, row.inputs, row.file))
        self._put_all(session, changed)
        return claims

    def _due(self, session: Session, which: ColumnElement[bool], limit: int) -> list[Row]:
        wanted = select(_JOBS).where(which).order_by(_JOBS.c.rank, _JOBS.c.number).limit(limit)
        found = session.execute(wanted.with_for_update(skip_locked=True))
        return [self._read(row) for row in found.mappings()]

    def _save(self, session: Session, claim: Claim, chunk: Chunk, now: float) -> Job:
        row = self._row(session, claim.job.id, to_change=True)
        done = row.job.done
        try:
            row = rules.saved(row, claim, chunk, now)
        except JobCancelledError:
            return self._put(session, rules.cancelled_for(row, claim, now))
        if chunk.start >= done:  # else it is there already
            session.execute(_KEEP_CHUNK, {
                "of": claim.job.id, "start": chunk.start, "rows": msgspec.json.encode(chunk.rows),
                "version": chunk.version,
            })  # fmt: skip
        return self._put(session, row)

    async def _change(self, id_: str, rule: Callable[[Row], Row]) -> Job:
        job = await self._database.write(
            lambda session: self._put(session, rule(self._row(session, id_, to_change=True)))
        )
        self._wake()
        return job

    # rows

    def _row(self, session: Session, id_: str, *, to_change: bool = False) -> Row:
        """Raises JobNotFoundError."""
        found = session.execute(_ROW_TO_CHANGE if to_change else _ROW, {"which": id_}).mappings().one_or_none()
        if found is None:
            raise JobNotFoundError
        return self._read(found)

    def _number(self, session: Session, id_: str) -> int:
        number: int | None = session.execute(select(_JOBS.c.number).where(_JOBS.c.id == id_)).scalar_one_or_none()
        if number is None:
            raise JobNotFoundError
        return number

    def _put(self, session: Session, row: Row) -> Job:
        session.execute(_CHANGE, self._values(row, inputs=False) | {"which": row.job.id})
        return row.job

    def _put_all(self, session: Session, rows: Sequence[Row]) -> None:
        if rows:
            changes = [self._values(row, inputs=False) | {"which": row.job.id} for row in rows]
            session.connection().execute(_CHANGE, changes)

    def _values(self, row: Row, *, inputs: bool = True) -> dict[str, Any]:
        job, fault = row.job, row.job.fault
        values = {name: getattr(job, name) for name in _OWN} | {
            "state": str(job.state), "rank": -job.priority,
            "fault_code": fault and fault.code, "fault_message": fault and fault.message,
            "fence": row.fence, "lease_until": row.lease_until, "worker": row.worker,
        }  # fmt: skip
        if inputs:
            values |= {
                "inputs": msgspec.json.encode(row.inputs), "bad_lines": msgspec.json.encode(job.bad_lines),
                "file": row.file.name if row.file else None,
            }  # fmt: skip
        return values

    def _read(self, found: Any) -> Row:
        code, message = found["fault_code"], found["fault_message"]
        job = Job(
            id=found["id"], state=JobState(found["state"]), priority=-found["rank"],
            fault=JobFault(code, message) if code else None,
            bad_lines=_lines.decode(found["bad_lines"]), **{name: found[name] for name in _OWN},
        )  # fmt: skip
        return Row(
            job, tuple(msgspec.json.decode(found["inputs"])), self._folder / found["file"] if found["file"] else None,
            fence=found["fence"], lease_until=found["lease_until"], worker=found["worker"],
        )  # fmt: skip

    def _wake(self, changed: bool = True) -> None:
        if changed:
            self._changes += 1
            self._woken.set()
            self._woken = asyncio.Event()


def _waits(now: float) -> ColumnElement[bool]:
    due = or_(_JOBS.c.retry_at.is_(None), _JOBS.c.retry_at <= now)
    return and_(_JOBS.c.state == JobState.PENDING, due)


def _lease_has_run_out(now: float) -> ColumnElement[bool]:
    return and_(_JOBS.c.state == JobState.PROCESSING, _JOBS.c.lease_until <= now)


def _chunks_after(session: Session, number: int, start: int) -> list[Chunk]:
    wanted = select(_CHUNKS).where(_CHUNKS.c.job_number == number, _CHUNKS.c.start > start)
    found = session.execute(wanted.order_by(_CHUNKS.c.start).limit(CHUNKS_AT_A_TIME)).mappings()
    return [Chunk(row["start"], tuple(msgspec.json.decode(row["rows"])), row["version"]) for row in found]
