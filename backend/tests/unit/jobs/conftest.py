from __future__ import annotations

import contextlib
import os
import uuid
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from sqlalchemy import create_engine, make_url, text

from greenroom.jobs import pace
from greenroom.jobs.seam import JobQueue
from greenroom.jobs.sql_queue import SqlQueue
from greenroom.store.database import Database
from greenroom.store.migrate import migrate
from greenroom.testing.memory_queue import MemoryQueue

POSTGRESQL = os.environ.get("GREENROOM_TEST_POSTGRESQL")
"""Address of a server on which databases may be made and dropped, as of SQLAlchemy. Without it nothing runs there."""


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(autouse=True)
def large_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    """From the first one on, as long as the clock does not move: so that it is known where they begin."""
    monkeypatch.setattr(pace, "FIRST_CHUNK_INPUTS", pace.MAX_CHUNK_INPUTS)


@pytest.fixture(params=["memory", "sqlite", *(["postgresql"] if POSTGRESQL else [])])
async def queue(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[JobQueue]:
    """Each queue there is, empty."""
    with contextlib.ExitStack() as places:
        made: JobQueue
        match request.param:
            case "memory":
                made = MemoryQueue()
            case "sqlite":
                made = sql_queue(tmp_path)
            case _:
                made = sql_queue(tmp_path, places.enter_context(postgresql_database()))
        yield made
        await made.close()


def sql_queue(folder: Path, url: str | None = None) -> SqlQueue:
    """Default: a file in `folder`."""
    url = url or f"sqlite:///{folder / 'greenroom.db'}"
    migrate(url)
    return SqlQueue(Database(url), folder)


@contextlib.contextmanager
def postgresql_database() -> Iterator[str]:
    """An empty one on that server; dropped on leaving."""
    assert POSTGRESQL
    name = f"greenroom_{uuid.uuid4().hex}"
    server = create_engine(POSTGRESQL, isolation_level="AUTOCOMMIT")
    with server.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
        try:
            yield make_url(POSTGRESQL).set(database=name).render_as_string(hide_password=False)
        finally:
            connection.execute(text(f"DROP DATABASE {name}"))
    server.dispose()
