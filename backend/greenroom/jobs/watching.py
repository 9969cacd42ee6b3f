"""Who watches jobs: all of them in one process share one reader.

The problem: five hundred people who look at jobs must not cost five hundred streams of reads, and one of them who takes
nothing must not cost memory. The idea: while anybody watches, one task asks the queue what has changed since it asked
last, and hands that on. Who watches one job has room for one state of it, the newest. Who watches all has a mark, and
goes on from there: what is new lies in a common list of the last changes, and whoever fell behind its beginning reads
from the queue himself, a page at a time. So nobody misses the end of a job, and nobody has a backlog.
Invariant: of a watched job no state is told after a newer one.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import time
from collections import deque
from collections.abc import AsyncIterator
from typing import Protocol

import structlog

from greenroom.errors import GreenroomError, JobNotFoundError, JobsUnavailableError
from greenroom.jobs.seam import Changes, Job, JobQueue, JobState, Mark
from greenroom.tasks import crash_loudly

LOOK_SECONDS = 0.5
"""Between two looks, for what other processes have changed."""
MIN_LOOK_SECONDS = 0.1
"""Between two looks, however much happens."""
KNOWN_SECONDS = 10.0
"""Between two looks for watched jobs that were forgotten: their end was missed, which takes a clock set forward."""
AWAY_SECONDS = 5.0
"""So long without the database, and those who watch are told."""
PAGE = 500
"""Jobs in one read."""
MAX_RECENT = 500
"""Jobs whose last changes are kept for all."""
STANDING = 100
"""The newest jobs, and as many that run, are what a watcher of all begins with."""

log = structlog.get_logger("greenroom.jobs")


class Watcher(Protocol):
    """One who watches. `next` may be cancelled, and called again."""

    async def next(self) -> Job | None:
        """The newest state that was not told yet, once there is one; None when there will be none.

        Raises JobsUnavailableError, JobNotFoundError for a job that was forgotten meanwhile."""


class Watching:
    """The watchers of this process. The reader lives from the first one to the last."""

    def __init__(self, queue: JobQueue) -> None:
        self._queue = queue
        self._reader: asyncio.Task[None] | None = None
        self._beginning = asyncio.Lock()
        self._listing = asyncio.Lock()
        self._of_one: dict[str, set[_OfOne]] = {}
        self._of_all: set[_OfAll] = set()
        self._joined = 0
        self._recent: dict[str, tuple[Mark, Job]] = {}
        """In the order of the last changes; the mark is that of the look which found it."""
        self._floor: Mark = (0, 0)
        """`_recent` has everything after it."""
        self.mark: Mark = (0, 0)
        """Of the last look."""
        self._listed: tuple[Mark, dict[str, Job]] | None = None
        self._away_since: float | None = None
        self._known_at = 0.0

    @contextlib.asynccontextmanager
    async def one(self, id_: str) -> AsyncIterator[Watcher]:
        """The job as it stands, then whenever it has changed, until it has ended.

        Raises JobNotFoundError, JobsUnavailableError."""
        async with self._reading():
            watchers = self._of_one.setdefault(id_, set())
            watcher = _OfOne()
            watchers.add(watcher)
            try:
                known = next((other.job for other in watchers if other.job is not None), None)
                watcher.offer(known or await self._queue.get(id_))
                yield watcher
            finally:
                watchers.discard(watcher)
                if not watchers:
                    self._of_one.pop(id_, None)

    @contextlib.asynccontextmanager
    async def all(self) -> AsyncIterator[Watcher]:
        """Each of the `STANDING` newest jobs and of those that run as it stands, then whatever changes, for ever.

        Raises JobsUnavailableError."""
        async with self._reading():
            watcher = _OfAll(self, *await self._standing())
            self._of_all.add(watcher)
            try:
                yield watcher
            finally:
                self._of_all.discard(watcher)

    def later_than(self, mark: Mark) -> list[Job] | None:
        """What has changed after a look's `mark`; None where that is not known any more."""
        if mark < self._floor:
            return None
        newest_first = itertools.takewhile(lambda found: found[0] > mark, reversed(self._recent.values()))
        return [job for _, job in newest_first][::-1]

    def is_newest(self, job: Job) -> bool:
        """As far as is known."""
        found = self._recent.get(job.id)
        return found is None or found[1].changes <= job.changes

    async def page(self, mark: Mark) -> Changes:
        return await self._queue.changes(mark, PAGE)

    @contextlib.asynccontextmanager
    async def _reading(self) -> AsyncIterator[None]:
        """While the reader lives, and knows from where on it reads."""
        self._joined += 1
        try:
            async with self._beginning:
                if self._reader is None or self._reader.done():
                    await self._begin()
            yield
        finally:
            self._joined -= 1
            if self._joined == 0 and (reader := self._reader) is not None:
                self._reader = None
                reader.cancel()
                await asyncio.gather(reader, return_exceptions=True)

    async def _begin(self) -> None:
        self.mark = self._floor = (await self._queue.changes(None, 0)).mark
        self._recent.clear()
        self._listed, self._away_since, self._known_at = None, None, time.monotonic()
        self._reader = asyncio.create_task(self._read(), name="jobs' watch")
        self._reader.add_done_callback(self._ended)

    def _ended(self, reader: asyncio.Task[None]) -> None:
        crash_loudly(reader)
        if not reader.cancelled():
            self._tell_all(JobsUnavailableError("Jobs cannot be watched just now; the server's log says why."))

    async def _read(self) -> None:
        seen = await self._queue.changed(-1)
        while True:
            try:
                await self._look()
                self._away_since = None
            except JobsUnavailableError as error:
                self._away(error)
            await asyncio.sleep(MIN_LOOK_SECONDS)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LOOK_SECONDS - MIN_LOOK_SECONDS):
                    seen = await self._queue.changed(seen)

    async def _look(self) -> None:
        found = await self.page(self.mark)
        while found.jobs:
            self._take(found)
            found = await self.page(self.mark) if len(found.jobs) == PAGE else Changes((), self.mark)
        if time.monotonic() - self._known_at >= KNOWN_SECONDS:
            self._known_at = time.monotonic()
            await self._look_for_forgotten()

    def _take(self, found: Changes) -> None:
        self.mark = found.mark
        for job in found.jobs:
            self._recent.pop(job.id, None)
            self._recent[job.id] = (found.mark, job)
            for watcher in self._of_one.get(job.id, ()):
                watcher.offer(job)
        while len(self._recent) > MAX_RECENT:
            self._floor, _ = self._recent.pop(next(iter(self._recent)))
        for of_all in self._of_all:
            of_all.changed.set()

    async def _look_for_forgotten(self) -> None:
        watched = list(self._of_one)
        if not watched:
            return
        known = await self._queue.known(watched)
        for id_ in set(watched) - set(known):
            for watcher in self._of_one.get(id_, ()):
                watcher.fail(JobNotFoundError())

    def _away(self, error: JobsUnavailableError) -> None:
        now = time.monotonic()
        self._away_since = now if self._away_since is None else self._away_since
        if now - self._away_since >= AWAY_SECONDS:
            self._tell_all(error)

    def _tell_all(self, error: GreenroomError) -> None:
        for watcher in (*self._of_all, *itertools.chain.from_iterable(self._of_one.values())):
            watcher.fail(error)

    async def _standing(self) -> tuple[Mark, dict[str, Job]]:
        """How things stood after a look: read once for all who ask before another one finds something."""
        async with self._listing:
            if self._listed is None or self._listed[0] != self.mark:
                mark = self.mark
                running = await self._queue.page(0, STANDING, (JobState.PROCESSING,))
                newest = await self._queue.page(0, STANDING)
                self._listed = (mark, {job.id: job for job in (*reversed(running.jobs), *reversed(newest.jobs))})
            return self._listed


class _Trouble:
    """What ends a watch before its time."""

    def __init__(self) -> None:
        self.changed = asyncio.Event()
        self._trouble: GreenroomError | None = None

    def fail(self, error: GreenroomError) -> None:
        self._trouble = error
        self.changed.set()

    async def _wait(self) -> None:
        """Until something is new. Raises the trouble."""
        if self._trouble is not None:
            raise self._trouble
        await self.changed.wait()
        self.changed.clear()


class _OfOne(_Trouble):
    def __init__(self) -> None:
        super().__init__()
        self.job: Job | None = None
        """The newest state."""
        self._told = -1

    def offer(self, job: Job) -> None:
        if self.job is None or job.changes > self.job.changes:
            self.job = job
            self.changed.set()

    async def next(self) -> Job | None:
        while (job := self.job) is None or job.changes == self._told:
            if job is not None and job.is_terminal:
                return None
            await self._wait()
        self._told = job.changes
        return job


class _OfAll(_Trouble):
    def __init__(self, watching: Watching, mark: Mark, standing: dict[str, Job]) -> None:
        super().__init__()
        self._watching = watching
        self._mark = mark
        self._standing = standing
        """Was read after the mark, and so may have what later looks find."""
        self._untold = deque(standing.values())

    async def next(self) -> Job | None:
        while True:
            while self._untold:
                job = self._untold.popleft()
                if self._watching.is_newest(job):
                    return job
            if self._mark == self._watching.mark:
                await self._wait()
            else:
                await self._go_on()

    async def _go_on(self) -> None:
        later, mark = self._watching.later_than(self._mark), self._watching.mark
        if later is None:
            found = await self._watching.page(self._mark)
            later, mark = list(found.jobs), found.mark
        self._untold, self._mark = deque(filter(self._is_news, later)), mark

    def _is_news(self, job: Job) -> bool:
        begun_with = self._standing.get(job.id)
        return begun_with is None or begun_with.changes < job.changes
