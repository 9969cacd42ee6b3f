"""`Jobs`, over a real database and a house with one scripted classifier."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from greenroom.errors import IdempotencyConflictError, JobNotFoundError, JobsUnavailableError, UnknownModelError
from greenroom.jobs import housekeeping
from greenroom.jobs.seam import Chunk, Job, JobState
from greenroom.jobs.service import Jobs
from greenroom.settings import load_settings
from greenroom.store import store
from greenroom.words import ModelSpec, Task
from tests.unit.jobs.conftest import sql_queue
from tests.unit.serving.house import House

pytestmark = pytest.mark.anyio
MODEL = "minilm"


class Desk:
    def __init__(self, folder: Path, **settings: Any) -> None:
        (folder / "model").mkdir(exist_ok=True)
        self.data = folder / "data"
        self.house = House(folder, ModelSpec(MODEL, f"path:{folder / 'model'}", task=Task.CLASSIFY), **settings)
        self.jobs = Jobs(load_settings(data=self.data, **settings), self.house.greenroom)

    @contextlib.asynccontextmanager
    async def open(self, ready: bool = True) -> AsyncIterator[Jobs]:
        async with self.house.ready() if ready else self.house.open(), self.jobs.running() as jobs:
            yield jobs

    async def last(self, id_: str) -> Job:
        async with asyncio.timeout(30):
            *_, job = [job async for job in watched(self.jobs, id_)]
        return job


async def watched(jobs: Jobs, id_: str | None = None) -> AsyncIterator[Job]:
    """One job until it has ended, or all for ever."""
    async with jobs.watching(id_) as watcher:
        while (job := await watcher.next()) is not None:
            yield job


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


async def test_what_is_submitted_is_done_and_its_results_can_be_read(desk: Desk) -> None:
    async with desk.open() as jobs:
        job, is_new = await jobs.submit(MODEL, ["a good day", "a bad day"])
        assert (is_new, job.state, job.total) == (True, JobState.PENDING, 2)
        assert (await desk.last(job.id)).state is JobState.COMPLETED
        (chunk,) = [chunk async for chunk in (await jobs.queue()).results(job.id)]
    assert [row["label"] for row in chunk.rows if isinstance(row, dict)] == ["positive", "negative"]


async def test_the_same_key_is_the_same_job(desk: Desk) -> None:
    async with desk.open(ready=False) as jobs:
        first, _ = await jobs.submit(MODEL, ["text"], key="k", fingerprint="f")
        again, is_new = await jobs.submit(MODEL, ["text"], key="k", fingerprint="f")
        assert (again.id, is_new) == (first.id, False)
        with pytest.raises(IdempotencyConflictError):
            await jobs.submit(MODEL, ["other"], key="k", fingerprint="g")


async def test_a_job_for_no_model_is_refused(desk: Desk) -> None:
    async with desk.open(ready=False) as jobs:
        with pytest.raises(UnknownModelError):
            await jobs.submit("unknown", ["text"])


async def test_a_server_that_sees_no_job_opens_no_database(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "OPEN_AFTER_SECONDS", 0)
    async with desk.open():
        assert not (desk.data / "greenroom.db").exists()


async def test_jobs_of_the_life_before_are_done_without_anybody_asking(
    desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "OPEN_AFTER_SECONDS", 0)
    async with desk.open(ready=False) as jobs:
        job, _ = await jobs.submit(MODEL, ["text"])
    successor = Desk(tmp_path)
    async with successor.open() as jobs:
        await jobs._opened()
        assert (await successor.last(job.id)).state is JobState.COMPLETED


async def test_what_a_dead_worker_held_is_done_at_once(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(housekeeping, "FREE_SECONDS", 0.01)
    async with desk.open(ready=False) as jobs:
        job, _ = await jobs.submit(MODEL, ["text"])
        queue = await jobs.queue()
        far = jobs.clock.unix() + 3600
        assert await queue.claim("dead", 1, 15, far)
        (desk.data / "jobs" / "workers" / "dead").touch()
        desk.house.model.become_ready()
        ended = await desk.last(job.id)
    assert (ended.state, ended.attempts) == (JobState.COMPLETED, 0)


async def test_a_server_without_a_worker_accepts_jobs_and_leaves_them(tmp_path: Path) -> None:
    desk = Desk(tmp_path, worker="off")
    async with desk.open() as jobs:
        job, _ = await jobs.submit(MODEL, ["text"])
        queue = await jobs.queue()
        assert "jobs' worker" not in {task.get_name() for task in asyncio.all_tasks()}
        (claim,) = await queue.claim("elsewhere", 1, 15, jobs.clock.unix())
        assert claim.job.id == job.id


async def test_who_watches_sees_what_another_process_does(tmp_path: Path) -> None:
    desk = Desk(tmp_path, worker="off")
    async with desk.open() as jobs:
        job, _ = await jobs.submit(MODEL, ["one", "two"])
        watching = watched(jobs, job.id)
        assert (await anext(watching)).state is JobState.PENDING
        other = sql_queue(desk.data)
        (claim,) = await other.claim("elsewhere", 1, 15, jobs.clock.unix())
        async with asyncio.timeout(10):
            assert (await anext(watching)).state is JobState.PROCESSING
            await other.save(claim, Chunk(0, ({}, {}), "1"), jobs.clock.unix())
            assert [seen.state async for seen in watching] == [JobState.COMPLETED]
        await other.close()


async def test_who_watches_all_sees_each_job_as_it_stands_and_what_changes(tmp_path: Path) -> None:
    desk = Desk(tmp_path, worker="off")
    async with desk.open() as jobs:
        first, _ = await jobs.submit(MODEL, ["one"])
        second, _ = await jobs.submit(MODEL, ["two"])
        watching = watched(jobs)
        assert [(await anext(watching)).id for _ in range(2)] == [first.id, second.id]
        await jobs.cancel(first.id)
        async with asyncio.timeout(10):
            changed = await anext(watching)
        assert (changed.id, changed.state) == (first.id, JobState.CANCELLED)


async def test_a_job_that_never_was_cannot_be_watched(desk: Desk) -> None:
    async with desk.open() as jobs:
        with pytest.raises(JobNotFoundError):
            await anext(watched(jobs, "never"))


async def test_a_database_that_cannot_be_opened_is_told_to_who_asks_and_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "REOPEN_SECONDS", 0.01)
    place = tmp_path / "elsewhere"
    desk = Desk(tmp_path, database_url=f"sqlite:///{place / 'jobs.db'}")
    async with desk.open() as jobs:
        with pytest.raises(JobsUnavailableError):
            await jobs.submit(MODEL, ["text"])
        place.mkdir()
        async with asyncio.timeout(20):
            await jobs._opened()
        job, _ = await jobs.submit(MODEL, ["text"])
        assert (await desk.last(job.id)).state is JobState.COMPLETED


@pytest.mark.parametrize("worker", ["in-process", "off"])
async def test_every_server_keeps_house_at_its_start(
    tmp_path: Path, worker: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone, delete = asyncio.Queue[Sequence[Path]](), housekeeping._delete

    def deleted(loop: asyncio.AbstractEventLoop, files: Sequence[Path]) -> None:
        delete(files)
        if files:
            loop.call_soon_threadsafe(gone.put_nowait, files)

    monkeypatch.setattr(housekeeping, "_delete", partial(deleted, asyncio.get_running_loop()))
    desk = Desk(tmp_path, worker=worker)
    async with desk.open(ready=False) as jobs:
        await jobs.queue()
        file = jobs.folder / "a.jsonl"
        await asyncio.to_thread(file.write_text, '"text"\n')
        job, _ = await jobs.submit(MODEL, file=file, total=1)
        await jobs.cancel(job.id)
    successor = Desk(tmp_path, worker=worker, job_retention_days=1e-9)
    async with successor.open(ready=False) as jobs:
        queue = await jobs.queue()
        async with asyncio.timeout(10):
            assert await gone.get() == [file]
        assert not file.exists()
        assert (await queue.page(0, 10)).total == 0
