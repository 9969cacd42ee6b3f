"""The queue of jobs on a database. What happens to a job stands in `jobs.rules`; this reads rows, applies it, writes.

Each change is one unit of work (`store.database`) that reads the row, lets a rule say what becomes of it, and writes it
back. There is one writer at a time, on SQLite by its lock, elsewhere because each unit first takes the row that counts
commits: so nothing comes in between, and whoever has seen the changes up to one number will see no lower one later.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

import msgspec
from sqlalchemy import ColumnElement, Select, and_, bindparam, delete, desc, func, insert, or_, select, tuple_, update
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
from greenroom.jobs.seam import Changes, Chunk, Claim, Counts, Job, JobFault, JobState, Mark, NewJob, Page
from greenroom.jobs.sql_chunks import forgotten, results
from greenroom.jobs.sql_rows import JOBS, WITHOUT_INPUTS, columns, file_of, fitting, fixed_columns, inputs_of, row_of
from greenroom.store.database import Database, Work
from greenroom.store.tables import ChunkRow, JobChangeRow, JobKeyRow

MAX_PENDING = 100_000
COUNTED_SECONDS = 1.0
IDS_AT_A_TIME = 500

_KEYS, _CHUNKS = JobKeyRow.__table__, ChunkRow.__table__  # type: ignore[attr-defined]
_COMMITS = JobChangeRow.__table__  # type: ignore[attr-defined]
_Result = TypeVar("_Result")

# Statements that are run for each job: making one anew costs as much as running it.
_ROW = select(*WITHOUT_INPUTS).where(JOBS.c.id == bindparam("which"))
_ROW_TO_CHANGE = _ROW.with_for_update()
_CHANGE = update(JOBS).where(JOBS.c.id == bindparam("which"))
_ACCEPT = insert(JOBS)
_KEEP_CHUNK = insert(_CHUNKS).values(
    job_number=select(JOBS.c.number).where(JOBS.c.id == bindparam("of")).scalar_subquery()
)
_NEXT_COMMIT = update(_COMMITS).values(change=_COMMITS.c.change + 1).returning(_COMMITS.c.change)
_LAST_CHANGE = select(JOBS.c.change, JOBS.c.number).order_by(desc(JOBS.c.change), desc(JOBS.c.number)).limit(1)
_mark = tuple_(JOBS.c.change, JOBS.c.number)
_CHANGED = (
    select(*WITHOUT_INPUTS).where(_mark > tuple_(bindparam("change"), bindparam("number")))
    .order_by(JOBS.c.change, JOBS.c.number).limit(bindparam("most"))
)  # fmt: skip
_PENDING = select(func.count()).select_from(JOBS).where(JOBS.c.state == JobState.PENDING)


def _is_due(state: JobState) -> ColumnElement[bool]:
    """`rules.is_due`."""
    at = JOBS.c.lease_until if state is JobState.PROCESSING else JOBS.c.retry_at
    return and_(JOBS.c.state == state, or_(at.is_(None), at <= bindparam("now"), at > bindparam("far")))


def _models_due(state: JobState) -> Select[Any]:
    """Each model of jobs in that state, with the first rank that is due, if one is. One step in the index for each
    model: a `distinct` would read the entry of every job."""
    first = select(func.min(JOBS.c.model).label("model")).where(JOBS.c.state == state).cte(recursive=True)
    later = select(func.min(JOBS.c.model)).where(JOBS.c.state == state, JOBS.c.model > first.c.model)
    models = first.union_all(select(later.scalar_subquery()).where(first.c.model.is_not(None)))
    due = select(JOBS.c.rank).where(JOBS.c.model == models.c.model, _is_due(state)).order_by(JOBS.c.rank).limit(1)
    return select(models.c.model, due.scalar_subquery()).where(models.c.model.is_not(None))


def _due(state: JobState) -> Select[Any]:
    mine = select(JOBS).where(JOBS.c.model == bindparam("of_model"), _is_due(state))
    in_turn = mine.order_by(JOBS.c.rank, JOBS.c.turn, JOBS.c.number)
    return in_turn.limit(bindparam("most")).with_for_update(skip_locked=True)


_CLAIMABLE = (JobState.PROCESSING, JobState.PENDING)
"""What was begun first."""
_MODELS_DUE = {state: _models_due(state) for state in _CLAIMABLE}
_DUE = {state: _due(state) for state in _CLAIMABLE}


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
        accepted = await self._write(lambda session: self._accept(session, job, now))
        if accepted[1]:
            self._wake()
        return accepted

    async def get(self, id_: str) -> Job:
        return await self._database.read(lambda session: self._row(session, id_).job)

    async def page(self, skip: int, limit: int, states: Collection[JobState] = ()) -> Page:
        def work(session: Session) -> Page:
            where = [JOBS.c.state.in_(list(states))] if states else []
            newest = select(*WITHOUT_INPUTS).where(*where).order_by(desc(JOBS.c.number))
            found = session.execute(newest.offset(skip).limit(limit))
            total = session.execute(select(func.count()).select_from(JOBS).where(*where)).scalar_one()
            return Page(tuple(self._read(row).job for row in found.mappings()), total)

        return await self._database.read(work)

    async def results(self, id_: str) -> AsyncIterator[Chunk]:
        async for chunk in results(self._database, id_):
            yield chunk

    async def inputs(self, id_: str) -> tuple[tuple[object, ...], Path | None]:
        def work(session: Session) -> tuple[tuple[object, ...], Path | None]:
            sent = select(JOBS.c.inputs, JOBS.c.file).where(JOBS.c.id == id_)
            found = session.execute(sent).mappings().one_or_none()
            if found is None:
                raise JobNotFoundError
            return inputs_of(found), file_of(found, self._folder)

        return await self._database.read(work)

    async def cancel(self, id_: str, now: float) -> Job:
        return await self._change(id_, lambda row, _: rules.cancelled(row, now))

    async def retry(self, id_: str, now: float) -> Job:
        return await self._change(id_, lambda row, _: rules.retried(row))

    async def claim(
        self, worker: str, limit: int, lease_seconds: float, now: float, models: Collection[str] | None = None
    ) -> Sequence[Claim]:
        claims = await self._write(lambda session: self._claim(session, worker, limit, lease_seconds, now, models))
        self._wake(bool(claims))
        return claims

    async def models_waiting(self, now: float) -> Mapping[str, int]:
        def work(session: Session) -> Mapping[str, int]:
            begun, pending = (_models(session, state, now) for state in _CLAIMABLE)
            return begun | {model: max(priority, begun.get(model, priority)) for model, priority in pending.items()}

        return await self._database.read(work)

    async def release(self, workers: Collection[str], now: float) -> int:
        def work(session: Session) -> int:
            held = and_(JOBS.c.state == JobState.PROCESSING, JOBS.c.worker.in_(list(workers)))
            found = session.execute(select(*WITHOUT_INPUTS).where(held).with_for_update()).mappings().all()
            for row in found:
                self._put(session, rules.released(self._read(row), now))
            return len(found)

        released = await self._write(work)
        self._wake(bool(released))
        return released

    async def heartbeat(self, claims: Sequence[Claim], lease_seconds: float, now: float) -> Sequence[Claim]:
        def work(session: Session) -> Sequence[Claim]:
            held: list[Claim] = []
            for claim in claims:
                try:
                    row = rules.held(self._row(session, claim.job.id, to_change=True), claim, lease_seconds, now)
                except (LeaseLostError, JobNotFoundError):
                    continue
                held.append(replace(claim, job=row.job, lease_until=row.lease_until or now))
            if held:
                leases = [{"which": claim.job.id, "lease_until": claim.lease_until} for claim in held]
                session.connection().execute(_CHANGE, leases)
            return held

        return await self._write(work)

    async def save(self, claim: Claim, chunk: Chunk, now: float, worked_seconds: float = 0.0) -> Job:
        saved = await self._write(lambda session: self._save(session, claim, chunk, now, worked_seconds))
        self._wake()
        if saved.state is JobState.CANCELLED:
            raise JobCancelledError(saved.id)
        return saved

    async def give_back(
        self, claim: Claim, now: float, fault: JobFault | None = None, *, to_the_end: bool = False
    ) -> Job:
        def rule(row: Row, change: int) -> Row:
            return rules.given_back(row, claim, now, fault, change if to_the_end else None)

        return await self._change(claim.job.id, rule)

    async def fail(self, claim: Claim, fault: JobFault, now: float) -> Job:
        return await self._change(claim.job.id, lambda row, _: rules.failed(row, claim, fault, now))

    async def purge(self, before: float, now: float) -> Sequence[Path]:
        return [self._folder / name async for name in forgotten(self._write, before, now)]

    async def counts(self) -> Counts:
        def work(session: Session) -> Counts:
            found = session.execute(select(JOBS.c.state, func.count()).group_by(JOBS.c.state)).all()
            oldest = select(JOBS.c.created_at).where(JOBS.c.state == JobState.PENDING).order_by(JOBS.c.number)
            by_state = dict.fromkeys(JobState, 0) | {JobState(state): count for state, count in found}
            return Counts(by_state, session.execute(oldest.limit(1)).scalar_one_or_none())

        return await self._database.read(work)

    async def changed(self, seen: int) -> int:
        while self._changes == seen:
            await self._woken.wait()
        return self._changes

    async def changes(self, since: Mark | None, limit: int) -> Changes:
        def work(session: Session) -> Changes:
            if since is None:
                last = session.execute(_LAST_CHANGE).one_or_none()
                return Changes((), (last.change, last.number) if last else (0, 0))
            where = {"change": since[0], "number": since[1], "most": limit}
            found = session.execute(_CHANGED, where).mappings().all()
            mark = (found[-1]["change"], found[-1]["number"]) if found else since
            return Changes(tuple(self._read(row).job for row in found), mark)

        return await self._database.read(work)

    async def known(self, ids: Collection[str]) -> Collection[str]:
        def work(session: Session) -> Collection[str]:
            rest, found = iter(ids), set[str]()
            while some := list(islice(rest, IDS_AT_A_TIME)):
                found.update(session.execute(select(JOBS.c.id).where(JOBS.c.id.in_(some))).scalars())
            return found

        return await self._database.read(work)

    async def close(self) -> None:
        await self._database.close()

    # units of work

    async def _write(self, work: Work[_Result]) -> _Result:
        def unit(session: Session) -> _Result:
            _change(session)
            return work(session)

        return await self._database.write(unit)

    def _accept(self, session: Session, new: NewJob, now: float) -> tuple[Job, bool]:
        known = self._with_key(session, new, now)
        if known is not None:
            return known, False
        if self._pending_now(session, now) >= self._max_pending:
            raise OverloadedError(f"{self._max_pending} jobs wait already. Try again later.", 30)
        change = _change(session)
        row = rules.accepted(new, now, change)
        session.execute(_ACCEPT, fixed_columns(row) | columns(row) | {"change": change})
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
        with_its_job = select(_KEYS).join(JOBS, JOBS.c.id == _KEYS.c.job_id).where(_KEYS.c.key == new.key)
        named = session.execute(with_its_job).mappings().one_or_none()
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
        claims: list[Claim] = []
        changed: list[Row] = []
        for before in self._due(session, limit, now, models):
            if len(claims) == limit:
                break
            row = rules.claimed(before, worker, lease_seconds, now)
            changed.append(row)
            if row.fence > before.fence and row.lease_until is not None:
                claims.append(Claim(row.job, row.fence, row.lease_until, row.inputs, row.file))
        self._put_all(session, changed)
        return claims

    def _due(self, session: Session, limit: int, now: float, models: Collection[str] | None) -> list[Row]:
        """Those to look at first: by priority, of these what was begun, then by turn. Each model is asked for by
        itself, so that however many jobs wait for others, none of them is read."""
        found: list[Any] = []
        for state in _CLAIMABLE:
            for model in _models(session, state, now) if models is None else models:
                which = {"of_model": model, "most": limit} | _moments(state, now)
                found += session.execute(_DUE[state], which).mappings()
        found.sort(key=lambda row: (row["rank"], row["state"] == JobState.PENDING, row["turn"], row["number"]))
        return [self._read(row, inputs_of(row)) for row in found[:limit]]

    def _save(self, session: Session, claim: Claim, chunk: Chunk, now: float, worked_seconds: float) -> Job:
        row = self._row(session, claim.job.id, to_change=True)
        done = row.job.done
        try:
            row = rules.saved(row, claim, chunk, now, worked_seconds)
        except JobCancelledError:
            return self._put(session, rules.cancelled_for(row, claim, now))
        if chunk.start >= done:  # else it is there already
            session.execute(_KEEP_CHUNK, {
                "of": claim.job.id, "start": chunk.start, "rows": msgspec.json.encode(chunk.rows),
                "version": fitting(chunk.version),
            })  # fmt: skip
        return self._put(session, row)

    async def _change(self, id_: str, rule: Callable[[Row, int], Row]) -> Job:
        """`rule` is told the number of this change."""

        def work(session: Session) -> Job:
            return self._put(session, rule(self._row(session, id_, to_change=True), _change(session)))

        job = await self._write(work)
        self._wake()
        return job

    # rows

    def _row(self, session: Session, id_: str, *, to_change: bool = False) -> Row:
        """Raises JobNotFoundError."""
        found = session.execute(_ROW_TO_CHANGE if to_change else _ROW, {"which": id_}).mappings().one_or_none()
        if found is None:
            raise JobNotFoundError
        return self._read(found)

    def _put(self, session: Session, row: Row) -> Job:
        session.execute(_CHANGE, columns(row) | {"which": row.job.id, "change": _change(session)})
        return row.job

    def _put_all(self, session: Session, rows: Sequence[Row]) -> None:
        if rows:
            change = _change(session)
            changes = [columns(row) | {"which": row.job.id, "change": change} for row in rows]
            session.connection().execute(_CHANGE, changes)

    def _read(self, found: Any, inputs: tuple[object, ...] = ()) -> Row:
        return row_of(found, self._folder, inputs)

    def _wake(self, changed: bool = True) -> None:
        if changed:
            self._changes += 1
            self._woken.set()
            self._woken = asyncio.Event()


def _change(session: Session) -> int:
    """The number of this commit, for all that changes in it; taken by the first unit before it does anything else."""
    if "change" not in session.info:
        session.info["change"] = session.execute(_NEXT_COMMIT).scalar_one()
    number: int = session.info["change"]
    return number


def _models(session: Session, state: JobState, now: float) -> dict[str, int]:
    """Of the jobs in that state which are due, with their highest priority."""
    found = session.execute(_MODELS_DUE[state], _moments(state, now)).all()
    return {model: -rank for model, rank in found if rank is not None}


def _moments(state: JobState, now: float) -> dict[str, float]:
    """What `_is_due` goes by."""
    longest = rules.MAX_LEASE_SECONDS if state is JobState.PROCESSING else max(rules.PAUSES_SECONDS)
    return {"now": now, "far": now + longest}
