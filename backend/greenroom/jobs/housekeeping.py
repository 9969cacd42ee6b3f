"""What nobody asks for and has to be done: jobs of dead workers are freed, old ones forgotten, and files that belong to
nothing removed. In every process that has jobs, whether it works them off or not; twice is once.

Whose a file is: `<id>.upload` is held locked while its upload is under way, and goes last (`web.uploads`). So where it
is held its neighbours of the same id are in use; where nobody holds it, or it is not there, `.upload` and `.part` are
what a dead process left. `<id>.jsonl` belongs to the job of that id. One without a job stays for as long as an ended
job's would: there may be jobs of another database, and the way from the file to its job is long for a slow disk.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

import structlog

from greenroom.clock import Clock
from greenroom.errors import JobNotFoundError, JobsUnavailableError
from greenroom.jobs.lives import ended, forget, is_free
from greenroom.jobs.seam import JobQueue

FREE_SECONDS = 5.0
SWEEP_SECONDS = 3600.0
SETTLED_SECONDS = 60.0
"""From a file's last change on; one that is made this moment is not held yet."""

log = structlog.get_logger("greenroom.jobs")


class Housekeeping:
    """Of `folder`, where uploaded files lie, and `workers`, where lives are told (`jobs.lives`)."""

    def __init__(self, queue: JobQueue, folder: Path, workers: Path, clock: Clock, retention_seconds: float) -> None:
        self._queue = queue
        self._folder = folder
        self._workers = workers
        self._clock = clock
        self._retention_seconds = retention_seconds

    async def run(self) -> None:
        """For ever: dead workers are looked for all the time, the rest at once and then hourly."""
        swept_at = -SWEEP_SECONDS
        while True:
            try:
                await self.free_the_dead()
                if self._clock.monotonic() - swept_at >= SWEEP_SECONDS:
                    swept_at = self._clock.monotonic()
                    await self.forget_the_old()
                    await self.sweep()
            except (JobsUnavailableError, OSError) as error:
                log.warning("jobs_housekeeping_failed", reason=str(error))
            except Exception:
                log.exception("jobs_housekeeping_broke", next_try_seconds=FREE_SECONDS)
            await self._clock.sleep(FREE_SECONDS)

    async def free_the_dead(self) -> None:
        """Raises JobsUnavailableError, OSError, as do the others."""
        gone = await asyncio.to_thread(ended, self._workers)
        if gone:
            released = await self._queue.release(gone, self._clock.unix())
            await asyncio.to_thread(forget, self._workers, gone)
            log.info("workers_gone", workers=len(gone), jobs_released=released)

    async def forget_the_old(self) -> None:
        """Jobs that ended so long ago, with their results and their files."""
        now = self._clock.unix()
        old = await self._queue.purge(now - self._retention_seconds, now)
        await asyncio.to_thread(_delete, old)

    async def sweep(self) -> None:
        """Files that belong to nothing."""
        now = self._clock.unix()
        left = await asyncio.to_thread(_left_by_the_dead, self._folder, now - SETTLED_SECONDS)
        old = await asyncio.to_thread(_inputs_before, self._folder, now - self._retention_seconds)
        left += [file for file in old if not await self._is_a_jobs(file)]
        if left:
            await asyncio.to_thread(_delete, left)
            log.info("job_files_swept", files=len(left))

    async def _is_a_jobs(self, file: Path) -> bool:
        try:
            await self._queue.get(file.stem)
        except JobNotFoundError:
            return False
        return True


def _left_by_the_dead(folder: Path, before: float) -> list[Path]:
    """Halves of uploads."""
    raw = [file for file in folder.glob("*.upload") if _changed_before(file, before) and is_free(file)]
    made = [file for file in folder.glob("*.part") if _changed_before(file, before) and not _is_under_way(file)]
    return raw + made


def _inputs_before(folder: Path, before: float) -> list[Path]:
    return [file for file in folder.glob("*.jsonl") if _changed_before(file, before) and not _is_under_way(file)]


def _is_under_way(file: Path) -> bool:
    raw = file.with_suffix(".upload")
    return raw.exists() and not is_free(raw)


def _changed_before(file: Path, before: float) -> bool:
    try:
        return file.stat().st_mtime < before
    except FileNotFoundError:
        return False


def _delete(files: Sequence[Path]) -> None:
    for file in files:
        file.unlink(missing_ok=True)
