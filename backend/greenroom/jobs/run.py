"""One claimed job on its way through a model: chunk by chunk, each saved before the next but one begins.

While a chunk is saved the next one is with the model, so that neither waits for the other. A chunk that the model
refuses for one of its inputs is halved until that input stands alone: it gets its error as its row, all others their
results.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeVar

import structlog

from greenroom.clock import Clock
from greenroom.errors import InvalidInputError, JobsUnavailableError, OverloadedError
from greenroom.jobs.outcome import Row, row_of_fault, rows_of
from greenroom.jobs.places import Places
from greenroom.jobs.reading import Reader
from greenroom.jobs.seam import Chunk, Claim, Job, JobQueue
from greenroom.serving.greenroom import Embedded, Greenroom, Predicted
from greenroom.words import Task

CHUNK_INPUTS = 64
CHUNKS_AHEAD = 2
"""Of one job with the model at a time."""
CHUNK_SECONDS = 600.0
"""A chunk's deadline: interactive calls go first, however long that takes."""
SAVE_AGAIN_SECONDS = 1.0
MAX_REFUSALS = 60
"""In a row by a model that has too much to do; then the job is given back."""

log = structlog.get_logger("greenroom.jobs")
_Result = TypeVar("_Result")


class Run:
    """One claim's work. `stop`: finish what is with the model, and no more."""

    def __init__(self, claim: Claim, queue: JobQueue, greenroom: Greenroom, clock: Clock, places: Places) -> None:
        self._claim = claim
        self._queue = queue
        self._greenroom = greenroom
        self._clock = clock
        self._places = places
        self._inputs = Reader(claim)
        self._stopping = False
        self._saved_at = clock.monotonic()

    def stop(self) -> None:
        self._stopping = True

    async def work(self) -> Job:
        """The job as it stands at the end: completed, or not done where `stop` came first.

        Raises LeaseLostError, JobCancelledError, JobInputsGoneError, and what the model's calls raise but for single
        inputs."""
        ahead: deque[asyncio.Task[Chunk]] = deque()
        job = self._claim.job
        try:
            for start in range(job.done, job.total, CHUNK_INPUTS):
                if self._stopping:
                    break
                ahead.append(asyncio.create_task(self._chunk(start, min(CHUNK_INPUTS, job.total - start))))
                if len(ahead) == CHUNKS_AHEAD:
                    job = await self._save(await ahead.popleft())
            while ahead:
                job = await self._save(await ahead.popleft())
            return job
        finally:
            for chunk in ahead:
                chunk.cancel()
            await asyncio.gather(*ahead, return_exceptions=True)
            self._inputs.close()

    async def _save(self, chunk: Chunk) -> Job:
        now = self._clock.monotonic()
        seconds, self._saved_at = now - self._saved_at, now
        return await kept(lambda: self._queue.save(self._claim, chunk, self._clock.unix(), seconds), self._clock)

    async def _chunk(self, start: int, count: int) -> Chunk:
        """Its inputs are read no earlier than they can go to the model."""
        async with self._places.taken(count, self._claim.job.priority):
            rows, version = await self._rows(await self._inputs.read(start, count))
        return Chunk(start, tuple(rows), version)

    async def _rows(self, inputs: Sequence[Any]) -> tuple[list[Row], str]:
        """A row for each input, and the version that gave them (the last one, should it have changed)."""
        try:
            answer = await self._ask(inputs)
        except InvalidInputError as error:
            if len(inputs) == 1:
                version = self._greenroom.keepers[self._claim.job.model].version
                return [row_of_fault(error)], version.id if version else ""
            middle = len(inputs) // 2
            first, _ = await self._rows(inputs[:middle])
            second, version_id = await self._rows(inputs[middle:])
            return [*first, *second], version_id
        return rows_of(answer), answer.version

    async def _ask(self, inputs: Sequence[Any]) -> Embedded | Predicted:
        name, refusals = self._claim.job.model, 0
        is_encoder = self._greenroom.keepers[name].spec.task is Task.EMBED
        ask: Callable[..., Awaitable[Embedded | Predicted]] = (
            self._greenroom.embed if is_encoder else self._greenroom.predict
        )
        while True:
            try:
                return await ask(name, inputs, CHUNK_SECONDS, background=True)
            except OverloadedError as error:
                refusals += 1
                if refusals == MAX_REFUSALS:
                    raise
                await self._clock.sleep(error.retry_after_seconds)


async def kept(write: Callable[[], Awaitable[_Result]], clock: Clock) -> _Result:
    """The result of `write`, again and again while the database cannot be written: what is computed is not thrown
    away. It ends with the lease, at the latest by LeaseLostError."""
    while True:
        try:
            return await write()
        except JobsUnavailableError as error:
            log.warning("job_not_saved", reason=str(error), next_try_seconds=SAVE_AGAIN_SECONDS)
            await clock.sleep(SAVE_AGAIN_SECONDS)
