"""Whose jobs go first where more wait than a worker takes: no model waits for another one's, no text behind files."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import pytest

from greenroom.jobs import worker
from greenroom.jobs.pace import CHUNKS_AHEAD, MAX_CHUNK_INPUTS
from greenroom.jobs.run import Run
from greenroom.jobs.seam import Claim, Job, JobState, NewJob
from greenroom.jobs.worker import LEASE_SECONDS, LOOK_SECONDS, MAX_JOBS, TURN_SECONDS, Worker, to_make_room
from greenroom.serving.greenroom import Greenroom
from greenroom.settings import load_settings
from greenroom.words import ModelSpec, Task
from tests.unit.jobs.shift import Shift

pytestmark = pytest.mark.anyio
FILE = ("a good day",) * (10 * MAX_CHUNK_INPUTS)


@pytest.fixture
def shift(tmp_path: Path) -> Shift:
    return Shift(tmp_path)


async def seconds_pass(shift: Shift, seconds: float) -> None:
    for _ in range(round(seconds / LOOK_SECONDS)):
        await shift.house.clock.advance(LOOK_SECONDS)


def with_another_model(shift: Shift, folder: Path) -> None:
    """`other`, ready at once."""
    house = shift.house
    (folder / "other").mkdir()
    (folder / "other" / "weights.bin").write_bytes(b"others")
    specs = (house.keeper.spec, ModelSpec("other", f"path:{folder / 'other'}", task=Task.CLASSIFY))
    house.greenroom = Greenroom(load_settings(data=folder / "two"), specs, house.engine, house.clock, house.fetcher)
    shift.worker = Worker(shift.queue, house.greenroom, house.clock, "w")
    house.engine.model("other").auto(0.0)


@pytest.mark.parametrize("jobs", [1, 2 * MAX_JOBS])
async def test_jobs_of_a_model_that_stands_still_hold_up_none_of_another_one(
    shift: Shift, tmp_path: Path, jobs: int
) -> None:
    with_another_model(shift, tmp_path)
    async with shift.ready():
        shift.house.model.gate.close()
        for number in range(jobs):
            await shift.submit(*FILE, id_=f"stands {number}")
        await shift.house.held(CHUNKS_AHEAD)
        await shift.queue.submit(NewJob("other", "other", 1, ("a good day",)), shift.now)
        await seconds_pass(shift, 1)
        assert (await shift.ended("other")).state is JobState.COMPLETED
        assert shift.house.model.held_calls == CHUNKS_AHEAD, "all that while"


async def test_a_backlog_of_one_model_does_not_hide_the_job_of_another_one(
    shift: Shift, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_another_model(shift, tmp_path)
    claim, claimed = shift.queue.claim, list[str]()

    async def slow(*arguments: Any) -> Any:
        if not claimed:
            await shift.queue.submit(NewJob("other", "other", 1, ("a good day",)), shift.now)
        (model,) = arguments[-1]
        claimed.append(model)
        await shift.house.clock.advance(LOOK_SECONDS)
        return await claim(*arguments)

    monkeypatch.setattr(worker, "MAX_JOBS", 1)
    async with shift.ready():
        async with asyncio.timeout(10):
            while not shift.house.greenroom.is_ready("other"):
                await shift.house.greenroom.board.changed()
        monkeypatch.setattr(shift.queue, "claim", slow)
        for number in range(20):
            await shift.submit("text", id_=f"text {number}")
        await asyncio.gather(*(shift.ended(f"text {number}") for number in range(20)))
        await shift.ended("other")
    assert claimed.index("other") <= 3


async def test_a_job_of_higher_priority_waits_for_no_more_than_what_is_with_the_model(shift: Shift) -> None:
    async with shift.ready():
        shift.house.model.gate.close()
        for number in range(MAX_JOBS):
            await shift.submit(*FILE, id_=f"file {number}")
        await shift.house.held(CHUNKS_AHEAD)
        await shift.submit("urgent", id_="urgent", priority=10)
        await seconds_pass(shift, 1)
        await shift.in_state(JobState.PROCESSING, "urgent")
        given_back = await shift.queue.page(0, 100, [JobState.PENDING])
        assert [(job.attempts, job.fault) for job in given_back.jobs] == [(0, None)]
        shift.house.model.gate.open()
        await shift.ended("urgent")
        assert sum(job.done for job in (await shift.queue.page(0, 100)).jobs) <= 2 * CHUNKS_AHEAD * MAX_CHUNK_INPUTS
        await asyncio.gather(*(shift.ended(f"file {number}") for number in range(MAX_JOBS)))
    assert (await shift.queue.page(0, 100, [JobState.COMPLETED])).total == MAX_JOBS + 1


async def test_a_text_waits_no_longer_than_one_of_the_files_before_it_has_its_turn(
    shift: Shift, monkeypatch: pytest.MonkeyPatch
) -> None:
    save = shift.queue.save

    async def slow(*arguments: Any) -> Any:
        await shift.house.clock.sleep(1)
        return await save(*arguments)

    monkeypatch.setattr(worker, "MAX_JOBS", 2)
    monkeypatch.setattr(shift.queue, "save", slow)
    async with shift.ready():
        for number in range(4):
            await shift.submit(*FILE, *FILE, *FILE, id_=f"file {number}")
        await shift.submit("text", id_="text")
        await seconds_pass(shift, 4 * TURN_SECONDS)
        assert (await shift.queue.get("text")).state is JobState.COMPLETED
        files = [await shift.queue.get(f"file {number}") for number in range(4)]
        assert [(file.state is JobState.COMPLETED, file.attempts, file.done > 0) for file in files] == [
            (False, 0, True)
        ] * 4
        await seconds_pass(shift, 120)
        assert (await shift.queue.page(0, 10, [JobState.COMPLETED])).total == 5


async def test_where_none_waits_nobody_makes_room(shift: Shift, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker, "MAX_JOBS", 1)
    async with shift.ready():
        shift.house.model.gate.close()
        await shift.submit(*FILE)
        await shift.house.held(CHUNKS_AHEAD)
        await seconds_pass(shift, 3 * TURN_SECONDS)
        assert (await shift.queue.get("1")).state is JobState.PROCESSING
        shift.house.model.gate.open()
        await shift.ended()


async def test_a_cancelled_job_that_waits_for_the_model_ends_at_the_next_heartbeat(shift: Shift) -> None:
    async with shift.ready():
        shift.house.model.gate.close()
        await shift.submit(*FILE, id_="before")
        await shift.submit(*FILE)
        await shift.in_state(JobState.PROCESSING)
        await shift.house.held(CHUNKS_AHEAD)
        await shift.queue.cancel("1", shift.now)
        await shift.house.clock.advance(LEASE_SECONDS / 3)
        assert (await shift.ended()).state is JobState.CANCELLED
        assert shift.house.model.held_calls == CHUNKS_AHEAD, "the other one's"


async def test_what_waits_for_the_model_is_given_back_at_once_when_the_worker_stops(shift: Shift) -> None:
    async with shift.ready():
        shift.house.model.gate.close()
        await shift.submit(*FILE, id_="before")
        await shift.submit(*FILE)
        await shift.in_state(JobState.PROCESSING)
        await shift.house.held(CHUNKS_AHEAD)
        shift.house.greenroom.stop_soon(60)
        stopping = asyncio.create_task(shift.worker.close())
        await shift.in_state(JobState.PENDING)
        assert not stopping.done(), "there are chunks with the model"
        shift.house.model.gate.open()
        await stopping
        assert (await shift.queue.get("before")).done == CHUNKS_AHEAD * MAX_CHUNK_INPUTS
        assert (await shift.queue.get("1")).done == 0


# who makes room


@dataclass
class Running:
    priority: int = 0
    chunks_saved: int = 0
    begun_at: float = 0.0
    is_with_model: bool = False
    is_stopping: bool = False

    @property
    def claim(self) -> Claim:
        return Claim(Job("1", "m", JobState.PROCESSING, 1, 0, 0, self.priority, 0.0), 1, 0.0)


def chosen(runs: list[Running], priority: int = 0, now: float = TURN_SECONDS) -> object:
    return to_make_room(cast("list[Run]", runs), priority, now)


def test_room_is_made_by_the_least_urgent_and_among_them_by_who_is_gone_at_once() -> None:
    at_model = Running(priority=1, is_with_model=True)
    older, younger = Running(priority=1), Running(priority=1)
    assert chosen([Running(priority=2), at_model, older, younger], 3) is older
    assert chosen([Running(priority=2), at_model], 3) is at_model
    assert chosen([Running(priority=3), Running(priority=1, is_stopping=True)], 3) is None


def test_an_equal_makes_room_once_it_has_had_its_turn_and_a_more_urgent_one_never() -> None:
    had = Running(chunks_saved=1)
    assert chosen([Running(), had]) is had
    assert chosen([had], now=TURN_SECONDS - 1) is None
    assert chosen([Running()], now=10 * TURN_SECONDS) is None
    assert chosen([Running(priority=1, chunks_saved=9)], now=10 * TURN_SECONDS) is None
