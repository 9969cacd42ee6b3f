"""A worker over a real database whose clock somebody sets by an hour while it works."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from greenroom.errors import PredictionError
from greenroom.jobs.answer import job_answer
from greenroom.jobs.pace import CHUNKS_AHEAD, MAX_CHUNK_INPUTS
from greenroom.jobs.seam import Job, JobState
from greenroom.jobs.service import Jobs
from greenroom.jobs.worker import LEASE_SECONDS
from tests.unit.jobs.test_service import MODEL, Desk
from tests.unit.jobs.test_worker import broken

pytestmark = pytest.mark.anyio
HOUR = 3600.0
TEXTS = [f"good text {number}" for number in range(2 * CHUNKS_AHEAD * MAX_CHUNK_INPUTS)]


class ClockedDesk(Desk):
    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.clock = self.house.clock
        self.jobs.clock = self.clock

    @contextlib.asynccontextmanager
    async def at_work(self) -> AsyncIterator[Jobs]:
        """With a job of which the first chunks are with the model."""
        async with self.open() as jobs:
            self.house.model.gate.close()
            job, _ = await jobs.submit(MODEL, TEXTS)
            await self.house.held(CHUNKS_AHEAD)
            yield jobs
            self.house.model.gate.open()
            await self.until(job.id, lambda job: job.state is JobState.COMPLETED)
            next_ = 0
            async for chunk in (await jobs.queue()).results(job.id):
                assert chunk.start == next_, "each once"
                next_ += len(chunk.rows)
            assert next_ == len(TEXTS)

    async def until(self, id_: str, wanted: Callable[[Job], bool], seconds: float = 0.0) -> Job:
        """Look until the job is as `wanted`, with a clock that goes on by at most `seconds`."""
        queue, step = await self.jobs.queue(), 0.5
        async with asyncio.timeout(20):
            while not wanted(job := await queue.get(id_)):
                if seconds > 0:
                    seconds -= step
                    await self.clock.advance(step)
                await asyncio.sleep(0.005)
        return job


@pytest.fixture
def desk(tmp_path: Path) -> ClockedDesk:
    return ClockedDesk(tmp_path)


@pytest.mark.parametrize("step", [HOUR, -HOUR])
async def test_a_worker_keeps_what_it_works_on(desk: ClockedDesk, step: float) -> None:
    async with desk.at_work() as jobs:
        desk.clock.step(step)
        other, _ = await jobs.submit(MODEL, ["good"])
        await desk.until(other.id, lambda job: job.state is JobState.PROCESSING, seconds=5)
        for _ in range(6):
            await desk.clock.advance(LEASE_SECONDS / 3)
            await (await jobs.queue()).release([], desk.clock.unix())  # behind the heartbeat, in the writer's line
        (first,) = [job for job in (await (await jobs.queue()).page(0, 10)).jobs if job.total > 1]
        assert (first.state, first.attempts) == (JobState.PROCESSING, 0)
    assert desk.house.greenroom.metrics.job_leases_lost == 0


@pytest.mark.parametrize("step", [HOUR, -HOUR])
async def test_an_estimate_is_what_it_would_have_been(desk: ClockedDesk, step: float) -> None:
    async with desk.open() as jobs:
        queue = await jobs.queue()
        desk.house.model.gate.close()
        job, _ = await jobs.submit(MODEL, TEXTS)
        await desk.house.held(CHUNKS_AHEAD)
        await desk.clock.advance(4)
        desk.clock.step(step)
        desk.house.model.gate.open()
        await desk.until(job.id, lambda job: job.done >= CHUNKS_AHEAD * MAX_CHUNK_INPUTS)
        assert 4 <= (await queue.get(job.id)).worked_seconds < 10
        answer = job_answer(await queue.get(job.id))
        assert answer.estimated_seconds is None or answer.estimated_seconds <= 10


async def test_what_a_dead_worker_held_is_done_after_one_lease(desk: ClockedDesk) -> None:
    async with desk.open(ready=False) as jobs:
        queue = await jobs.queue()
        job, _ = await jobs.submit(MODEL, ["good"])
        assert await queue.claim("of another machine", 1, LEASE_SECONDS, jobs.clock.unix())
        desk.clock.step(-HOUR)
        desk.house.model.become_ready()
        done = await desk.until(job.id, lambda job: job.is_terminal, seconds=LEASE_SECONDS + 5)
    assert done.state is JobState.COMPLETED


async def test_a_job_that_is_to_be_tried_again_does_not_wait_for_the_hour(
    desk: ClockedDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken(monkeypatch, PredictionError("Once."))
    async with desk.open() as jobs:
        job, _ = await jobs.submit(MODEL, ["good"])
        await desk.until(job.id, lambda job: job.retry_at is not None)
        desk.clock.step(-HOUR)
        done = await desk.until(job.id, lambda job: job.is_terminal, seconds=5)
    assert done.state is JobState.COMPLETED
