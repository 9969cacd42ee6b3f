"""One claimed job on its way through a model: chunk by chunk, each saved as soon as it and all before it are done.

Meanwhile the next ones are with the model, so that neither waits for the other; `jobs.pace` says how large they are. A
chunk that the model refuses, or fails at, for one of its inputs is halved until that input stands alone: it gets its
error as its row, all others their results. A model that fails at everything is no input's fault: errors are not saved
before the model has done something again, or the job is at its end, and so many in a row as a chunk may have inputs end
the run. So a large job on a broken model costs some hundred calls, and no input an error that is not its own.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeVar

import structlog

from greenroom.clock import Clock
from greenroom.errors import (
    DeadlineExceededError,
    InvalidInputError,
    JobsUnavailableError,
    OverloadedError,
    PredictionError,
)  # fmt: skip
from greenroom.jobs.outcome import ResultRow, row_of_fault, rows_of
from greenroom.jobs.pace import CHUNKS_AHEAD, MAX_CHUNK_INPUTS
from greenroom.jobs.places import InputPlaces, TurnedAwayError
from greenroom.jobs.reading import Reader
from greenroom.jobs.seam import Chunk, Claim, Job, JobQueue
from greenroom.serving.greenroom import Embedded, Greenroom, Predicted
from greenroom.words import Task

CHUNK_DEADLINE_SECONDS = 600.0
"""For calls for which somebody waits go first. Past it the job takes its turn again, with smaller chunks."""
SAVE_AGAIN_SECONDS = 1.0
MAX_REFUSALS = 60
"""In a row by a model that has too much to do; then the job is given back."""

log = structlog.get_logger("greenroom.jobs")
_Result = TypeVar("_Result")


class Run:
    """One claim's work. `stop`: finish what is with the model, and no more."""

    def __init__(self, claim: Claim, queue: JobQueue, greenroom: Greenroom, clock: Clock, places: InputPlaces) -> None:
        self.claim = claim
        """As of the last heartbeat."""
        self.begun_at = clock.monotonic()
        self.chunks_saved = 0
        self.is_stopping = False
        self.makes_room = False
        """For jobs that wait: it is to stand behind them."""
        self._queue = queue
        self._greenroom = greenroom
        self._clock = clock
        self._places = places
        self._inputs = Reader(claim)
        self._with_model = 0
        self._failed_in_a_row = 0
        self._doubtful: list[Chunk] = []
        """Done, and not saved: the model has failed at their last inputs, and done nothing since."""
        self._saved_at = self.begun_at

    @property
    def is_with_model(self) -> bool:
        """Else it has ended a moment after `stop`."""
        return self._with_model > 0

    def stop(self, *, to_make_room: bool = False) -> None:
        self.is_stopping = True
        self.makes_room |= to_make_room
        self._places.turn_away(self)

    async def work(self) -> Job:
        """The job as it stands at the end: completed, or not done where `stop` came first.

        Raises LeaseLostError, JobCancelledError, JobInputsGoneError, and what the model's calls raise but for single
        inputs: OverloadedError and DeadlineExceededError when it is busy for long."""
        ahead: deque[asyncio.Task[Chunk]] = deque()
        job = self.claim.job
        try:
            start = job.done
            while start < job.total and not self.is_stopping:
                count = min(self._places.pace.chunk_inputs, job.total - start)
                ahead.append(asyncio.create_task(self._chunk(start, count)))
                start += count
                if len(ahead) == CHUNKS_AHEAD:
                    job = await self._done(await ahead.popleft(), job)
            while ahead:
                job = await self._done(await ahead.popleft(), job)
            return job
        except TurnedAwayError:
            return job
        finally:
            for chunk in ahead:
                chunk.cancel()
            await asyncio.gather(*ahead, return_exceptions=True)
            self._inputs.close()

    async def _done(self, chunk: Chunk, job: Job) -> Job:
        """The job as it stands then."""
        self._doubtful.append(chunk)
        is_last = chunk.start + len(chunk.rows) == job.total
        if is_last or not self._failed_in_a_row:
            for one in self._doubtful:
                job = await self._save(one)
            self._doubtful.clear()
        return job

    async def _save(self, chunk: Chunk) -> Job:
        now = self._clock.monotonic()
        seconds, self._saved_at = now - self._saved_at, now
        job = await kept(lambda: self._queue.save(self.claim, chunk, self._clock.unix(), seconds), self._clock)
        self.chunks_saved += 1
        return job

    async def _chunk(self, start: int, count: int) -> Chunk:
        """Its inputs are read no earlier than they can go to the model. Raises TurnedAwayError: `stop` was first."""
        if self.is_stopping:
            raise TurnedAwayError
        async with self._places.taken(count, self.claim.job.priority, self):
            self._with_model += 1
            begun, beside = self._clock.monotonic(), self._places.inside
            try:
                rows, version = await self._rows(await self._inputs.read(start, count))
                self._took(begun, beside)
            except DeadlineExceededError:
                self._took(begun, beside)
                raise
            finally:
                self._with_model -= 1
        return Chunk(start, tuple(rows), version)

    def _took(self, begun: float, beside: int) -> None:
        """A chunk that the model has refused says nothing of how quick it is. `beside`: inputs there when it began."""
        self._places.pace.took(self._clock.monotonic() - begun, max(beside, self._places.inside))

    async def _rows(self, inputs: Sequence[Any]) -> tuple[list[ResultRow], str]:
        """A row for each input, and the version that gave them (the last one, should it have changed)."""
        try:
            answer = await self._ask(inputs)
        except (InvalidInputError, PredictionError) as error:
            if len(inputs) == 1:
                self._count(error)
                version = self._greenroom.keepers[self.claim.job.model].version
                return [row_of_fault(error)], version.id if version else ""
            middle = len(inputs) // 2
            first, _ = await self._rows(inputs[:middle])
            second, version_id = await self._rows(inputs[middle:])
            return [*first, *second], version_id
        self._failed_in_a_row = 0
        return rows_of(answer), answer.version

    def _count(self, error: InvalidInputError | PredictionError) -> None:
        """Raises it where the model fails at so many that it is not their fault."""
        if isinstance(error, PredictionError):
            self._failed_in_a_row += 1
            if self._failed_in_a_row >= min(MAX_CHUNK_INPUTS, self.claim.job.total):
                raise error

    async def _ask(self, inputs: Sequence[Any]) -> Embedded | Predicted:
        name, refusals = self.claim.job.model, 0
        is_encoder = self._greenroom.keepers[name].spec.task is Task.EMBED
        ask: Callable[..., Awaitable[Embedded | Predicted]] = (
            self._greenroom.embed if is_encoder else self._greenroom.predict
        )
        while True:
            try:
                return await ask(name, inputs, CHUNK_DEADLINE_SECONDS, background=True)
            except OverloadedError as error:
                refusals += 1
                if refusals == MAX_REFUSALS or self.is_stopping:
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
