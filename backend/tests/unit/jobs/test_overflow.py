"""Inputs that are too long for a row of the database lie in a file, and are read when their turn has come."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from greenroom.errors import IdempotencyConflictError, JobsUnavailableError
from greenroom.jobs import reading
from greenroom.jobs.overflow import MAX_ROW_BYTES
from greenroom.jobs.pace import CHUNKS_AHEAD, MAX_CHUNK_INPUTS
from greenroom.jobs.seam import JobState
from tests.unit.jobs.shift import Shift
from tests.unit.jobs.test_service import MODEL, Desk

pytestmark = pytest.mark.anyio
TEXTS = tuple(f"good text {number} " + "and so on " * 50 for number in range(3 * MAX_CHUNK_INPUTS))
FEW = ("good text", "bad text")


def files(desk: Desk) -> list[Path]:
    return [path for path in (desk.data / "jobs").iterdir() if path.is_file()]


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path, worker="off")


async def test_a_claim_carries_short_inputs_and_for_long_ones_their_file(desk: Desk) -> None:
    assert sum(map(len, TEXTS)) > MAX_ROW_BYTES
    async with desk.open() as jobs:
        queue = await jobs.queue()
        long, _ = await jobs.submit(MODEL, TEXTS)
        short, _ = await jobs.submit(MODEL, FEW)
        assert (long.total, files(desk)) == (len(TEXTS), [desk.data / "jobs" / f"{long.id}.jsonl"])
        claims = {claim.job.id: claim for claim in await queue.claim("w", 2, 15, jobs.clock.unix())}
        assert (claims[long.id].inputs, claims[long.id].file) == ((), files(desk)[0])
        assert (claims[short.id].inputs, claims[short.id].file) == (FEW, None)


async def test_long_inputs_get_their_results_in_order(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    async with desk.open() as jobs:
        job, _ = await jobs.submit(MODEL, [*TEXTS, "a bad day"])
        assert (await desk.last(job.id)).state is JobState.COMPLETED
        rows: list[Any] = [row async for chunk in (await jobs.queue()).results(job.id) for row in chunk.rows]
    assert [row["label"] for row in rows] == ["positive"] * len(TEXTS) + ["negative"]


async def test_a_request_that_makes_no_job_leaves_no_file(desk: Desk) -> None:
    async with desk.open() as jobs:
        first, _ = await jobs.submit(MODEL, TEXTS, key="k", fingerprint="f")
        again, is_new = await jobs.submit(MODEL, TEXTS, key="k", fingerprint="f")
        assert (again.id, is_new) == (first.id, False)
        with pytest.raises(IdempotencyConflictError):
            await jobs.submit(MODEL, TEXTS, key="k", fingerprint="g")
        assert [file.stem for file in files(desk)] == [first.id]


@pytest.mark.parametrize("is_away", [False, True])
async def test_inputs_stay_where_nobody_knows_whether_their_job_was_committed(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, is_away: bool
) -> None:
    async def away(*_: Any) -> Any:
        raise JobsUnavailableError("The connection is gone.")

    async with desk.open() as jobs:
        queue = await jobs.queue()
        submit = queue.submit

        async def broken_in_commit(*arguments: Any) -> Any:
            await submit(*arguments)
            await away()

        monkeypatch.setattr(queue, "submit", away if is_away else broken_in_commit)
        if is_away:
            monkeypatch.setattr(queue, "known", away)
        with pytest.raises(JobsUnavailableError):
            await jobs.submit(MODEL, TEXTS)
        assert len(files(desk)) == 1


async def test_inputs_of_a_job_that_was_not_accepted_do_not_stay(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    async def locked(*_: Any) -> Any:
        raise JobsUnavailableError("It is locked.")

    async with desk.open() as jobs:
        monkeypatch.setattr(await jobs.queue(), "submit", locked)
        with pytest.raises(JobsUnavailableError):
            await jobs.submit(MODEL, TEXTS)
        assert files(desk) == []


async def test_a_disk_that_takes_no_file_accepts_no_job(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    async with desk.open() as jobs:
        queue = await jobs.queue()
        monkeypatch.setattr("greenroom.jobs.overflow.os.fsync", full)
        with pytest.raises(JobsUnavailableError, match="Nothing was accepted"):
            await jobs.submit(MODEL, TEXTS)
        assert files(desk) == []
        assert (await queue.page(0, 10)).total == 0


async def test_of_many_claimed_jobs_only_what_the_model_has_is_in_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shift, read, whole = Shift(tmp_path), list[int](), reading._read

    def counted(lines: Any, count: int, skipped: int) -> list[Any]:
        read.append(count)
        return whole(lines, count, skipped)

    monkeypatch.setattr(reading, "_read", counted)
    file = tmp_path / "inputs.jsonl"
    file.write_text('"good"\n' * len(TEXTS))
    async with shift.ready():
        shift.house.model.gate.close()
        for number in range(20):
            await shift.submit(file=file, total=len(TEXTS), id_=str(number))
        for number in range(20):
            await shift.in_state(JobState.PROCESSING, str(number))
        await shift.house.held(CHUNKS_AHEAD)
        assert sum(read) == CHUNKS_AHEAD * MAX_CHUNK_INPUTS
        shift.house.model.gate.open()
        await asyncio.gather(*(shift.ended(str(number)) for number in range(20)))
    assert sum(read) == 20 * len(TEXTS)
