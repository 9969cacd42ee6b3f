"""What goes out on the socket of a job, to one who reads and to one who does not."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from starlette.applications import Starlette

from greenroom.errors import JobNotFoundError
from greenroom.jobs.seam import Job, JobState
from greenroom.jobs.service import Jobs
from greenroom.jobs.watching import Watching
from greenroom.protocol.socket import CloseCode
from greenroom.serving.greenroom import Greenroom
from greenroom.settings import load_settings
from greenroom.testing import ScriptedEngine, StandingClock
from greenroom.testing.memory_queue import MemoryQueue
from greenroom.web import job_sockets
from greenroom.web.job_sockets import MAX_FRAMES, Frames, _Push
from tests.unit.jobs.queue_cases import LEASE, NOW, chunk, job, one
from tests.unit.web.test_hub import HeldLine

pytestmark = pytest.mark.anyio
A_JOB = Job("1", "mood", JobState.PENDING, 1, 0, 0, 0, NOW)


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


def app_with(folder: Path, slow_reader_seconds: float = 60.0) -> Starlette:
    settings = load_settings(data=folder, slow_reader_seconds=slow_reader_seconds)
    clock = StandingClock()
    app = Starlette()
    app.state.jobs = Jobs(settings, Greenroom(settings, (), ScriptedEngine(clock), clock), clock)
    return app


async def until(line: HeldLine, frames: int) -> list[dict[str, Any]]:
    async with asyncio.timeout(10):
        while len(line.taken) < frames:  # noqa: ASYNC110 - a fake's list
            await asyncio.sleep(0)
    return line.taken


async def test_who_takes_nothing_gets_the_newest_state_once_he_takes_again(tmp_path: Path) -> None:
    queue, line = MemoryQueue(), HeldLine()
    await queue.submit(job(total=3), NOW)
    watches = Watching(queue)
    async with watches.one("1") as watcher, watches.one("1") as quick:
        pushing = asyncio.create_task(_Push(line, app_with(tmp_path), watcher).run())
        await until(line, 1)
        line.free = False
        claim = await one(queue)
        for start in range(3):
            await queue.save(claim, chunk(start), NOW)
        while (await quick.next()) is not None:
            pass
        assert len(line.taken) == 1
        line.become_free()
        refusal = await pushing
    assert [(frame["status"], frame["done"]) for frame in line.taken] == [("pending", 0), ("completed", 3)]
    assert refusal is not None
    assert refusal.close_code is CloseCode.FINISHED


async def test_who_takes_nothing_for_too_long_is_cut_off(tmp_path: Path) -> None:
    queue, line = MemoryQueue(), HeldLine()
    await queue.submit(job(), NOW)
    async with Watching(queue).one("1") as watcher:
        line.free = False
        assert await _Push(line, app_with(tmp_path, slow_reader_seconds=0.01), watcher).run() is None
    assert line.aborted
    assert line.taken == []


async def test_a_quiet_job_is_known_to_be_alive_by_pings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(job_sockets, "HEARTBEAT_SECONDS", 0.01)
    queue, line = MemoryQueue(), HeldLine()
    await queue.submit(job(), NOW)
    async with Watching(queue).one("1") as watcher:
        pushing = asyncio.create_task(_Push(line, app_with(tmp_path), watcher).run())
        frames = await until(line, 3)
        assert [frame.get("type", "job") for frame in frames[:3]] == ["job", "ping", "ping"]
        await queue.claim("w", 1, LEASE, NOW)
        while line.taken[-1].get("status") != "processing":  # noqa: ASYNC110
            await asyncio.sleep(0)
        pushing.cancel()
        await asyncio.gather(pushing, return_exceptions=True)


async def test_a_watch_that_ends_before_its_time_says_why(tmp_path: Path) -> None:
    class Forgotten:
        async def next(self) -> Job | None:
            raise JobNotFoundError

    refusal = await _Push(HeldLine(), app_with(tmp_path), Forgotten()).run()
    assert refusal is not None
    assert refusal.close_code is CloseCode.TRY_AGAIN_LATER
    assert refusal.error is not None
    assert refusal.error.code == "job-not-found"


async def test_a_state_is_written_once_for_all_who_get_it() -> None:
    frames = Frames()
    first = frames.of(A_JOB)
    assert frames.of(replace(A_JOB)) is first
    assert frames.of(replace(A_JOB, changes=1)) is not first


async def test_frames_are_kept_in_a_bounded_number() -> None:
    frames = Frames()
    for number in range(3 * MAX_FRAMES):
        frames.of(replace(A_JOB, id=str(number)))
    assert len(frames._made) == MAX_FRAMES
