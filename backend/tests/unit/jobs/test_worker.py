"""What becomes of a job once a worker runs."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
import structlog

from greenroom.engine.seam import Vectors
from greenroom.errors import JobsUnavailableError, OverloadedError, PredictionError
from greenroom.jobs import worker
from greenroom.jobs.pace import CHUNKS_AHEAD, MAX_CHUNK_INPUTS
from greenroom.jobs.seam import MAX_ATTEMPTS, Chunk, JobState
from greenroom.jobs.worker import LEASE_SECONDS, LOOK_SECONDS
from greenroom.testing.scripted_host import ScriptedHost
from tests.unit.jobs.shift import Shift

pytestmark = pytest.mark.anyio
MANY = tuple(f"good text {number}" for number in range((CHUNKS_AHEAD + 1) * MAX_CHUNK_INPUTS))


@pytest.fixture
def shift(tmp_path: Path) -> Shift:
    return Shift(tmp_path)


def broken(monkeypatch: pytest.MonkeyPatch, *errors: Exception) -> list[int]:
    """Let the host's next calls end with these errors; sizes of all calls from now on."""
    left, calls, whole = list(errors), [], ScriptedHost.embed

    async def embed(self: ScriptedHost, texts: list[str], *arguments: Any, **named: Any) -> Vectors:
        calls.append(len(texts))
        if left:
            raise left.pop(0)
        return await whole(self, texts, *arguments, **named)

    monkeypatch.setattr(ScriptedHost, "embed", embed)
    return calls


async def test_a_job_waits_for_its_model_and_is_done_as_soon_as_that_is_ready(shift: Shift) -> None:
    async with shift.begun():
        await shift.submit("a good day")
        await shift.house.wakes_within(0.5)
        assert (await shift.queue.get("1")).state is JobState.PENDING
        shift.house.model.become_ready()
        job = await shift.ended()
    assert (job.state, job.attempts, job.label) == (JobState.COMPLETED, 0, "positive")


async def test_a_job_is_done_in_chunks_and_has_a_row_for_each_input_in_order(shift: Shift) -> None:
    async with shift.ready():
        await shift.submit(*MANY)
        assert (await shift.ended()).state is JobState.COMPLETED
    chunks, rows = await shift.chunks(), await shift.rows()
    assert [chunk.start for chunk in chunks] == list(range(0, len(MANY), MAX_CHUNK_INPUTS))
    assert len(rows) == len(MANY)
    assert isinstance(rows[0], dict)
    assert set(rows[0]) == {"label", "score", "scores"}


async def test_a_text_that_was_cut_says_so_in_its_row(shift: Shift) -> None:
    async with shift.ready():
        await shift.submit("short", "word " * 300)
        await shift.ended()
    assert [row.get("truncated") for row in await shift.rows() if isinstance(row, dict)] == [None, True]


async def test_an_input_that_the_model_does_not_take_gets_its_error_and_the_others_their_results(shift: Shift) -> None:
    async with shift.ready():
        await shift.submit(*MANY[:7], {"no": "text"}, *MANY[:20])
        assert (await shift.ended()).state is JobState.COMPLETED
    rows = await shift.rows()
    assert [index for index, row in enumerate(rows) if isinstance(row, dict) and "error" in row] == [7]
    assert rows[7] == {"error": {"code": "invalid-input", "message": "the model reads texts, not rows"}}


async def test_a_model_that_fails_is_asked_again_later_and_in_the_end_the_job_has_failed_with_its_words(
    shift: Shift, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = broken(monkeypatch, *[PredictionError("The model broke.")] * MAX_ATTEMPTS)
    async with shift.ready():
        await shift.submit("text")
        await shift.until(lambda job: job.attempts == 1)
        await shift.house.advance_until(shift.over)
        job = await shift.ended()
    assert (job.state, job.fault and job.fault.code, len(calls)) == (JobState.FAILED, "prediction-failed", MAX_ATTEMPTS)


async def test_a_model_that_has_too_much_to_do_is_asked_again_and_no_attempt_is_used_up(
    shift: Shift, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken(monkeypatch, OverloadedError("Too much.", 3))
    async with shift.ready():
        await shift.submit("text")
        await shift.in_state(JobState.PROCESSING)
        await shift.house.advance_until(shift.over)
        job = await shift.ended()
    assert (job.state, job.attempts) == (JobState.COMPLETED, 0)


async def test_a_job_for_a_model_that_only_another_process_knows_is_left_to_that_one(shift: Shift) -> None:
    with structlog.testing.capture_logs() as said:
        async with shift.ready():
            await shift.submit("text", model="elsewhere")
            for number in range(5):
                await shift.submit("text", id_=f"own {number}")
                await shift.ended(f"own {number}")
                await shift.house.clock.advance(LOOK_SECONDS)
    job = await shift.queue.get("1")
    assert (job.state, job.fault) == (JobState.PENDING, None)
    assert [line["model"] for line in said if line["event"] == "jobs_of_unknown_model"] == ["elsewhere"]


async def test_a_job_goes_on_at_the_first_chunk_that_is_missing(shift: Shift, monkeypatch: pytest.MonkeyPatch) -> None:
    await shift.submit(*MANY)
    (claim,) = await shift.queue.claim("dead", 1, LEASE_SECONDS, shift.now)
    done = Chunk(0, tuple({"label": "from before"} for _ in range(MAX_CHUNK_INPUTS)), "1")
    await shift.queue.save(claim, done, shift.now)
    await shift.queue.release(["dead"], shift.now)
    calls = broken(monkeypatch)
    async with shift.ready():
        await shift.ended()
    assert calls == [MAX_CHUNK_INPUTS] * CHUNKS_AHEAD
    assert (await shift.chunks())[0] == done


async def test_the_inputs_of_a_file_are_read_from_where_the_job_stands(shift: Shift, tmp_path: Path) -> None:
    texts = ["a good day"] * MAX_CHUNK_INPUTS + ["a bad day"] * MAX_CHUNK_INPUTS
    file = tmp_path / "inputs.jsonl"
    file.write_text("".join(json.dumps(text) + "\n" for text in texts))
    await shift.submit(file=file, total=len(texts))
    (claim,) = await shift.queue.claim("dead", 1, LEASE_SECONDS, shift.now)
    await shift.queue.save(claim, Chunk(0, ({"label": "from before"},) * MAX_CHUNK_INPUTS, "1"), shift.now)
    await shift.queue.release(["dead"], shift.now)
    async with shift.ready():
        await shift.ended()
    labels = [row["label"] for row in await shift.rows() if isinstance(row, dict)]
    assert labels == ["from before"] * MAX_CHUNK_INPUTS + ["negative"] * MAX_CHUNK_INPUTS


async def test_a_job_whose_file_is_gone_has_failed(shift: Shift, tmp_path: Path) -> None:
    async with shift.ready():
        await shift.submit(file=tmp_path / "gone.jsonl", total=3)
        job = await shift.ended()
    assert (job.state, job.fault and job.fault.code) == (JobState.FAILED, "job-inputs-gone")


async def test_a_worker_that_stops_finishes_its_chunks_and_gives_the_rest_back(shift: Shift) -> None:
    async with shift.ready():
        shift.house.model.gate.close()
        await shift.submit(*MANY)
        await shift.house.held(CHUNKS_AHEAD)
        stopping = asyncio.create_task(shift.worker.close())
        await asyncio.sleep(0)
        shift.house.greenroom.stop_soon(5)
        shift.house.model.gate.open()
        job = await shift.in_state(JobState.PENDING)
        await stopping
    assert (job.done, job.attempts, job.fault) == (CHUNKS_AHEAD * MAX_CHUNK_INPUTS, 0, None)


async def test_a_worker_that_stops_does_not_wait_for_ever(shift: Shift, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker, "DRAIN_SECONDS", 0.01)
    async with shift.ready():
        shift.house.model.gate.close()
        await shift.submit(*MANY)
        await shift.house.held(CHUNKS_AHEAD)
        shift.house.greenroom.stop_soon(60)
        await shift.worker.close()
        job = await shift.queue.get("1")
    assert (job.state, job.done, job.attempts) == (JobState.PENDING, 0, 0)


async def test_a_worker_that_lost_its_lease_drops_the_job_at_its_next_heartbeat(shift: Shift) -> None:
    async with shift.ready():
        shift.house.model.gate.close()
        await shift.submit("text")
        await shift.house.held(1)
        await shift.queue.release(["w"], shift.now)
        await shift.queue.claim("other", 1, LEASE_SECONDS, shift.now)
        await shift.house.clock.advance(LEASE_SECONDS / 3)
        await shift.house.held(0)
    assert (await shift.queue.get("1")).state is JobState.PROCESSING
    assert await shift.chunks() == []
    assert shift.house.greenroom.metrics.job_leases_lost == 1


async def test_a_worker_that_works_keeps_its_lease_for_as_long_as_it_takes(shift: Shift) -> None:
    async with shift.ready():
        shift.house.model.gate.close()
        await shift.submit("text")
        await shift.house.held(1)
        for _ in range(12):
            await shift.house.clock.advance(LEASE_SECONDS / 3)
        assert await shift.queue.claim("other", 1, LEASE_SECONDS, shift.now) == []
        shift.house.model.gate.open()
        assert (await shift.ended()).attempts == 0


async def test_a_clock_set_forward_while_a_claim_is_on_its_way_takes_nothing_from_who_claimed(
    shift: Shift, monkeypatch: pytest.MonkeyPatch
) -> None:
    claim, claimed, way_back = shift.queue.claim, asyncio.Event(), asyncio.Event()

    async def slow(*arguments: Any) -> Any:
        claims = await claim(*arguments)
        claimed.set()
        await way_back.wait()
        return claims

    async with shift.ready():
        shift.house.model.gate.close()
        monkeypatch.setattr(shift.queue, "claim", slow)
        await shift.submit("text")
        await claimed.wait()
        shift.house.clock.step(3600)
        await shift.house.clock.advance(LEASE_SECONDS / 3)
        way_back.set()
        await shift.house.held(1)
        await shift.submit("another", id_="2")
        await shift.in_state(JobState.PROCESSING, "2")
        assert (await shift.queue.get("1")).attempts == 0
        shift.house.model.gate.open()
        assert (await shift.ended()).attempts == 0
    assert shift.house.greenroom.metrics.job_leases_lost == 0


async def test_a_clock_set_forward_between_a_look_and_a_claim_takes_nothing_from_who_claims(
    shift: Shift, monkeypatch: pytest.MonkeyPatch
) -> None:
    look = shift.queue.models_waiting

    async def slow(now: float) -> Any:
        shift.house.clock.step(3600)
        return await look(now)

    async with shift.ready():
        shift.house.model.gate.close()
        await shift.submit("text")
        await shift.house.held(1)
        monkeypatch.setattr(shift.queue, "models_waiting", slow)
        await shift.submit("another", id_="2")
        await shift.in_state(JobState.PROCESSING, "2")
        shift.house.model.gate.open()
        assert ((await shift.ended()).attempts, (await shift.ended("2")).attempts) == (0, 0)
    assert shift.house.greenroom.metrics.job_leases_lost == 0


async def test_a_running_job_that_is_cancelled_ends_with_its_chunk(shift: Shift) -> None:
    async with shift.ready():
        shift.house.model.gate.close()
        await shift.submit(*MANY)
        await shift.house.held(CHUNKS_AHEAD)
        await shift.queue.cancel("1", shift.now)
        shift.house.model.gate.open()
        assert (await shift.ended()).state is JobState.CANCELLED
    assert await shift.chunks() == []


async def test_what_is_computed_is_saved_once_the_database_can_be_written_again(
    shift: Shift, monkeypatch: pytest.MonkeyPatch
) -> None:
    save, refused = shift.queue.save, asyncio.Event()

    async def once(*arguments: Any) -> Any:
        if not refused.is_set():
            refused.set()
            raise JobsUnavailableError("The disk is full.")
        return await save(*arguments)

    calls = broken(monkeypatch)
    monkeypatch.setattr(shift.queue, "save", once)
    async with shift.ready():
        await shift.submit("text")
        await refused.wait()
        await shift.house.advance_until(shift.over)
        job = await shift.ended()
    assert (job.state, job.attempts, calls) == (JobState.COMPLETED, 0, [1])


async def test_a_jobs_inputs_let_other_calls_go_first_and_are_not_counted_among_them(
    shift: Shift, monkeypatch: pytest.MonkeyPatch
) -> None:
    told, whole = [], ScriptedHost.embed

    async def embed(
        self: ScriptedHost, texts: list[str], deadline_seconds: float | None, background: bool = False
    ) -> Vectors:
        told.append(background)
        return await whole(self, texts, deadline_seconds, background)

    monkeypatch.setattr(ScriptedHost, "embed", embed)
    async with shift.ready():
        await shift.submit("text")
        await shift.ended()
        await shift.house.greenroom.predict("minilm", ["text"])
    assert told == [True, False]
    assert sum(shift.house.greenroom.metrics.calls.values()) == 1
