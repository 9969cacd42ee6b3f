"""What is removed, and what is not, when nobody looks."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from greenroom.jobs.housekeeping import FREE_SECONDS, SETTLED_SECONDS, SWEEP_SECONDS, Housekeeping
from greenroom.jobs.lives import hold
from greenroom.jobs.seam import NewJob
from greenroom.testing import StandingClock
from greenroom.testing.memory_queue import MemoryQueue

pytestmark = pytest.mark.anyio
RETENTION_SECONDS = 7 * 86_400.0


class House:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.clock = StandingClock()
        self.queue = MemoryQueue()
        self.keeper = Housekeeping(self.queue, folder, folder / "workers", self.clock, RETENTION_SECONDS)

    def put(self, name: str, age_seconds: float) -> Path:
        file = self.folder / name
        file.write_bytes(b"x")
        at = self.clock.unix() - age_seconds
        os.utime(file, (at, at))
        return file

    def names(self) -> list[str]:
        return sorted(file.name for file in self.folder.glob("*.*"))


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)


@pytest.fixture
def elsewhere(house: House) -> Iterator[subprocess.Popen[bytes]]:
    """A process that holds `theirs.upload` as an upload does."""
    house.put("theirs.upload", 10 * SETTLED_SECONDS)
    code = (
        "import sys; from pathlib import Path; from greenroom.jobs.lives import hold; "
        "file = Path(sys.argv[1]).open('r+b'); hold(file); print(flush=True); sys.stdin.read()"
    )
    holder = subprocess.Popen(
        [sys.executable, "-c", code, str(house.folder / "theirs.upload")],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    )  # fmt: skip
    assert holder.stdout
    holder.stdout.readline()
    with holder:
        yield holder
        holder.kill()


async def test_halves_of_uploads_that_a_dead_process_left_are_removed(house: House) -> None:
    for name in ("a.upload", "a.part", "b.upload", "c.part"):
        house.put(name, SETTLED_SECONDS + 1)
    await house.keeper.sweep()
    assert house.names() == []


async def test_what_was_changed_a_moment_ago_stays(house: House) -> None:
    for name in ("a.upload", "b.part"):
        house.put(name, SETTLED_SECONDS - 1)
    await house.keeper.sweep()
    assert house.names() == ["a.upload", "b.part"]


async def test_an_upload_under_way_keeps_its_files_however_long_it_takes(house: House) -> None:
    raw = house.put("a.upload", RETENTION_SECONDS + 1)
    for name in ("a.part", "a.jsonl"):
        house.put(name, RETENTION_SECONDS + 1)
    with raw.open("r+b") as file:
        hold(file)
        await house.keeper.sweep()
        assert house.names() == ["a.jsonl", "a.part", "a.upload"]


async def test_an_upload_to_another_process_keeps_its_files_until_that_is_gone(
    house: House, elsewhere: subprocess.Popen[bytes]
) -> None:
    house.put("theirs.part", 10 * SETTLED_SECONDS)
    await house.keeper.sweep()
    assert house.names() == ["theirs.part", "theirs.upload"]
    elsewhere.kill()
    elsewhere.wait()
    await house.keeper.sweep()
    assert house.names() == []


async def test_a_file_without_a_job_stays_for_as_long_as_an_ended_jobs_would(house: House) -> None:
    house.put("young.jsonl", RETENTION_SECONDS - 1)
    house.put("old.jsonl", RETENTION_SECONDS + 1)
    file = house.put("waits.jsonl", RETENTION_SECONDS + 1)
    await house.queue.submit(NewJob("waits", "m", 1, file=file), house.clock.unix())
    await house.keeper.sweep()
    assert house.names() == ["waits.jsonl", "young.jsonl"]


async def test_old_jobs_are_forgotten_with_their_files(house: House) -> None:
    file = house.put("a.jsonl", 0)
    await house.queue.submit(NewJob("a", "m", 1, file=file), house.clock.unix())
    await house.queue.cancel("a", house.clock.unix())
    await house.keeper.forget_the_old()
    assert house.names() == ["a.jsonl"]
    await house.clock.advance(RETENTION_SECONDS + 1)
    await house.keeper.forget_the_old()
    assert house.names() == []
    assert (await house.queue.page(0, 10)).total == 0


async def test_a_folder_that_is_not_there_yet_is_in_order(house: House, tmp_path: Path) -> None:
    keeper = Housekeeping(house.queue, tmp_path / "none", tmp_path / "none" / "workers", house.clock, 1.0)
    await keeper.free_the_dead()
    await keeper.sweep()


@pytest.mark.parametrize("trouble", [OSError("The folder is away."), ValueError("a bug")])
async def test_the_house_is_kept_at_once_and_then_hourly_whatever_fails(
    house: House, monkeypatch: pytest.MonkeyPatch, trouble: Exception
) -> None:
    swept_at: list[float] = []

    async def sweep() -> None:
        swept_at.append(house.clock.monotonic())
        raise trouble

    monkeypatch.setattr(house.keeper, "sweep", sweep)
    life = asyncio.create_task(house.keeper.run())
    async with asyncio.timeout(20):
        while len(swept_at) < 2:
            while not house.clock.sleepers:  # noqa: ASYNC110 - nothing tells
                await asyncio.sleep(0)
            await house.clock.advance(FREE_SECONDS)
    life.cancel()
    assert swept_at == [0, SWEEP_SECONDS]
