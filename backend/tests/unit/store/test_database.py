"""One writer, many units of work in one commit, and what happens when the database will not."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import AsyncIterator, Callable
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert, select
from sqlalchemy.exc import IntegrityError, OperationalError, ResourceClosedError
from sqlmodel import Session

from greenroom.errors import JobsUnavailableError
from greenroom.store.database import JOURNAL_BYTES, Database
from greenroom.store.migrate import migrate
from greenroom.store.tables import JobKeyRow

pytestmark = pytest.mark.anyio
KEYS = JobKeyRow.__table__  # type: ignore[attr-defined]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "greenroom.db"


@pytest.fixture
async def database(file: Path) -> AsyncIterator[Database]:
    migrate(f"sqlite:///{file}")
    database = Database(f"sqlite:///{file}", busy_seconds=0.1)
    yield database
    await database.close()


def adding(key: str) -> Callable[[Session], str]:
    def work(session: Session) -> str:
        session.execute(insert(KEYS).values(key=key, job_id=key, fingerprint="", created_at=0.0))
        return key

    return work


async def keys(database: Database) -> list[str]:
    return await database.read(lambda session: list(session.execute(select(KEYS.c.key)).scalars()))


async def test_what_is_answered_is_on_the_disk(database: Database, file: Path) -> None:
    assert await database.write(adding("a")) == "a"
    with sqlite3.connect(file) as other:
        assert other.execute("SELECT key FROM ml_job_keys").fetchall() == [("a",)]
        assert other.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    other.close()
    assert (
        await database.write(lambda session: session.connection().exec_driver_sql("PRAGMA synchronous").scalar()) == 2
    )


async def test_a_unit_that_raises_undoes_itself_alone(database: Database) -> None:
    def failing(session: Session) -> None:
        adding("gone")(session)
        raise ValueError("no")

    ends = await asyncio.gather(
        database.write(adding("a")), database.write(failing), database.write(adding("a")), database.write(adding("b")),
        return_exceptions=True,
    )  # fmt: skip
    assert [type(end) for end in ends] == [str, ValueError, IntegrityError, str]
    assert await keys(database) == ["a", "b"]


async def test_units_that_wait_together_share_a_commit(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    held, groups, commit = threading.Event(), list[int](), database._commit

    def counted(group: list[object]) -> None:
        groups.append(len(group))
        held.wait(10)
        commit(group)  # type: ignore[arg-type]

    monkeypatch.setattr(database, "_commit", counted)
    writes = [asyncio.ensure_future(database.write(adding(str(number)))) for number in range(50)]
    await asyncio.sleep(0)
    held.set()
    await asyncio.gather(*writes)
    assert sum(groups) == 50
    assert len(groups) <= 3


async def test_a_database_locked_by_another_process_is_told_and_works_again_when_it_is_free(
    database: Database, file: Path
) -> None:
    other = sqlite3.connect(file, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(JobsUnavailableError, match="locked by another process"):
        await database.write(adding("a"))
    assert await keys(database) == [], "who only reads is not held up"
    other.execute("ROLLBACK")
    other.close()
    assert await database.write(adding("a")) == "a"


async def test_a_caller_who_leaves_before_his_turn_has_written_nothing(database: Database) -> None:
    begun, gate = threading.Event(), threading.Event()

    def first(_: Session) -> None:
        begun.set()
        gate.wait(10)

    held = asyncio.ensure_future(database.write(first))
    await asyncio.to_thread(begun.wait, 10)
    left = asyncio.ensure_future(database.write(adding("left")))
    await asyncio.sleep(0)
    left.cancel()
    await asyncio.gather(left, return_exceptions=True)
    gate.set()
    await held
    await database.write(adding("b"))
    assert "left" not in await keys(database)


class Leaving(Future[None]):
    """Its caller leaves in the moment in which he is about to be told of a fault."""

    def set_exception(self, exception: BaseException | None) -> None:
        self.cancel()
        super().set_exception(exception)


async def test_a_caller_who_leaves_while_he_is_told_of_a_fault_takes_nobody_along(database: Database) -> None:
    begun, gate = threading.Event(), threading.Event()

    def failing(_: Session) -> None:
        begun.set()
        gate.wait(10)
        raise OperationalError("", None, Exception("disk I/O error"))

    failed = asyncio.ensure_future(database.write(failing))
    await asyncio.to_thread(begun.wait, 10)
    both: list[Future[Any]] = [Future(), Leaving()]
    database._waiting.put((failing, both[0]))
    database._waiting.put((adding("left"), both[1]))
    gate.set()
    for told in (failed, asyncio.wrap_future(both[0])):
        with pytest.raises(JobsUnavailableError):
            await told
    async with asyncio.timeout(10):
        assert await database.write(adding("a")) == "a"
    assert both[1].cancelled()


async def test_every_fault_of_the_database_is_told_in_one_way(database: Database) -> None:
    def closed(_: Session) -> None:
        raise ResourceClosedError("This result object does not return rows.")

    for ask in (database.write, database.read):
        with pytest.raises(JobsUnavailableError, match="log says why"):
            await ask(closed)


async def test_who_comes_after_the_end_is_told_so(database: Database) -> None:
    await database.close()
    for ask in (database.write, database.read):
        with pytest.raises(JobsUnavailableError, match="stopping"):
            await ask(lambda session: None)


async def test_closing_waits_no_longer_than_it_was_told_for_what_cannot_be_written(
    database: Database, file: Path
) -> None:
    begun, gate = threading.Event(), threading.Event()

    def endless(_: Session) -> None:
        begun.set()
        gate.wait(30)

    write = asyncio.ensure_future(database.write(endless))
    await asyncio.to_thread(begun.wait, 10)
    await database.close(0.01)
    assert not write.done()
    gate.set()
    await write


async def test_a_journal_that_was_long_once_does_not_stay_so(database: Database) -> None:
    def limit(session: Session) -> object:
        return session.connection().exec_driver_sql("PRAGMA journal_size_limit").scalar()

    assert await database.write(limit) == JOURNAL_BYTES
