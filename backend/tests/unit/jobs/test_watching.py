"""Many who watch jobs, and the one reader they share."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator, Collection
from pathlib import Path

import pytest

from greenroom.errors import JobNotFoundError, JobsUnavailableError
from greenroom.jobs import watching
from greenroom.jobs.seam import Changes, Job, JobState, Mark, Page
from greenroom.jobs.watching import Watcher, Watching
from greenroom.testing.memory_queue import MemoryQueue
from tests.unit.jobs.conftest import sql_queue
from tests.unit.jobs.queue_cases import LEASE, NOW, chunk, job, one

pytestmark = pytest.mark.anyio
READER = "jobs' watch"


class CountedQueue(MemoryQueue):
    """Notes what is read, and can be away, or held."""

    def __init__(self) -> None:
        super().__init__()
        self.reads: list[str] = []
        self.trouble: Exception | None = None
        self.gate, self.way_back = asyncio.Event(), asyncio.Event()
        """Before a look reads; after `get` and `page` have read."""
        self.gate.set()
        self.way_back.set()

    async def get(self, id_: str) -> Job:
        self.reads.append("get")
        found = await super().get(id_)
        await self.way_back.wait()
        return found

    async def page(self, skip: int, limit: int, states: Collection[JobState] = ()) -> Page:
        self.reads.append("page")
        await self.way_back.wait()
        return await super().page(skip, limit, states)

    async def changes(self, since: Mark | None, limit: int) -> Changes:
        await self.gate.wait()
        self.reads.append("changes")
        if self.trouble is not None:
            raise self.trouble
        return await super().changes(since, limit)


@pytest.fixture
def queue() -> CountedQueue:
    return CountedQueue()


@pytest.fixture(autouse=True)
def looks_follow_changes_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watching, "LOOK_SECONDS", 3600)
    monkeypatch.setattr(watching, "MIN_LOOK_SECONDS", 0)


async def told(watcher: Watcher) -> Job:
    async with asyncio.timeout(10):
        state = await watcher.next()
    assert state is not None
    return state


async def nothing_is_told(watcher: Watcher) -> bool:
    """Even after everybody else has had many turns."""
    asking = asyncio.ensure_future(watcher.next())
    for _ in range(50):
        await asyncio.sleep(0)
    asking.cancel()
    await asyncio.gather(asking, return_exceptions=True)
    return asking.cancelled()


@contextlib.asynccontextmanager
async def crowd(watches: Watching, ids: Collection[str | None]) -> AsyncIterator[list[Watcher]]:
    async with contextlib.AsyncExitStack() as stack:
        yield [
            await stack.enter_async_context(watches.all() if id_ is None else watches.one(id_)) for id_ in ids
        ]  # fmt: skip


def readers() -> list[asyncio.Task[object]]:
    return [task for task in asyncio.all_tasks() if task.get_name() == READER]


async def test_three_hundred_who_watch_one_job_read_no_more_than_one(queue: CountedQueue) -> None:
    await queue.submit(job(), NOW)
    async with crowd(Watching(queue), ["1"] * 300) as watchers:
        for watcher in watchers:
            await told(watcher)
        await queue.cancel("1", NOW)
        assert {(await told(watcher)).state for watcher in watchers} == {JobState.CANCELLED}
    assert queue.reads.count("get") == 1
    assert queue.reads.count("changes") <= 4


async def test_those_who_watch_three_hundred_jobs_share_each_look(queue: CountedQueue) -> None:
    ids = [str(number) for number in range(300)]
    for id_ in ids:
        await queue.submit(job(id_), NOW)
    async with crowd(Watching(queue), ids) as watchers:
        for watcher in watchers:
            await told(watcher)
        queue.reads.clear()
        for id_ in ids:
            await queue.cancel(id_, NOW)
        assert {(await told(watcher)).state for watcher in watchers} == {JobState.CANCELLED}
    assert set(queue.reads) == {"changes"}
    assert len(queue.reads) <= 3


async def test_those_who_come_to_watch_all_at_the_same_time_share_the_list(queue: CountedQueue) -> None:
    for id_ in "123":
        await queue.submit(job(id_), NOW)
    async with crowd(Watching(queue), [None] * 100) as watchers:
        for watcher in watchers:
            assert [(await told(watcher)).id for _ in range(3)] == ["1", "2", "3"]
    assert queue.reads.count("page") == 2


async def test_nobody_reads_before_the_first_who_watches_or_after_the_last(queue: CountedQueue) -> None:
    await queue.submit(job(), NOW)
    watches = Watching(queue)
    for _ in range(2):
        assert not readers()
        async with watches.one("1"):
            async with watches.all():
                assert len(readers()) == 1
            assert len(readers()) == 1
    assert not readers()


async def test_who_reads_slowly_gets_the_newest_state_and_no_other(queue: CountedQueue) -> None:
    await queue.submit(job(total=4), NOW)
    watches = Watching(queue)
    async with watches.one("1") as slow, watches.one("1") as quick:
        assert (await told(slow)).state is JobState.PENDING
        await told(quick)
        claim = await one(queue)
        for start in range(4):
            await queue.save(claim, chunk(start), NOW)
            assert (await told(quick)).done == start + 1
        assert (await told(slow)).state is JobState.COMPLETED
        assert await slow.next() is None


async def test_who_watches_a_job_that_has_ended_is_told_so_once(queue: CountedQueue) -> None:
    await queue.submit(job(), NOW)
    await queue.cancel("1", NOW)
    async with Watching(queue).one("1") as watcher:
        assert (await told(watcher)).state is JobState.CANCELLED
        assert await watcher.next() is None


async def test_a_job_that_never_was_is_watched_by_nobody(queue: CountedQueue) -> None:
    watches = Watching(queue)
    with pytest.raises(JobNotFoundError):
        async with watches.one("never"):
            pass
    assert not readers()
    assert not watches._of_one


async def test_who_watches_all_and_falls_behind_keeps_little_and_misses_no_end(
    queue: CountedQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watching, "MAX_RECENT", 5)
    monkeypatch.setattr(watching, "PAGE", 7)
    watches = Watching(queue)
    async with watches.all() as slow, watches.all() as quick:
        for number in range(100):
            await queue.submit(job(str(number)), NOW)
            await queue.cancel(str(number), NOW)
            await told(quick)
        seen: dict[str, JobState] = {}
        while len(seen) < 100:
            state = await told(slow)
            seen[state.id] = state.state
            assert len(watches._recent) <= 5
            assert len(slow._untold) < 7  # type: ignore[attr-defined]
    assert set(seen.values()) == {JobState.CANCELLED}


async def test_a_state_that_is_old_before_it_was_told_is_not_told(queue: CountedQueue) -> None:
    watches = Watching(queue)
    async with watches.all() as slow, watches.all() as quick:
        for id_ in "12":
            await queue.submit(job(id_), NOW)
        assert (await told(slow)).id == "1"
        await queue.cancel("2", NOW)
        while (await told(quick)).state is not JobState.CANCELLED:
            pass
        assert (await told(slow)).state is JobState.CANCELLED
        assert await nothing_is_told(slow)


async def test_a_look_that_overtakes_the_first_state_of_a_job_is_the_last_word(queue: CountedQueue) -> None:
    await queue.submit(job(), NOW)
    watches = Watching(queue)

    async def states() -> list[JobState]:
        async with watches.one("1") as watcher:
            seen = [(await told(watcher)).state]
            assert await watcher.next() is None
            return seen

    async with watches.all() as other:
        await told(other)
        queue.way_back.clear()
        watching_it = asyncio.create_task(states())
        await asyncio.sleep(0)
        await queue.cancel("1", NOW)
        assert (await told(other)).state is JobState.CANCELLED
        queue.way_back.set()
        assert await watching_it == [JobState.CANCELLED]


async def test_what_changes_while_all_are_listed_is_told_once(queue: CountedQueue) -> None:
    watches = Watching(queue)
    queue.way_back.clear()

    async def listed() -> None:
        async with watches.all() as watcher:
            assert (await told(watcher)).id == "1"
            assert await nothing_is_told(watcher)

    watching_all = asyncio.create_task(listed())
    while "page" not in queue.reads:  # noqa: ASYNC110
        await asyncio.sleep(0)
    await queue.submit(job(), NOW)
    queue.way_back.set()
    await watching_all


@pytest.mark.parametrize("seed", range(5))
async def test_whatever_happens_no_state_is_told_twice_or_after_a_newer_one_and_the_last_one_always(
    queue: CountedQueue, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watching, "MAX_RECENT", 3)
    numbers, watches = random.Random(seed), Watching(queue)
    ids = [str(number) for number in range(8)]
    for id_ in ids:
        await queue.submit(job(id_, total=50), NOW)
    async with crowd(watches, [None, None, *ids]) as watchers:
        seen: list[dict[str, int]] = [{} for _ in watchers]

        async def follow(number: int) -> None:
            while (state := await watchers[number].next()) is not None:
                assert state.changes > seen[number].get(state.id, -1)
                seen[number][state.id] = state.changes
                for _ in range(numbers.randrange(5)):
                    await asyncio.sleep(0)

        following = [asyncio.create_task(follow(number)) for number in range(len(watchers))]
        claims = await queue.claim("w", 8, LEASE, NOW)
        for step in range(200):
            claim = numbers.choice(claims)
            await queue.save(claim, chunk(numbers.randrange(49)), NOW)
            if step % 3 == 0:
                await asyncio.sleep(0)
        newest = {id_: (await queue.get(id_)).changes for id_ in ids}
        async with asyncio.timeout(10):
            while not all(set(states.items()) <= set(newest.items()) and states for states in seen):  # noqa: ASYNC110
                await asyncio.sleep(0)
        for task in following:
            task.cancel()
        for end in await asyncio.gather(*following, return_exceptions=True):
            assert isinstance(end, asyncio.CancelledError), end
        assert seen[0] == seen[1] == newest


async def test_a_job_that_is_forgotten_before_its_end_was_seen_is_not_watched_for_ever(
    queue: CountedQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watching, "KNOWN_SECONDS", 0)
    await queue.submit(job("1"), NOW)
    await queue.submit(job("2"), NOW)
    watches = Watching(queue)
    async with watches.one("1") as forgotten, watches.one("2") as other:
        await told(forgotten)
        await told(other)
        queue.gate.clear()
        await queue.cancel("1", NOW)
        await queue.purge(NOW + 1, NOW + 1)
        await queue.cancel("2", NOW)
        queue.gate.set()
        async with asyncio.timeout(10):
            with pytest.raises(JobNotFoundError):
                await forgotten.next()
        assert (await told(other)).state is JobState.CANCELLED


async def test_a_database_that_is_away_for_a_moment_is_felt_by_nobody(queue: CountedQueue) -> None:
    await queue.submit(job(), NOW)
    async with crowd(Watching(queue), ["1", None]) as watchers:
        for watcher in watchers:
            await told(watcher)
        queue.trouble = JobsUnavailableError("away")
        await queue.submit(job("2"), NOW)
        for watcher in watchers:
            assert await nothing_is_told(watcher)
        assert queue.reads[-1] == "changes", "it was looked meanwhile"
        queue.trouble = None
        await queue.cancel("1", NOW)
        assert (await told(watchers[0])).state is JobState.CANCELLED
        assert [(await told(watchers[1])).id for _ in range(2)] == ["2", "1"]


async def test_a_database_that_stays_away_is_told(queue: CountedQueue, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watching, "AWAY_SECONDS", 0)
    await queue.submit(job(), NOW)
    watches = Watching(queue)
    async with crowd(watches, ["1", None]) as watchers:
        for watcher in watchers:
            await told(watcher)
        queue.trouble = JobsUnavailableError("away")
        await queue.submit(job("2"), NOW)
        for watcher in watchers:
            with pytest.raises(JobsUnavailableError):
                await told(watcher)
    with pytest.raises(JobsUnavailableError):
        async with watches.one("1"):
            pass
    queue.trouble = None
    async with watches.one("1") as watcher:
        assert (await told(watcher)).state is JobState.PENDING


async def test_a_reader_that_breaks_leaves_nobody_waiting(queue: CountedQueue) -> None:
    async with Watching(queue).all() as watcher:
        queue.trouble = ValueError("a bug")
        await queue.submit(job(), NOW)
        with pytest.raises(JobsUnavailableError):
            await told(watcher)


async def test_a_reader_that_broke_is_replaced_for_who_comes_next(queue: CountedQueue) -> None:
    await queue.submit(job(), NOW)
    watches = Watching(queue)
    async with watches.all() as before:
        await told(before)
        queue.trouble = ValueError("a bug")
        await queue.submit(job("2"), NOW)
        with pytest.raises(JobsUnavailableError):
            await told(before)
        queue.trouble = None
        async with watches.one("1") as watcher:
            await told(watcher)
            await queue.cancel("1", NOW)
            assert (await told(watcher)).state is JobState.CANCELLED


async def test_what_another_process_does_is_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watching, "LOOK_SECONDS", 0.01)
    ours, theirs = sql_queue(tmp_path), sql_queue(tmp_path)
    await ours.submit(job(), NOW)
    watches = Watching(ours)
    async with watches.one("1") as of_one, watches.all() as of_all:
        await told(of_one)
        await told(of_all)
        await theirs.cancel("1", NOW)
        assert (await told(of_one)).state is JobState.CANCELLED
        assert (await told(of_all)).state is JobState.CANCELLED
    await ours.close()
    await theirs.close()
