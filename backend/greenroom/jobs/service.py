"""`Jobs`: what the surface asks of jobs, over whatever queue keeps them."""

from __future__ import annotations

import asyncio
import contextlib
import uuid
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import structlog

from greenroom.clock import Clock, SystemClock
from greenroom.errors import GreenroomError, JobsUnavailableError
from greenroom.jobs.housekeeping import Housekeeping
from greenroom.jobs.lives import forget, life, living
from greenroom.jobs.naming import job_name
from greenroom.jobs.opening import open_queue
from greenroom.jobs.overflow import overflow
from greenroom.jobs.room import Room
from greenroom.jobs.seam import BadLine, Counts, Job, JobQueue, JobState, NewJob
from greenroom.jobs.watching import Watcher, Watching
from greenroom.jobs.worker import Worker
from greenroom.serving.greenroom import Greenroom
from greenroom.settings import Settings
from greenroom.tasks import crash_loudly

if TYPE_CHECKING:
    from greenroom.store.database import Database

REOPEN_SECONDS = 5.0

log = structlog.get_logger("greenroom.jobs")
_Result = TypeVar("_Result")


class Jobs:
    """Cheap to make; nothing happens before `running()` is entered."""

    def __init__(
        self, settings: Settings, greenroom: Greenroom, clock: Clock | None = None, queue: JobQueue | None = None
    ) -> None:
        """`queue`: one that is open already; it stays the caller's to close."""
        self.settings = settings
        self.greenroom = greenroom
        self.clock = clock or SystemClock()
        self.folder = settings.data / "jobs"
        """Where uploaded files lie."""
        self.room = Room(self.folder, settings.max_jobs_bytes, greenroom.store.used_bytes)
        self.life: asyncio.Task[None] | None = None
        """Works jobs off; with a worker it ends before `running` is left only by a bug."""
        self._workers = self.folder / "workers"
        self._queue = queue
        self._opening = asyncio.Lock()
        self._watching: Watching | None = None

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[Jobs]:
        """Work jobs off beside the caller, once there is a store; on leaving, give back what is not done."""
        self.life = life = asyncio.create_task(self._live(), name="jobs")
        life.add_done_callback(crash_loudly)
        try:
            yield self
        finally:
            life.cancel()
            await asyncio.gather(life, return_exceptions=True)

    async def queue(self) -> JobQueue:
        """The open queue. Raises JobsUnavailableError when it cannot be opened."""
        return self._queue or await self._on(await self.greenroom.store.database())

    async def submit(
        self,
        model: str,
        inputs: Sequence[object] = (),
        *,
        id_: str | None = None,
        file: Path | None = None,
        total: int | None = None,
        bad_lines: Sequence[BadLine] = (),
        bad_line_count: int | None = None,
        name: str | None = None,
        priority: int = 0,
        key: str | None = None,
        fingerprint: str = "",
    ) -> tuple[Job, bool]:
        """Accept `inputs`, or the `total` ones of `file`, which lies in `folder`; whether the job is new. `id_`: where
        the file had to be named before. `name`: what the sender calls the job, cleaned here (`jobs.naming`).

        Raises UnknownModelError, IdempotencyConflictError, OverloadedError, JobsUnavailableError."""
        self.greenroom.scope((model,))
        new = NewJob(
            id=id_ or new_id(), model=model, total=len(inputs) if total is None else total, inputs=tuple(inputs),
            file=file, bad_lines=tuple(bad_lines), priority=priority, key=key, fingerprint=fingerprint,
            name=job_name(name), bad_line_count=len(bad_lines) if bad_line_count is None else bad_line_count,
        )  # fmt: skip
        queue = await self.queue()
        async with overflow(self.folder, self.room, new.id, new.inputs, self.may_exist) as written:
            if written is not None:
                new = replace(new, inputs=(), file=written)
            job, is_new = await queue.submit(new, self.clock.unix())
        if written is not None and not is_new:
            await asyncio.to_thread(written.unlink, missing_ok=True)
        return job, is_new

    async def may_exist(self, id_: str) -> bool:
        """Whether this job was accepted, as far as can be told: a connection that breaks in a commit says neither."""
        try:
            return bool(await (await self.queue()).known([id_]))
        except GreenroomError:
            return True

    async def cancel(self, id_: str) -> Job:
        """Raises JobNotFoundError, JobEndedError, JobsUnavailableError."""
        return await (await self.queue()).cancel(id_, self.clock.unix())

    async def retry(self, id_: str) -> Job:
        """Raises JobNotFoundError, JobNotEndedError, JobsUnavailableError."""
        return await (await self.queue()).retry(id_, self.clock.unix())

    async def counts(self) -> Counts:
        """Of all jobs that are kept, for metrics: none where nobody has asked for the store yet.

        Raises JobsUnavailableError."""
        return Counts(dict.fromkeys(JobState, 0)) if self._queue is None else await self._queue.counts()

    async def workers(self) -> int:
        """How many live on this data folder, be it in this process or in another one."""
        return await asyncio.to_thread(living, self._workers)

    @contextlib.asynccontextmanager
    async def watching(self, id_: str | None = None) -> AsyncIterator[Watcher]:
        """One job until it has ended, or all for ever; see `jobs.watching`.

        Raises JobNotFoundError, JobsUnavailableError."""
        queue = await self.queue()
        if self._watching is None:
            self._watching = Watching(queue)
        async with self._watching.all() if id_ is None else self._watching.one(id_) as watcher:
            yield watcher

    async def _live(self) -> None:
        queue = await self._opened()
        retention_seconds = self.settings.job_retention_days * 86_400
        housekeeping = Housekeeping(queue, self.folder, self._workers, self.clock, retention_seconds)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(housekeeping.run(), name="jobs' housekeeping")
            if self.settings.worker != "off":
                tasks.create_task(self._work(queue), name="jobs' worker")

    async def _work(self, queue: JobQueue) -> None:
        while not self.greenroom.stopping:
            try:
                await self._live_and_work(queue)
            except Exception:
                log.exception("jobs_worker_ended", next_try_seconds=REOPEN_SECONDS)
                await self.clock.sleep(REOPEN_SECONDS)

    async def _live_and_work(self, queue: JobQueue) -> None:
        with life(self._workers) as name:
            worker = Worker(queue, self.greenroom, self.clock, name)
            try:
                await worker.run()
            finally:
                closing = asyncio.ensure_future(worker.close())
                try:
                    await asyncio.shield(closing)  # it begins with the server's end, which cancels us on the way
                finally:
                    if await closing:
                        forget(self._workers, [name])

    async def _opened(self) -> JobQueue:
        """Wait for the queue for as long as it takes, without asking for its database."""
        while self._queue is None:
            database = await self.greenroom.store.opened()
            try:
                await self._on(database)
            except JobsUnavailableError as error:
                log.error("jobs_unavailable", reason=str(error), next_try_seconds=REOPEN_SECONDS)
                await asyncio.sleep(REOPEN_SECONDS)
        return self._queue

    async def _on(self, database: Database) -> JobQueue:
        """The one queue on it; made in a thread, because its statements take a while. Raises JobsUnavailableError."""
        async with self._opening:
            if self._queue is None:
                self._queue = await asyncio.to_thread(open_queue, database, self.folder)
        return self._queue


def new_id() -> str:
    return str(uuid.uuid4())
