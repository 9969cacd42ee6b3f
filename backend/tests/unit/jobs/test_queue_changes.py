"""What every `JobQueue` tells of its changes, whoever made them."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from greenroom.errors import JobNotFoundError
from greenroom.jobs.seam import Job, JobQueue, JobState, Mark
from tests.unit.jobs.conftest import sql_queue
from tests.unit.jobs.queue_cases import LEASE, NOW, chunk, job, one

pytestmark = pytest.mark.anyio


async def told(queue: JobQueue, since: Mark, limit: int = 100) -> tuple[list[str], Mark]:
    changes = await queue.changes(since, limit)
    return [job.id for job in changes.jobs], changes.mark


async def begun(queue: JobQueue) -> Mark:
    changes = await queue.changes(None, 100)
    assert changes.jobs == ()
    return changes.mark


async def test_what_was_there_before_is_no_change_and_what_comes_after_is(queue: JobQueue) -> None:
    await queue.submit(job("1"), NOW)
    mark = await begun(queue)
    assert await told(queue, mark) == ([], mark)
    await queue.submit(job("2"), NOW)
    ids, later = await told(queue, mark)
    assert ids == ["2"]
    assert later > mark
    assert await told(queue, later) == ([], later)


async def test_an_empty_queue_has_a_mark_after_which_the_first_job_comes(queue: JobQueue) -> None:
    mark = await begun(queue)
    await queue.submit(job("1"), NOW)
    assert (await told(queue, mark))[0] == ["1"]


async def test_a_job_that_changed_several_times_is_told_once_as_it_is_now(queue: JobQueue) -> None:
    for id_ in "12":
        await queue.submit(job(id_, total=2), NOW)
    mark = await begun(queue)
    first, _ = await queue.claim("w", 2, LEASE, NOW)
    await queue.save(first, chunk(0), NOW)
    changes = await queue.changes(mark, 100)
    assert [(job.id, job.state, job.done) for job in changes.jobs] == [
        ("2", JobState.PROCESSING, 0), ("1", JobState.PROCESSING, 1),
    ]  # fmt: skip
    assert changes.jobs[1] == await queue.get("1")


async def test_every_kind_of_change_is_told(queue: JobQueue) -> None:
    seen: list[tuple[JobState, bool]] = []
    mark = await begun(queue)

    async def look() -> None:
        nonlocal mark
        changes = await queue.changes(mark, 100)
        mark = changes.mark
        seen.extend((job.state, job.cancelling) for job in changes.jobs)

    await queue.submit(job(), NOW)
    await look()
    claim = await one(queue)
    await look()
    await queue.give_back(claim, NOW)
    await look()
    await one(queue)
    await queue.release(["w"], NOW)
    await look()
    claim = await one(queue)
    await queue.cancel("1", NOW)
    await look()
    await queue.give_back(claim, NOW)
    await look()
    await queue.retry("1", NOW)
    await look()
    assert seen == [
        (JobState.PENDING, False), (JobState.PROCESSING, False), (JobState.PENDING, False), (JobState.PENDING, False),
        (JobState.PROCESSING, True), (JobState.CANCELLED, False), (JobState.PENDING, False),
    ]  # fmt: skip


async def test_a_heartbeat_is_no_change(queue: JobQueue) -> None:
    await queue.submit(job(), NOW)
    claim = await one(queue)
    mark = await begun(queue)
    await queue.heartbeat([claim], LEASE, NOW + 1)
    assert (await told(queue, mark))[0] == []


async def test_a_refused_write_is_no_change_and_hides_none(queue: JobQueue) -> None:
    await queue.submit(job("1"), NOW)
    mark = await begun(queue)
    ends = await asyncio.gather(
        queue.retry("none", NOW), queue.submit(job("2"), NOW), queue.cancel("none", NOW), queue.submit(job("3"), NOW),
        return_exceptions=True,
    )  # fmt: skip
    assert [type(end) for end in ends] == [JobNotFoundError, tuple, JobNotFoundError, tuple]
    ids, mark = await told(queue, mark)
    assert ids == ["2", "3"]
    await queue.cancel("1", NOW)
    assert (await told(queue, mark))[0] == ["1"]


async def test_who_goes_on_from_page_to_page_misses_nothing_of_what_changed_at_once(queue: JobQueue) -> None:
    mark = await begun(queue)
    await asyncio.gather(*(queue.submit(job(str(number)), NOW) for number in range(50)))
    seen: list[str] = []
    while (page := await queue.changes(mark, 7)).jobs:
        seen += [job.id for job in page.jobs]
        mark = page.mark
    assert len(seen) == 50
    assert set(seen) == {str(number) for number in range(50)}


async def test_marks_never_fall_when_the_job_that_changed_last_is_forgotten(queue: JobQueue) -> None:
    await queue.submit(job("1"), NOW)
    await queue.save(await one(queue), chunk(), NOW)
    mark = await begun(queue)
    await queue.purge(NOW + 1, NOW + 1)
    assert await told(queue, mark) == ([], mark)
    await queue.submit(job("2"), NOW)
    assert (await told(queue, mark))[0] == ["2"]


async def test_changes_of_two_processes_are_one_stream(tmp_path: Path) -> None:
    """Two queues on one file, each with its own connections and writer: what two processes have."""
    first, second = sql_queue(tmp_path), sql_queue(tmp_path)
    told_to_first: dict[str, Job] = {}
    mark, over = await begun(first), asyncio.Event()

    async def follow() -> None:
        nonlocal mark
        while True:
            last = over.is_set()
            changes = await first.changes(mark, 10)
            mark = changes.mark
            told_to_first.update((job.id, job) for job in changes.jobs)
            if last and not changes.jobs:
                return

    async def use(queue: JobQueue, name: str) -> None:
        for number in range(20):
            await queue.submit(job(f"{name}{number}"), NOW)
            await queue.cancel(f"{name}{number}", NOW)

    following = asyncio.create_task(follow())
    await asyncio.gather(use(first, "a"), use(second, "b"))
    over.set()
    await following
    assert len(told_to_first) == 40
    assert {job.state for job in told_to_first.values()} == {JobState.CANCELLED}
    await first.close()
    await second.close()
