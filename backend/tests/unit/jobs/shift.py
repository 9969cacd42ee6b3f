"""A worker on a queue in memory, beside a house with one scripted classifier, on a clock that stands still."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path

from greenroom.jobs.seam import Chunk, Job, JobState, NewJob
from greenroom.jobs.worker import Worker
from greenroom.protocol.snapshot import Phase
from greenroom.testing.memory_queue import MemoryQueue
from greenroom.words import ModelSpec, Task
from tests.unit.serving.house import House

MODEL = "minilm"


class Shift:
    def __init__(self, folder: Path) -> None:
        (folder / "model").mkdir()
        spec = ModelSpec(MODEL, f"path:{folder / 'model'}", task=Task.CLASSIFY)
        self.house = House(folder, spec)
        self.queue = MemoryQueue()
        self.worker = Worker(self.queue, self.house.greenroom, self.house.clock, "w")

    @property
    def now(self) -> float:
        return self.house.clock.unix()

    @contextlib.asynccontextmanager
    async def begun(self) -> AsyncIterator[None]:
        """The worker runs; the model loads."""
        async with self.house.open():
            run = asyncio.create_task(self.worker.run())
            try:
                yield
            finally:
                run.cancel()
                await asyncio.gather(run, return_exceptions=True)
                await self.worker.close()

    @contextlib.asynccontextmanager
    async def ready(self) -> AsyncIterator[None]:
        async with self.begun():
            self.house.model.auto(0.0)
            await self.house.until(Phase.READY)
            yield

    async def submit(self, *inputs: object, id_: str = "1", **members: object) -> Job:
        new = NewJob(id_, MODEL, len(inputs), inputs)
        return (await self.queue.submit(replace(new, **members), self.now))[0]  # type: ignore[arg-type]

    async def until(self, wanted: Callable[[Job], bool], id_: str = "1") -> Job:
        seen = -1
        async with asyncio.timeout(10):
            while not wanted(job := await self.queue.get(id_)):
                seen = await self.queue.changed(seen)
        return job

    def over(self) -> bool:
        """Whether the first job has ended."""
        return self.queue._rows["1"].job.is_terminal

    async def ended(self, id_: str = "1") -> Job:
        return await self.until(lambda job: job.is_terminal, id_)

    async def in_state(self, state: JobState, id_: str = "1") -> Job:
        return await self.until(lambda job: job.state is state, id_)

    async def chunks(self, id_: str = "1") -> list[Chunk]:
        return [chunk async for chunk in self.queue.results(id_)]

    async def rows(self, id_: str = "1") -> list[object]:
        return [row for chunk in await self.chunks(id_) for row in chunk.rows]
