"""What every `JobQueue` makes of a clock that is stepped by an hour: nothing is lost, nothing takes effect twice, and
nothing is stuck for longer than the rules say."""

from __future__ import annotations

import pytest

from greenroom.errors import LeaseLostError
from greenroom.jobs.rules import KEY_SECONDS, MAX_LEASE_SECONDS, PAUSES_SECONDS
from greenroom.jobs.seam import JobQueue, JobState
from tests.unit.jobs.queue_cases import FAULT, LEASE, NOW, chunk, chunks, job, one

pytestmark = pytest.mark.anyio
HOUR = 3600.0
BACK = NOW - HOUR


async def test_a_dead_workers_lease_from_before_the_clock_was_set_back_ends_after_one_lease(queue: JobQueue) -> None:
    await queue.submit(job(), NOW)
    await one(queue, worker="dead")
    assert "sentiment" in await queue.models_waiting(BACK), "or no idle worker would look"
    assert await queue.claim("w", 1, LEASE, BACK) == [], "it is cut, not taken: its worker may live"
    assert set(await queue.models_waiting(BACK)) == set()
    assert await queue.claim("w", 1, LEASE, BACK + LEASE - 1) == []
    again = await one(queue, BACK + LEASE)
    assert again.job.attempts == 1


async def test_a_lease_that_may_be_true_is_left_alone(queue: JobQueue) -> None:
    await queue.submit(job(), NOW)
    await one(queue)
    assert set(await queue.models_waiting(NOW + LEASE - MAX_LEASE_SECONDS)) == set()
    assert await queue.claim("w", 1, LEASE, NOW + LEASE - MAX_LEASE_SECONDS) == []
    assert await one(queue, NOW + LEASE)


async def test_a_worker_that_lives_keeps_its_job_when_the_clock_is_set_back(queue: JobQueue) -> None:
    await queue.submit(job(total=2), NOW)
    claim = await one(queue)
    assert await queue.claim("w", 1, LEASE, BACK) == []
    (held,) = await queue.heartbeat([claim], LEASE, BACK)
    assert held.lease_until == BACK + LEASE
    assert (await queue.save(held, chunk(0, 2), BACK + 1)).state is JobState.COMPLETED


async def test_a_clock_set_forward_lets_another_have_the_job_and_each_chunk_takes_effect_once(queue: JobQueue) -> None:
    await queue.submit(job(total=2), NOW)
    slow = await one(queue)
    await queue.save(slow, chunk(0, 1, "1"), NOW)
    other = await one(queue, NOW + HOUR, "other")
    with pytest.raises(LeaseLostError):
        await queue.save(slow, chunk(1, 1, "1"), NOW + HOUR)
    assert other.job.done == 1
    assert (await queue.save(other, chunk(1, 1, "2"), NOW + HOUR)).state is JobState.COMPLETED
    assert [part.version for part in await chunks(queue)] == ["1", "2"]


async def test_a_pause_before_the_next_try_is_over_when_the_clock_was_set_back(queue: JobQueue) -> None:
    await queue.submit(job(), NOW)
    await queue.give_back(await one(queue), NOW, FAULT)
    assert await queue.claim("w", 1, LEASE, NOW + PAUSES_SECONDS[0] / 2) == []
    assert "sentiment" in await queue.models_waiting(BACK)
    assert (await one(queue, BACK)).job.attempts == 1


async def test_a_key_names_its_job_however_the_clock_is_set(queue: JobQueue) -> None:
    first, _ = await queue.submit(job("1", key="k", fingerprint="f"), NOW)
    for number, now in enumerate((BACK, NOW + HOUR, BACK - KEY_SECONDS), start=2):
        again, is_new = await queue.submit(job(str(number), key="k", fingerprint="f"), now)
        assert (again.id, is_new) == (first.id, False)


async def test_what_ended_after_now_is_not_forgotten(queue: JobQueue) -> None:
    await queue.submit(job(), NOW)
    await queue.save(await one(queue), chunk(), NOW)
    await queue.purge(BACK, BACK)
    assert (await queue.page(0, 10)).total == 1


async def test_the_order_is_that_of_acceptance_whatever_the_clock_said(queue: JobQueue) -> None:
    for id_, now in (("1", NOW), ("2", BACK), ("3", NOW + HOUR), ("4", NOW)):
        await queue.submit(job(id_), now)
    assert [listed.id for listed in (await queue.page(0, 10)).jobs] == ["4", "3", "2", "1"]
    assert (await queue.counts()).oldest_pending_at == NOW
    assert [claim.job.id for claim in await queue.claim("w", 10, LEASE, NOW)] == ["1", "2", "3", "4"]


async def test_the_time_that_a_job_took_adds_up_by_clocks_that_do_not_jump(queue: JobQueue) -> None:
    await queue.submit(job(total=3), NOW)
    claim = await one(queue)
    assert (await queue.save(claim, chunk(0), NOW + HOUR, 2.0)).worked_seconds == 2.0
    assert (await queue.save(claim, chunk(1), BACK, 1.5)).worked_seconds == 3.5
    assert (await queue.get("1")).worked_seconds == 3.5
