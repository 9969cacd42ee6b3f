"""What a worker makes of models that fail, and of its own faults."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from greenroom.clock import Clock
from greenroom.engine.seam import Vectors
from greenroom.errors import (
    DeadlineExceededError,
    JobsUnavailableError,
    OverloadedError,
    PredictionError,
    ShuttingDownError,
)  # fmt: skip
from greenroom.jobs import pace, run
from greenroom.jobs.lives import ended
from greenroom.jobs.pace import MAX_CHUNK_INPUTS
from greenroom.jobs.seam import MAX_ATTEMPTS, JobState
from greenroom.jobs.service import Jobs
from greenroom.jobs.worker import LEASE_SECONDS, SURPRISE_SECONDS
from greenroom.testing.scripted_host import ScriptedHost
from tests.unit.jobs.shift import Shift
from tests.unit.jobs.test_worker import MANY, broken

pytestmark = pytest.mark.anyio
POISON = "what the model breaks at"


@pytest.fixture
def shift(tmp_path: Path) -> Shift:
    return Shift(tmp_path)


def poisoned(monkeypatch: pytest.MonkeyPatch, clock: Clock | None = None, call_seconds: float = 0.0) -> list[int]:
    """Let the model fail at each call with that text; sizes of all calls."""
    calls, whole = list[int](), ScriptedHost.embed

    async def embed(self: ScriptedHost, texts: list[str], *arguments: Any, **named: Any) -> Vectors:
        calls.append(len(texts))
        if clock is not None and call_seconds:
            await clock.sleep(call_seconds)
        if POISON in texts:
            raise PredictionError("The model failed on this input.")
        return await whole(self, texts, *arguments, **named)

    monkeypatch.setattr(ScriptedHost, "embed", embed)
    return calls


def slow(monkeypatch: pytest.MonkeyPatch, clock: Clock, deadline_seconds: float) -> list[int]:
    """Let the model take a second for each text, one call after the other; sizes of the calls that met the deadline."""
    calls, whole, turn = list[int](), ScriptedHost.embed, asyncio.Lock()

    async def embed(self: ScriptedHost, texts: list[str], *arguments: Any, **named: Any) -> Vectors:
        begun = clock.monotonic()
        async with turn:
            await clock.sleep(len(texts))
        if clock.monotonic() - begun > deadline_seconds:
            raise DeadlineExceededError("Others went first.")
        calls.append(len(texts))
        return await whole(self, texts, *arguments, **named)

    monkeypatch.setattr(ScriptedHost, "embed", embed)
    return calls


def failed_rows(rows: list[object]) -> list[int]:
    return [index for index, row in enumerate(rows) if isinstance(row, dict) and "error" in row]


# models


async def test_a_model_that_is_busy_for_hours_uses_up_no_attempt(shift: Shift, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run, "MAX_REFUSALS", 3)
    calls = broken(monkeypatch, *[OverloadedError("Too much.", 5)] * 20)
    async with shift.ready():
        await shift.submit("text")
        await shift.house.advance_until(shift.over)
        job = await shift.ended()
    assert (job.state, job.attempts, len(calls)) == (JobState.COMPLETED, 0, 21)


async def test_chunks_that_are_not_done_within_their_deadline_use_up_no_attempt(
    shift: Shift, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken(monkeypatch, *[DeadlineExceededError("Others went first.")] * (2 * MAX_ATTEMPTS))
    async with shift.ready():
        await shift.submit("text")
        job = await shift.ended()
    assert (job.state, job.attempts) == (JobState.COMPLETED, 0)


async def test_a_job_whose_chunks_are_too_large_for_their_deadline_is_done_in_smaller_ones(
    shift: Shift, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = slow(monkeypatch, shift.house.clock, deadline_seconds=60)
    async with shift.ready():
        await shift.submit(*MANY[:200])
        await shift.house.advance_until(shift.over)
        job = await shift.ended()
    assert (job.state, job.attempts, sum(calls) >= 200) == (JobState.COMPLETED, 0, True)
    assert max(calls[-4:]) <= 4, "two seconds' worth, of several side by side"
    assert len(await shift.rows()) == 200


@pytest.mark.parametrize("where", [0, 100, len(MANY)])
async def test_a_text_at_which_the_model_fails_gets_its_error_and_the_others_their_results(
    shift: Shift, monkeypatch: pytest.MonkeyPatch, where: int
) -> None:
    poisoned(monkeypatch)
    async with shift.ready():
        await shift.submit(*MANY[:where], POISON, *MANY[where:])
        await shift.house.advance_until(shift.over)
        assert (await shift.ended()).state is JobState.COMPLETED
    rows = await shift.rows()
    assert (len(rows), failed_rows(rows)) == (len(MANY) + 1, [where])
    assert rows[where] == {"error": {"code": "prediction-failed", "message": "The model failed on this input."}}


async def test_a_model_that_fails_at_everything_is_not_asked_for_each_text_of_a_large_job(
    shift: Shift, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = poisoned(monkeypatch)
    async with shift.ready():
        await shift.submit(*[POISON] * (100 * MAX_CHUNK_INPUTS))
        await shift.house.advance_until(shift.over)
        job = await shift.ended()
    assert (job.state, job.fault and job.fault.code, job.done) == (JobState.FAILED, "prediction-failed", 0)
    assert len(calls) <= 4 * MAX_CHUNK_INPUTS * MAX_ATTEMPTS


@pytest.mark.parametrize("total", [20, 60, 128, 300, 2000])
@pytest.mark.parametrize("call_seconds", [0.0, 0.5])
async def test_a_model_that_fails_at_everything_gives_no_text_an_error_of_its_own_however_small_chunks_are(
    shift: Shift, monkeypatch: pytest.MonkeyPatch, total: int, call_seconds: float
) -> None:
    monkeypatch.setattr(pace, "FIRST_CHUNK_INPUTS", 16)
    calls = poisoned(monkeypatch, shift.house.clock, call_seconds)
    async with shift.ready():
        await shift.submit(*[POISON] * total)
        await shift.house.advance_until(shift.over)
        job = await shift.ended()
    assert (job.state, job.done, job.attempts) == (JobState.FAILED, 0, MAX_ATTEMPTS)
    assert len(calls) <= 4 * MAX_CHUNK_INPUTS * MAX_ATTEMPTS


async def test_what_a_model_that_is_down_refuses_does_not_count_as_done_quickly(
    shift: Shift, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with shift.ready():
        slow(monkeypatch, shift.house.clock, deadline_seconds=60)
        await shift.submit(*MANY[:40])
        await shift.house.advance_until(shift.over)
        calls = broken(monkeypatch, *[ShuttingDownError()] * 12)
        await shift.submit(*MANY[:40], id_="2")
        await shift.house.advance_until(lambda: shift.queue._rows["2"].job.is_terminal)
    assert (len(calls) > 12, max(calls) <= 4) == (True, True), "two seconds' worth"


async def test_a_job_of_which_no_text_succeeds_has_failed(shift: Shift, monkeypatch: pytest.MonkeyPatch) -> None:
    poisoned(monkeypatch)
    async with shift.ready():
        await shift.submit(*[POISON] * 3)
        await shift.house.advance_until(shift.over)
        job = await shift.ended()
    assert (job.state, job.attempts) == (JobState.FAILED, MAX_ATTEMPTS)


# the worker's own


async def test_a_worker_goes_on_after_a_fault_that_nobody_foresaw(
    shift: Shift, monkeypatch: pytest.MonkeyPatch
) -> None:
    claim, troubles, asked = (
        shift.queue.claim,
        [ValueError("a bug"), JobsUnavailableError("It is locked.")],
        list[int](),
    )

    async def once(*arguments: Any) -> Any:
        asked.append(1)
        if troubles:
            raise troubles.pop()
        return await claim(*arguments)

    monkeypatch.setattr(shift.queue, "claim", once)
    async with shift.ready():
        await shift.submit("text")
        await shift.house.advance_until(shift.over)
    assert len(asked) == 3, "not more often than its pauses allow"


async def test_a_worker_keeps_its_lease_after_a_heartbeat_that_broke(
    shift: Shift, monkeypatch: pytest.MonkeyPatch
) -> None:
    heartbeat, troubles = shift.queue.heartbeat, [ValueError("a bug")]

    async def once(*arguments: Any) -> Any:
        if troubles:
            raise troubles.pop()
        return await heartbeat(*arguments)

    async with shift.ready():
        shift.house.model.gate.close()
        monkeypatch.setattr(shift.queue, "heartbeat", once)
        await shift.submit("text")
        await shift.house.held(1)
        for _ in range(6):
            await shift.house.clock.advance(LEASE_SECONDS / 3)
        assert await shift.queue.claim("other", 1, LEASE_SECONDS, shift.now) == []
        shift.house.model.gate.open()
        assert (await shift.ended()).attempts == 0


async def test_a_claim_whose_answer_is_on_its_way_when_the_worker_ends_is_given_back(
    shift: Shift, monkeypatch: pytest.MonkeyPatch
) -> None:
    claim, claimed, way_back = shift.queue.claim, asyncio.Event(), asyncio.Event()

    async def slow(*arguments: Any) -> Any:
        await claim(*arguments)
        claimed.set()
        await way_back.wait()

    monkeypatch.setattr(shift.queue, "claim", slow)
    async with shift.ready():
        await shift.submit("text")
        await claimed.wait()
    job = await shift.queue.get("1")
    assert (job.state, job.attempts) == (JobState.PENDING, 0)


class At:
    """A server's jobs over the queue of a shift, one of them with the model."""

    def __init__(self, shift: Shift) -> None:
        self.shift = shift
        self.jobs = Jobs(shift.house.greenroom.settings, shift.house.greenroom, shift.house.clock, shift.queue)
        self.workers = self.jobs.folder / "workers"

    async def end_amid_a_job(self) -> None:
        async with self.shift.house.ready():
            self.shift.house.model.gate.close()
            async with self.jobs.running():
                await self.shift.submit("text")
                await self.shift.house.held(1)


@pytest.fixture
def at(shift: Shift, monkeypatch: pytest.MonkeyPatch) -> At:
    monkeypatch.setattr("greenroom.jobs.worker.DRAIN_SECONDS", 0.01)
    return At(shift)


async def test_a_worker_that_has_given_all_back_leaves_no_trace(at: At) -> None:
    await at.end_amid_a_job()
    assert (await at.shift.queue.get("1")).state is JobState.PENDING
    assert list(at.workers.iterdir()) == []


async def test_what_a_worker_cannot_give_back_is_found_by_its_successor(
    at: At, monkeypatch: pytest.MonkeyPatch
) -> None:
    release = at.shift.queue.release

    async def locked(*_: Any) -> int:
        raise JobsUnavailableError("It is locked.")

    monkeypatch.setattr(at.shift.queue, "release", locked)
    await at.end_amid_a_job()
    assert (await at.shift.queue.get("1")).state is JobState.PROCESSING
    assert await release(ended(at.workers), at.shift.now) == 1


async def test_a_worker_whose_folder_cannot_be_written_is_begun_again(at: At, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("greenroom.jobs.service.REOPEN_SECONDS", SURPRISE_SECONDS)
    at.workers.parent.mkdir(parents=True)
    at.workers.write_text("in the way")
    async with at.shift.house.ready(), at.jobs.running():
        await at.shift.submit("text")
        async with asyncio.timeout(10):
            while at.shift.house.clock.sleepers < 2:  # noqa: ASYNC110 - nothing tells
                await asyncio.sleep(0)
        at.workers.unlink()
        await at.shift.house.advance_until(at.shift.over)
