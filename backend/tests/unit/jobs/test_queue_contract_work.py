"""What every `JobQueue` promises of chunks, cancelling, retrying and keeping; on every queue there is."""

from __future__ import annotations

import asyncio

import pytest

from greenroom.errors import JobCancelledError, JobEndedError, JobNotEndedError
from greenroom.jobs.rules import PAUSES_SECONDS
from greenroom.jobs.seam import MAX_ATTEMPTS, JobQueue, JobState
from tests.unit.jobs.queue_cases import FAULT, LEASE, NOW, chunk, chunks, job, one

pytestmark = pytest.mark.anyio


# working


async def test_each_chunk_is_kept_and_the_last_one_completes(queue: JobQueue) -> None:
    await queue.submit(job(total=3), NOW)
    claim = await one(queue)
    half = await queue.save(claim, chunk(0, 2, "1"), NOW + 1)
    assert (half.state, half.done, half.version) == (JobState.PROCESSING, 2, "1")
    whole = await queue.save(claim, chunk(2, 1, "2"), NOW + 2)
    assert (whole.state, whole.done, whole.finished_at, whole.version) == (JobState.COMPLETED, 3, NOW + 2, "2")
    assert await chunks(queue) == [chunk(0, 2, "1"), chunk(2, 1, "2")]


async def test_a_chunk_that_is_there_stays_as_it_was(queue: JobQueue) -> None:
    await queue.submit(job(total=2), NOW)
    await queue.save(await one(queue), chunk(0, 1, "1"), NOW)
    again = await one(queue, NOW + LEASE)
    assert again.job.done == 1, "it goes on where the other one died"
    await queue.save(again, chunk(0, 1, "2"), NOW + LEASE)
    assert await chunks(queue) == [chunk(0, 1, "1")]


async def test_a_single_result_stands_in_the_job_itself(queue: JobQueue) -> None:
    await queue.submit(job(), NOW)
    ended = await queue.save(await one(queue), chunk(), NOW)
    assert (ended.label, ended.score) == ("positive", 0.5)


async def test_progress_forgives_the_attempts_before_it(queue: JobQueue) -> None:
    await queue.submit(job(total=9), NOW)
    now = NOW
    for done in range(2 * MAX_ATTEMPTS):
        claim = await one(queue, now)
        await queue.save(claim, chunk(done), now)
        now += LEASE
    assert (await queue.get("1")).state is JobState.PROCESSING


async def test_a_failed_try_is_made_again_after_longer_and_longer_pauses(queue: JobQueue) -> None:
    await queue.submit(job(), NOW)
    now = NOW
    for attempt, pause in enumerate(PAUSES_SECONDS[: MAX_ATTEMPTS - 1], start=1):
        given_back = await queue.give_back(await one(queue, now), now, FAULT)
        assert (given_back.state, given_back.attempts, given_back.retry_at) == (JobState.PENDING, attempt, now + pause)
        assert await queue.claim("w", 1, LEASE, now + pause - 0.1) == []
        now += pause
    ended = await queue.give_back(await one(queue, now), now, FAULT)
    assert (ended.state, ended.fault) == (JobState.FAILED, FAULT)


async def test_a_job_given_back_without_a_fault_costs_no_attempt(queue: JobQueue) -> None:
    await queue.submit(job(), NOW)
    given_back = await queue.give_back(await one(queue), NOW)
    assert (given_back.state, given_back.attempts, given_back.retry_at) == (JobState.PENDING, 0, None)
    await one(queue)


async def test_a_job_given_back_to_the_end_stands_behind_those_that_wait_and_before_all_that_come_later(
    queue: JobQueue,
) -> None:
    await queue.submit(job("long", total=9), NOW)
    claim = await one(queue)
    for id_, priority in (("waits", 0), ("waits, too", 0), ("can wait", -1)):
        await queue.submit(job(id_, priority=priority), NOW)
    given_back = await queue.give_back(claim, NOW, to_the_end=True)
    assert (given_back.state, given_back.attempts, given_back.retry_at) == (JobState.PENDING, 0, None)
    for id_, priority in (("later", 0), ("urgent", 1)):
        await queue.submit(job(id_, priority=priority), NOW)
    claims = await queue.claim("w", 10, LEASE, NOW)
    assert [claim.job.id for claim in claims] == ["urgent", "waits", "waits, too", "long", "later", "can wait"]


async def test_a_job_keeps_its_turn_however_often_it_is_claimed(queue: JobQueue) -> None:
    for id_ in "123":
        await queue.submit(job(id_), NOW)
    await queue.give_back(await one(queue), NOW)
    await queue.give_back(await one(queue), NOW, FAULT)
    claims = await queue.claim("w", 10, LEASE, NOW + 60)
    assert [claim.job.id for claim in claims] == ["1", "2", "3"]


async def test_a_fault_that_no_try_mends_ends_a_job_at_once(queue: JobQueue) -> None:
    await queue.submit(job(), NOW)
    ended = await queue.fail(await one(queue), FAULT, NOW)
    assert (ended.state, ended.fault, ended.finished_at) == (JobState.FAILED, FAULT, NOW)


# cancelling and retrying


async def test_a_pending_job_is_cancelled_at_once(queue: JobQueue) -> None:
    await queue.submit(job(), NOW)
    assert (await queue.cancel("1", NOW)).state is JobState.CANCELLED
    assert await queue.claim("w", 1, LEASE, NOW) == []
    with pytest.raises(JobEndedError):
        await queue.cancel("1", NOW)


async def test_a_running_job_is_cancelled_at_its_next_chunk_and_its_worker_hears_of_it(queue: JobQueue) -> None:
    await queue.submit(job(total=2), NOW)
    claim = await one(queue)
    await queue.save(claim, chunk(0), NOW)
    asked = await queue.cancel("1", NOW)
    assert (asked.state, asked.cancelling) == (JobState.PROCESSING, True)
    (held,) = await queue.heartbeat([claim], LEASE, NOW)
    assert held.job.cancelling
    with pytest.raises(JobCancelledError):
        await queue.save(claim, chunk(1), NOW)
    assert (await queue.get("1")).state is JobState.CANCELLED
    assert await chunks(queue) == [chunk(0)], "what was done before is kept"


async def test_a_running_job_that_is_cancelled_ends_when_it_is_given_back_or_its_worker_is_dead(
    queue: JobQueue,
) -> None:
    for id_ in "12":
        await queue.submit(job(id_), NOW)
    first, _second = await queue.claim("w", 2, LEASE, NOW)
    for id_ in "12":
        await queue.cancel(id_, NOW)
    assert (await queue.give_back(first, NOW)).state is JobState.CANCELLED
    assert await queue.claim("w", 2, LEASE, NOW + LEASE) == []
    assert (await queue.get("2")).state is JobState.CANCELLED


async def test_a_retried_job_goes_on_where_it_ended(queue: JobQueue) -> None:
    await queue.submit(job(total=2), NOW)
    claim = await one(queue)
    await queue.save(claim, chunk(0), NOW)
    with pytest.raises(JobNotEndedError):
        await queue.retry("1", NOW)
    await queue.fail(claim, FAULT, NOW)
    retried = await queue.retry("1", NOW)
    assert (retried.state, retried.attempts, retried.fault, retried.finished_at) == (JobState.PENDING, 0, None, None)
    assert (await one(queue)).job.done == 1


async def test_a_completed_job_is_not_run_again(queue: JobQueue) -> None:
    await queue.submit(job(), NOW)
    await queue.save(await one(queue), chunk(), NOW)
    with pytest.raises(JobNotEndedError):
        await queue.retry("1", NOW)


# keeping


async def test_jobs_that_ended_long_ago_are_forgotten_with_their_results(queue: JobQueue) -> None:
    for id_ in "12":
        await queue.submit(job(id_), NOW)
    (first, _) = await queue.claim("w", 2, LEASE, NOW)
    await queue.save(first, chunk(), NOW)
    await queue.purge(NOW, NOW)
    assert (await queue.page(0, 10)).total == 2
    await queue.purge(NOW + 1, NOW + 1)
    assert [kept.id for kept in (await queue.page(0, 10)).jobs] == ["2"]


async def test_a_list_of_jobs_is_complete_without_what_they_are_to_read(queue: JobQueue) -> None:
    await queue.submit(job(total=500), NOW)
    (listed,) = (await queue.page(0, 10)).jobs
    assert listed == await queue.get("1")
    inputs, file = await queue.inputs("1")
    assert (len(inputs), file) == (500, None)


async def test_of_many_ids_those_of_jobs_are_known(queue: JobQueue) -> None:
    for id_ in "12":
        await queue.submit(job(id_), NOW)
    asked = [str(number) for number in range(1200)]
    assert set(await queue.known(asked)) == {"1", "2"}
    assert set(await queue.known([])) == set()


async def test_jobs_are_counted_by_state(queue: JobQueue) -> None:
    assert (await queue.counts()).oldest_pending_at is None
    for id_ in "12":
        await queue.submit(job(id_), NOW + int(id_))
    await queue.cancel("2", NOW)
    counts = await queue.counts()
    assert (counts.by_state[JobState.PENDING], counts.by_state[JobState.CANCELLED]) == (1, 1)
    assert counts.oldest_pending_at == NOW + 1


async def test_who_waits_for_a_change_is_woken_by_it(queue: JobQueue) -> None:
    seen = await queue.changed(-1)
    waiting = asyncio.ensure_future(queue.changed(seen))
    await asyncio.sleep(0)
    assert not waiting.done()
    await queue.submit(job(), NOW)
    async with asyncio.timeout(5):
        assert await waiting > seen
