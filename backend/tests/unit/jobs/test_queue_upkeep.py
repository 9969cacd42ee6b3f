"""Results that are read, and jobs that are forgotten, a few at a time."""

from __future__ import annotations

from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from greenroom.errors import JobNotFoundError
from greenroom.jobs import sql_chunks
from greenroom.jobs.rules import KEY_SECONDS
from greenroom.jobs.seam import Chunk, JobFault, JobQueue, JobState
from greenroom.jobs.sql_queue import SqlQueue
from tests.unit.jobs.conftest import sql_queue
from tests.unit.jobs.queue_cases import LEASE, NOW, job, one

pytestmark = pytest.mark.anyio


@pytest.fixture(autouse=True)
def few_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sql_chunks, "PORTION", 2)
    monkeypatch.setattr(sql_chunks, "PAUSE_SECONDS", 0)
    monkeypatch.setattr(sql_chunks, "READ_BYTES", 100)


@pytest.fixture
async def on_file(tmp_path: Path) -> AsyncIterator[SqlQueue]:
    queue = sql_queue(tmp_path)
    yield queue
    await queue.close()


def row(number: int) -> dict[str, Any]:
    return {"label": f"{number:080d}"}


async def work_on(queue: JobQueue, total: int, done: int, id_: str = "1") -> None:
    """Submit a job, save so many of its chunks of one row each, and cancel what is left."""
    await queue.submit(job(id_, total), NOW)
    claim = await one(queue)
    for start in range(done):
        await queue.save(claim, Chunk(start, (row(start),), "1"), NOW)
    if done < total:
        await queue.give_back(claim, NOW)
        await queue.cancel(id_, NOW)


async def rows(queue: JobQueue, id_: str = "1") -> list[object]:
    return [row for chunk in [chunk async for chunk in queue.results(id_)] for row in chunk.rows]


async def test_results_are_read_as_far_as_they_are_taken(on_file: SqlQueue, monkeypatch: pytest.MonkeyPatch) -> None:
    read, some = list[int](), sql_chunks._some

    def counted(*arguments: Any, **named: Any) -> Any:
        chunks = some(*arguments, **named)
        read.append(len(chunks))
        return chunks

    monkeypatch.setattr(sql_chunks, "_some", counted)
    await work_on(on_file, 5, 5)
    reading = on_file.results("1")
    await anext(reading)
    assert read == [2], "the second row is the one with which they are more than 100 bytes"
    assert await rows(on_file) == [row(number) for number in range(5)]


async def test_results_of_a_job_that_is_forgotten_on_the_way_do_not_look_whole(queue: JobQueue) -> None:
    await work_on(queue, 5, 5)
    reading = queue.results("1")
    await anext(reading)
    await queue.purge(NOW + 1, NOW + 1)
    with pytest.raises(JobNotFoundError):
        _ = [chunk async for chunk in reading]


async def test_results_of_which_some_are_forgotten_do_not_look_whole(on_file: SqlQueue) -> None:
    await work_on(on_file, 5, 5)
    reading = on_file.results("1")
    await anext(reading)
    await on_file._write(partial(sql_chunks._forget_jobs, before=NOW + 1))
    assert (await on_file.get("1")).done == 3
    with pytest.raises(JobNotFoundError):
        _ = [chunk async for chunk in reading]


async def test_a_job_that_is_run_again_while_it_is_forgotten_has_all_its_results(on_file: SqlQueue) -> None:
    await work_on(on_file, 5, 4)
    await on_file._write(partial(sql_chunks._forget_jobs, before=NOW + 1))
    assert await rows(on_file) == [row(0), row(1)]
    await on_file.retry("1", NOW)
    claim = await one(on_file)
    assert claim.job.done == 2
    for start in range(2, 5):
        await on_file.save(claim, Chunk(start, (row(start),), "1"), NOW)
    await on_file.purge(NOW, NOW)
    assert (await on_file.get("1")).state is JobState.COMPLETED
    assert await rows(on_file) == [row(number) for number in range(5)]


async def test_forgetting_takes_as_many_turns_as_there_is_and_leaves_nothing(
    on_file: SqlQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    files, turns, forget = (
        [on_file._folder / f"{number}.jsonl" for number in range(3)],
        list[int](),
        sql_chunks._forget_jobs,
    )

    def counted(*arguments: Any, **named: Any) -> Any:
        turns.append(1)
        return forget(*arguments, **named)

    monkeypatch.setattr(sql_chunks, "_forget_jobs", counted)
    await work_on(on_file, 5, 5, "many")
    for file in files:
        await on_file.submit(job(file.stem, file=file), NOW)
        await on_file.cancel(file.stem, NOW)
    await on_file.submit(job("young"), NOW)
    assert sorted(await on_file.purge(NOW + 1, NOW + 1)) == files
    assert len(turns) >= 4
    assert [kept.id for kept in (await on_file.page(0, 10)).jobs] == ["young"]


async def test_a_key_lasts_no_longer_than_its_job(queue: JobQueue) -> None:
    await queue.submit(job("1", key="k", fingerprint="f"), NOW + LEASE)
    await queue.cancel("1", NOW)  # the clock was set back
    await queue.purge(NOW + 1, NOW + 1)
    assert await queue.submit(job("2", key="k", fingerprint="g"), NOW + 2) == (await queue.get("2"), True)


async def test_keys_of_yesterday_go_and_those_of_today_stay_whatever_happens_to_jobs(on_file: SqlQueue) -> None:
    for number in range(5):
        await on_file.submit(job(f"old{number}", key=f"old{number}"), NOW)
    await on_file.submit(job("new", key="new"), NOW + KEY_SECONDS)
    await on_file.purge(NOW - 1, NOW + KEY_SECONDS + 1)
    keys = await on_file._database.read(lambda session: session.execute(sql_chunks._KEYS.select()).scalars().all())
    assert keys == ["new"]


async def test_names_and_faults_fit_their_columns_in_any_database(on_file: SqlQueue) -> None:
    await on_file.submit(job("1"), NOW)
    await on_file.save(await one(on_file), Chunk(0, ({"label": "long\0" + "x" * 300, "score": 0.5},), "v" * 300), NOW)
    done = await on_file.get("1")
    assert (done.label, done.version) == ("long\ufffd" + "x" * 195, "v" * 200)
    await on_file.submit(job("2"), NOW)
    await on_file.fail(await one(on_file), JobFault("prediction-failed", "It is \0."), NOW)
    assert (await on_file.get("2")).fault == JobFault("prediction-failed", "It is \ufffd.")
