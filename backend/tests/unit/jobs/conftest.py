from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from greenroom.jobs import pace
from greenroom.jobs.seam import JobQueue
from greenroom.jobs.sql_queue import SqlQueue
from greenroom.store.database import Database
from greenroom.store.migrate import migrate
from greenroom.testing.memory_queue import MemoryQueue


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(autouse=True)
def large_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    """From the first one on, as long as the clock does not move: so that it is known where they begin."""
    monkeypatch.setattr(pace, "FIRST_CHUNK_INPUTS", pace.MAX_CHUNK_INPUTS)


@pytest.fixture(params=["memory", "sqlite"])
async def queue(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[JobQueue]:
    """Each queue there is, empty."""
    made = MemoryQueue() if request.param == "memory" else sql_queue(tmp_path)
    yield made
    await made.close()


def sql_queue(folder: Path) -> SqlQueue:
    url = f"sqlite:///{folder / 'greenroom.db'}"
    migrate(url)
    return SqlQueue(Database(url), folder)
