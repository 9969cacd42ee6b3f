"""Results in the database: read a few at a time, because a slow reader holds what was read, and forgotten a few at a
time, because nobody else writes meanwhile and the disk needs room for what goes."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial
from typing import Protocol, TypeVar

import msgspec
from sqlalchemy import bindparam, delete, select, update
from sqlmodel import Session

from greenroom.errors import JobNotFoundError
from greenroom.jobs import rules
from greenroom.jobs.seam import Chunk
from greenroom.jobs.sql_rows import JOBS
from greenroom.store.database import Database
from greenroom.store.tables import ChunkRow, JobKeyRow

READ_BYTES = 256 * 1024
"""As JSON; one chunk, should that be longer."""
MOST_CHUNKS = 50
PORTION = 200
"""Rows that are forgotten in one unit of work: of the widest models tens of MB."""
PAUSE_SECONDS = 0.05
"""Between two of them; another process that waits for the database looks again so often."""

_KEYS, _CHUNKS = JobKeyRow.__table__, ChunkRow.__table__  # type: ignore[attr-defined]
_Result = TypeVar("_Result")

_DONE = select(JOBS.c.done).where(JOBS.c.id == bindparam("of"))
_NEXT = (
    select(_CHUNKS)
    .where(
        _CHUNKS.c.job_number == select(JOBS.c.number).where(JOBS.c.id == bindparam("of")).scalar_subquery(),
        _CHUNKS.c.start > bindparam("after"),
    )
    .order_by(_CHUNKS.c.start).limit(MOST_CHUNKS).execution_options(yield_per=1)
)  # fmt: skip
_OLD = (
    select(JOBS.c.number, JOBS.c.file).where(JOBS.c.finished_at < bindparam("before"))
    .order_by(JOBS.c.finished_at).limit(bindparam("most"))
)  # fmt: skip
_DROP_CHUNK = delete(_CHUNKS).where(_CHUNKS.c.job_number == bindparam("job"), _CHUNKS.c.start == bindparam("at"))
_CUT = update(JOBS).where(JOBS.c.number == bindparam("job")).values(done=bindparam("at"))


class _Write(Protocol):
    """`SqlQueue._write`."""

    def __call__(self, work: Callable[[Session], _Result], /) -> Awaitable[_Result]: ...


async def results(database: Database, id_: str) -> AsyncIterator[Chunk]:
    """`JobQueue.results`."""
    done, told, after = await database.read(partial(_done, id_=id_)), 0, -1
    while chunks := await database.read(partial(_some, id_=id_, after=after)):
        after = chunks[-1].start
        while chunks:
            chunk = chunks.popleft()
            told += len(chunk.rows)
            yield chunk
    if told < done:
        raise JobNotFoundError  # it is being forgotten


async def forgotten(write: _Write, before: float, now: float) -> AsyncIterator[str]:
    """`JobQueue.purge`: names of the files of the jobs that are forgotten by now."""
    is_more = True
    while is_more:
        files, is_more = await write(partial(_forget, before=before, now=now))
        for file in files:
            yield file
        await asyncio.sleep(PAUSE_SECONDS)


def _done(session: Session, id_: str) -> int:
    done: int | None = session.execute(_DONE, {"of": id_}).scalar_one_or_none()
    if done is None:
        raise JobNotFoundError
    return done


def _some(session: Session, id_: str, after: int) -> deque[Chunk]:
    """Raises JobNotFoundError when there are none, and no job either."""
    chunks, bytes_read = deque[Chunk](), 0
    with session.execute(_NEXT, {"of": id_, "after": after}) as found:
        for row in found.mappings():
            chunks.append(Chunk(row["start"], tuple(msgspec.json.decode(row["rows"])), row["version"]))
            bytes_read += len(row["rows"])
            if bytes_read >= READ_BYTES:
                break
    if not chunks:
        _done(session, id_)
    return chunks


def _forget(session: Session, before: float, now: float) -> tuple[list[str], bool]:
    """Files of jobs that are forgotten by now, and whether there is more to forget."""
    files, are_more_jobs = _forget_jobs(session, before)
    are_more_keys = _forget_keys(session, now - rules.KEY_SECONDS)
    return files, are_more_jobs or are_more_keys


def _forget_jobs(session: Session, before: float) -> tuple[list[str], bool]:
    """The files of those that are forgotten, and whether there are more. A job of which only some of the results go now
    is one that came no further than the others: it may be run again in between."""
    old = session.execute(_OLD, {"before": before, "most": PORTION}).all()
    numbers = [job.number for job in old]
    last_first = select(_CHUNKS.c.job_number, _CHUNKS.c.start).where(_CHUNKS.c.job_number.in_(numbers))
    some = session.execute(last_first.order_by(_CHUNKS.c.job_number, _CHUNKS.c.start.desc()).limit(PORTION)).all()
    if some:
        session.connection().execute(_DROP_CHUNK, [{"job": job, "at": start} for job, start in some])
    if len(some) == PORTION:
        earliest = dict(tuple(row) for row in some)
        session.connection().execute(_CUT, [{"job": job, "at": start} for job, start in earliest.items()])
        return [], True
    session.execute(delete(JOBS).where(JOBS.c.number.in_(numbers)))
    return [job.file for job in old if job.file is not None], len(old) == PORTION


def _forget_keys(session: Session, before: float) -> bool:
    """Whether there are more."""
    old = session.execute(select(_KEYS.c.key).where(_KEYS.c.created_at < before).limit(PORTION)).scalars().all()
    session.execute(delete(_KEYS).where(_KEYS.c.key.in_(old)))
    return len(old) == PORTION
