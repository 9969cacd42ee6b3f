"""Results over HTTP: how many read them at once, and what is not read for nothing."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator

import pytest
from starlette.applications import Starlette

from greenroom.errors import JobNotFoundError
from greenroom.jobs.seam import Chunk
from greenroom.testing.memory_queue import MemoryQueue
from greenroom.web import downloads
from tests.unit.web.in_process import AppMaker, ask

ROWS: tuple[object, ...] = ({"label": "positive"}, {"label": "negative"})
NOW = 1_800_000_000.0


@pytest.fixture
def app(make_jobs_app: AppMaker) -> Starlette:
    return make_jobs_app()


@pytest.fixture
def results(app: Starlette, queue: MemoryQueue) -> str:
    """Where those of a job are that is done."""
    body = json.dumps({"inputs": ["a", "b"]}).encode()
    address = ask(app, "/jobs", "POST", {"content-type": "application/json"}, body).headers["location"]

    async def work() -> None:
        (claim,) = await queue.claim("w", 1, 10, NOW)
        for start in range(2):
            await queue.save(claim, Chunk(start, ROWS[start : start + 1], "1"), NOW)

    asyncio.run(work())
    return f"{address}/results"


def test_one_address_reads_so_many_at_once_and_no_more(
    app: Starlette, results: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(downloads, "MOST_DOWNLOADS_PER_ADDRESS", 1)
    places = downloads.downloads_of(app)
    with places.place("127.0.0.1"):
        refused = ask(app, results)
        assert (refused.status, refused.problem, refused.headers["retry-after"]) == (429, "overloaded", "5")
        assert ask(app, results, client=("192.0.2.1", 1)).status == 200
    assert [ask(app, results).status for _ in range(2)] == [200, 200]
    assert ask(app, "/jobs/00000000-0000-0000-0000-000000000000/results").status == 404
    assert ask(app, results).status == 200


def test_a_download_holds_its_place_until_it_has_ended(
    app: Starlette, results: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(downloads, "MOST_DOWNLOADS_PER_ADDRESS", 1)
    inside: list[bool] = []
    read = MemoryQueue.results

    async def seen(queue: MemoryQueue, id_: str) -> AsyncIterator[Chunk]:
        async for chunk in read(queue, id_):
            inside.append(downloads.downloads_of(app)._inside.has_its_share("127.0.0.1"))
            yield chunk

    monkeypatch.setattr(MemoryQueue, "results", seen)
    assert ask(app, results).status == 200
    assert set(inside) == {True}


def test_nothing_is_read_for_who_wants_the_head_alone(
    app: Starlette, results: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = ask(app, results)
    monkeypatch.delattr(MemoryQueue, "results")
    head = ask(app, results, "HEAD")
    assert (head.status, head.body) == (200, b"")
    for name in ("content-type", "content-disposition", "cache-control"):
        assert head.headers[name] == whole.headers[name]
    assert "content-length" not in head.headers
    assert ask(app, "/jobs/00000000-0000-0000-0000-000000000000/results", "HEAD").status == 404


def test_results_that_go_while_they_are_read_never_look_whole(
    app: Starlette, results: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def going(queue: MemoryQueue, id_: str) -> AsyncIterator[Chunk]:
        yield Chunk(0, ROWS[:1], "1")
        raise JobNotFoundError

    monkeypatch.setattr(MemoryQueue, "results", going)
    with pytest.raises(RuntimeError) as cut:  # by which the server ends the connection
        ask(app, results)
    assert isinstance(cut.value.__cause__, JobNotFoundError)
