"""What every `JobQueue` promises. The fixture `queue` runs each of these tests on every queue there is."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from greenroom.errors import (
    IdempotencyConflictError,
    JobCancelledError,
    JobEndedError,
    JobNotEndedError,
    JobNotFoundError,
    LeaseLostError,
)  # fmt: skip
from greenroom.jobs.rules import KEY_SECONDS, PAUSES_SECONDS
from greenroom.jobs.seam import MAX_ATTEMPTS, BadLine, Chunk, Claim, JobFault, JobQueue, JobState, NewJob

pytestmark = pytest.mark.anyio
NOW = 1_800_000_000.0
LEASE = 10.0
FAULT = JobFault("prediction-failed", "It could not.")


def job(id_: str = "1", total: int = 1, **members: object) -> NewJob:
    return replace(NewJob(id_, "sentiment", total, tuple(f"text {n}" for n in range(total))), **members)  # type: ignore[arg-type]


def chunk(start: int = 0, rows: int = 1, version: str = "1") -> Chunk:
    return Chunk(start, tuple({"label": "positive", "score": 0.5 + n / 10} for n in range(rows)), version)


async def one(queue: JobQueue, now: float = NOW, worker: str = "w") -> Claim:
    (claim,) = await queue.claim(worker, 1, LEASE, now)
    return claim


async def chunks(queue: JobQueue, id_: str = "1") -> list[Chunk]:
    return [chunk async for chunk in queue.results(id_)]


# accepting


async def test_an_accepted_job_is_pending_and_can_be_looked_up(queue: JobQueue) -> None:
    accepted, is_new = await queue.submit(job(total=3, bad_lines=(BadLine(4, "empty"),), bad_line_count=7), NOW)
    assert is_new
    assert (accepted.state, accepted.total, accepted.done, accepted.created_at) == (JobState.PENDING, 3, 0, NOW)
    assert (accepted.bad_lines, accepted.bad_line_count) == ((BadLine(4, "empty"),), 7)
    assert await queue.get("1") == accepted


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
