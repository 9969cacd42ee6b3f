"""What every `JobQueue` promises of accepting, claiming and leases; the rest stands in `test_queue_contract_work.py`.
The fixture `queue` runs each of these tests on every queue there is."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from greenroom.errors import (
    IdempotencyConflictError,
    JobNotFoundError,
    LeaseLostError,
)  # fmt: skip
from greenroom.jobs.rules import KEY_SECONDS, PAUSES_SECONDS
from greenroom.jobs.seam import MAX_ATTEMPTS, BadLine, JobQueue, JobState
from tests.unit.jobs.queue_cases import FAULT, LEASE, NOW, chunk, chunks, job, one

pytestmark = pytest.mark.anyio


# accepting


async def test_an_accepted_job_is_pending_and_can_be_looked_up(queue: JobQueue) -> None:
    accepted, is_new = await queue.submit(job(total=3, bad_lines=(BadLine(4, "empty"),), bad_line_count=7), NOW)
    assert is_new
    assert (accepted.state, accepted.total, accepted.done, accepted.created_at) == (JobState.PENDING, 3, 0, NOW)
    assert (accepted.bad_lines, accepted.bad_line_count) == ((BadLine(4, "empty"),), 7)
    assert await queue.get("1") == accepted


async def test_a_name_is_kept_and_one_that_no_database_takes_loses_no_job(queue: JobQueue) -> None:
    await queue.submit(job("1", name="Bewertungen, März 🙂.csv"), NOW)
    await queue.submit(job("2", name="a\0\ud800" + "x" * 300), NOW)
    await queue.submit(job("3"), NOW)
    claimed = await queue.claim("w", 10, LEASE, NOW)
    assert [claim.job.name for claim in claimed][::2] == ["Bewertungen, März 🙂.csv", None]
    assert [job.name for job in (await queue.page(0, 10)).jobs][::2] == [None, "Bewertungen, März 🙂.csv"]


async def test_a_job_that_never_was_is_not_found(queue: JobQueue) -> None:
    with pytest.raises(JobNotFoundError):
        await queue.get("1")
    with pytest.raises(JobNotFoundError):
        await queue.cancel("1", NOW)
    with pytest.raises(JobNotFoundError):
        await queue.retry("1", NOW)
    with pytest.raises(JobNotFoundError):
        await chunks(queue)
    with pytest.raises(JobNotFoundError):
        await queue.inputs("1")


async def test_what_was_sent_can_be_read_again(queue: JobQueue, tmp_path: Path) -> None:
    await queue.submit(job("1", total=2), NOW)
    await queue.submit(job("2", total=1, inputs=({"stars": 5},)), NOW)
    await queue.submit(job("3", inputs=(), file=tmp_path / "3.jsonl"), NOW)
    assert [await queue.inputs(id_) for id_ in "123"] == [
        (("text 0", "text 1"), None), (({"stars": 5},), None), ((), tmp_path / "3.jsonl"),
    ]  # fmt: skip


async def test_the_same_key_and_request_is_the_same_job_for_a_day(queue: JobQueue) -> None:
    first, _ = await queue.submit(job("1", key="k", fingerprint="f"), NOW)
    again, is_new = await queue.submit(job("2", key="k", fingerprint="f"), NOW + KEY_SECONDS - 1)
    assert (again, is_new) == (first, False)
    later, is_new = await queue.submit(job("3", key="k", fingerprint="f"), NOW + KEY_SECONDS)
    assert (later.id, is_new) == ("3", True)


async def test_the_same_key_for_another_request_is_refused(queue: JobQueue) -> None:
    await queue.submit(job("1", key="k", fingerprint="f"), NOW)
    with pytest.raises(IdempotencyConflictError):
        await queue.submit(job("2", key="k", fingerprint="g"), NOW)
    assert (await queue.page(0, 10)).total == 1


async def test_the_same_key_at_the_same_moment_makes_one_job(queue: JobQueue) -> None:
    given = await asyncio.gather(*(queue.submit(job(str(n), key="k", fingerprint="f"), NOW) for n in range(20)))
    assert len({accepted.id for accepted, _ in given}) == 1
    assert sum(is_new for _, is_new in given) == 1


async def test_pages_are_newest_first_and_count_all(queue: JobQueue) -> None:
    for number in range(5):
        await queue.submit(job(str(number)), NOW + number)
    page = await queue.page(1, 2)
    assert ([job.id for job in page.jobs], page.total) == (["3", "2"], 5)
    await queue.cancel("3", NOW)
    page = await queue.page(0, 10, [JobState.CANCELLED])
    assert ([job.id for job in page.jobs], page.total) == (["3"], 1)


# claiming


async def test_a_claim_holds_the_inputs_and_nobody_else_gets_the_job(queue: JobQueue) -> None:
    await queue.submit(job(total=2), NOW)
    claim = await one(queue)
    assert (claim.inputs, claim.job.state, claim.job.started_at) == (("text 0", "text 1"), JobState.PROCESSING, NOW)
    assert await queue.claim("other", 1, LEASE, NOW) == []


async def test_higher_priority_goes_first_and_among_equals_the_older(queue: JobQueue) -> None:
    for id_, priority in (("1", 0), ("2", 5), ("3", 0), ("4", 5)):
        await queue.submit(job(id_, priority=priority), NOW)
    claims = await queue.claim("w", 10, LEASE, NOW)
    assert [claim.job.id for claim in claims] == ["2", "4", "1", "3"]


async def test_a_batch_is_no_larger_than_asked_for(queue: JobQueue) -> None:
    for number in range(5):
        await queue.submit(job(str(number)), NOW)
    assert len(await queue.claim("w", 3, LEASE, NOW)) == 3
    assert len(await queue.claim("w", 3, LEASE, NOW)) == 2


async def test_many_workers_at_once_never_get_the_same_job(queue: JobQueue) -> None:
    for number in range(40):
        await queue.submit(job(str(number)), NOW)
    claimed = await asyncio.gather(*(queue.claim(f"w{n}", 7, LEASE, NOW) for n in range(10)))
    ids = [claim.job.id for claims in claimed for claim in claims]
    assert sorted(ids) == sorted({str(number) for number in range(40)})


async def test_jobs_of_other_models_stay_where_they_are(queue: JobQueue) -> None:
    await queue.submit(job("1", priority=9, model="loads"), NOW)
    await queue.submit(job("2", model="ready"), NOW)
    assert set(await queue.models_waiting(NOW)) == {"loads", "ready"}
    (claim,) = await queue.claim("w", 10, LEASE, NOW, models=("ready",))
    assert claim.job.id == "2"
    assert set(await queue.models_waiting(NOW)) == {"loads"}
    assert (await queue.get("1")).state is JobState.PENDING


async def test_a_model_that_is_waited_for_is_told_with_the_highest_priority_that_waits(queue: JobQueue) -> None:
    for id_, model, priority in (("1", "a", 2), ("2", "a", 7), ("3", "a", 0), ("4", "b", -3)):
        await queue.submit(job(id_, model=model, priority=priority), NOW)
    assert await queue.models_waiting(NOW) == {"a": 7, "b": -3}
    (claim,) = await queue.claim("w", 1, LEASE, NOW, models=("a",))
    assert await queue.models_waiting(NOW) == {"a": 2, "b": -3}
    assert await queue.models_waiting(NOW + LEASE) == {"a": 7, "b": -3}
    await queue.give_back(claim, NOW, FAULT)
    assert await queue.models_waiting(NOW) == {"a": 2, "b": -3}


async def test_a_model_waits_for_nothing_while_its_job_may_not_be_tried_again_yet(queue: JobQueue) -> None:
    await queue.submit(job(), NOW)
    await queue.give_back(await one(queue), NOW, FAULT)
    assert set(await queue.models_waiting(NOW)) == set()
    assert set(await queue.models_waiting(NOW + PAUSES_SECONDS[0])) == {"sentiment"}


# leases


async def test_the_jobs_of_a_worker_that_is_gone_are_free_at_once_and_no_attempt_is_used_up(queue: JobQueue) -> None:
    for id_ in "123":
        await queue.submit(job(id_), NOW)
    (lost,) = await queue.claim("gone", 1, LEASE, NOW)
    (stopped,) = await queue.claim("gone", 1, LEASE, NOW)
    (kept,) = await queue.claim("lives", 1, LEASE, NOW)
    await queue.cancel(stopped.job.id, NOW)
    assert await queue.release(["gone", "unknown"], NOW) == 2
    (again,) = await queue.claim("w", 10, LEASE, NOW)
    assert (again.job.id, again.job.attempts) == (lost.job.id, 0)
    assert (await queue.get(stopped.job.id)).state is JobState.CANCELLED
    assert len(await queue.heartbeat([lost, kept], LEASE, NOW)) == 1
    with pytest.raises(LeaseLostError):
        await queue.save(lost, chunk(), NOW)


async def test_a_lease_that_runs_out_is_claimed_again_and_its_worker_can_write_nothing(queue: JobQueue) -> None:
    await queue.submit(job(), NOW)
    lost = await one(queue, worker="sleeper")
    assert await queue.claim("w", 1, LEASE, NOW + LEASE - 1) == []
    held = await one(queue, NOW + LEASE)
    assert held.fence > lost.fence
    assert held.job.attempts == 1
    late = NOW + LEASE
    for write in (queue.save(lost, chunk(), late), queue.give_back(lost, late), queue.fail(lost, FAULT, late)):
        with pytest.raises(LeaseLostError):
            await write
    assert await queue.heartbeat([lost], LEASE, NOW + LEASE) == []
    assert await chunks(queue) == []
    assert (await queue.save(held, chunk(), NOW + LEASE)).state is JobState.COMPLETED


async def test_a_heartbeat_holds_a_job_for_a_whole_lease_from_now(queue: JobQueue) -> None:
    await queue.submit(job(), NOW)
    claim = await one(queue)
    (held,) = await queue.heartbeat([claim], LEASE, NOW + 9)
    assert held.lease_until == NOW + 19
    assert await queue.claim("w", 1, LEASE, NOW + 18) == []
    assert await one(queue, NOW + 19)


async def test_a_worker_that_woke_late_but_first_keeps_its_job(queue: JobQueue) -> None:
    await queue.submit(job(), NOW)
    claim = await one(queue)
    assert (await queue.save(claim, chunk(), NOW + 3600)).state is JobState.COMPLETED


async def test_a_job_whose_workers_die_each_time_has_failed_with_the_reason(queue: JobQueue) -> None:
    await queue.submit(job(), NOW)
    now = NOW
    for _ in range(MAX_ATTEMPTS):
        await one(queue, now)
        now += LEASE
    assert await queue.claim("w", 1, LEASE, now) == []
    ended = await queue.get("1")
    assert (ended.state, ended.attempts) == (JobState.FAILED, MAX_ATTEMPTS)
    assert ended.fault is not None
    assert ended.fault.code == "lease-lost"
