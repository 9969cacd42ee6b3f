"""When the database opens, who waits for it, and what is written later."""

from __future__ import annotations

import asyncio
import io
import sqlite3
import sys
from collections.abc import MutableMapping
from functools import partial
from pathlib import Path

import pytest
import structlog
from sqlmodel import Session

from greenroom.errors import JobsUnavailableError
from greenroom.settings import load_settings
from greenroom.store import store as module
from greenroom.store.loads import all_loads, keep_load, read_early
from greenroom.store.store import Store

pytestmark = pytest.mark.anyio
KEEP = partial(keep_load, digest="a", record=b"one")


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LATER_SECONDS", 0.0)
    monkeypatch.setattr(module, "OPEN_AFTER_SECONDS", 0.0)
    monkeypatch.setattr(module, "REOPEN_SECONDS", 0.01)


def str_of_all(_: object, __: str, event: MutableMapping[str, object]) -> str:
    return str(event)


def store(folder: Path, url: str = "") -> Store:
    return Store(load_settings(data=folder, database_url=url))


async def once_opened(store: Store) -> None:
    async with asyncio.timeout(10):
        await store.opened()


async def test_nothing_is_opened_for_nobody(tmp_path: Path) -> None:
    async with store(tmp_path).running() as idle:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await idle.opened()
    assert read_early(tmp_path / "greenroom.db") == []
    assert idle._database is None


@pytest.mark.parametrize("name", ["data", "odd name?#%41"])
async def test_who_asks_gets_a_database_with_its_tables(name: str, tmp_path: Path) -> None:
    (tmp_path / name).mkdir()
    async with store(tmp_path / name).running() as asked:
        assert await (await asked.database()).read(all_loads) == []
    assert (tmp_path / name / "greenroom.db").exists()


async def test_a_database_that_is_there_opens_by_itself(tmp_path: Path) -> None:
    async with store(tmp_path).running() as first:
        await first.database()
    async with store(tmp_path).running() as second:
        await once_opened(second)


async def test_what_can_wait_opens_it_and_is_written(tmp_path: Path) -> None:
    async with store(tmp_path).running() as later:
        later.later(KEEP)
        await once_opened(later)
    assert read_early(tmp_path / "greenroom.db") == [b"one"]
    assert store(tmp_path).early_loads() == [b"one"]


async def test_what_was_handed_over_last_is_written_on_leaving(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LATER_SECONDS", 3600.0)
    async with store(tmp_path).running() as later:
        await later.database()
        later.later(KEEP)
    assert read_early(tmp_path / "greenroom.db") == [b"one"]


async def test_a_write_that_fails_keeps_none_of_the_others_back(tmp_path: Path) -> None:
    def failing(_: Session) -> None:
        raise JobsUnavailableError("locked")

    async with store(tmp_path).running() as later:
        later.later(failing)
        later.later(KEEP)
        await once_opened(later)
    assert read_early(tmp_path / "greenroom.db") == [b"one"]


async def test_who_asks_is_told_why_it_cannot_be_opened_and_gets_it_once_it_can(tmp_path: Path) -> None:
    folder = tmp_path / "missing"
    async with store(tmp_path, f"sqlite:///{folder}/jobs.db").running() as away:
        with pytest.raises(JobsUnavailableError, match="cannot be opened"):
            await away.database()
        folder.mkdir()
        await once_opened(away)
        await away.database()


async def test_other_threads_take_their_usual_turns_once_it_is_open(tmp_path: Path) -> None:
    usual = sys.getswitchinterval()
    async with store(tmp_path).running() as asked:
        await asked.database()
    assert sys.getswitchinterval() == usual


async def test_a_bug_while_it_opens_is_told_and_it_is_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(url: str) -> None:
        raise RuntimeError(url)

    with monkeypatch.context() as patch:
        patch.setattr(module, "_opened", broken)
        async with store(tmp_path).running() as asked:
            with pytest.raises(JobsUnavailableError, match="log says why"):
                await asked.database()
            patch.undo()
            monkeypatch.setattr(module, "REOPEN_SECONDS", 0.01)
            await once_opened(asked)


@pytest.mark.parametrize("url", ["nonsense with s3cret", "postgresql+nodriver://me:s3cret@host/name"])
async def test_an_address_that_is_none_is_told_at_once_and_no_password_is_logged(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = io.StringIO()
    monkeypatch.setattr(module, "log", structlog.wrap_logger(structlog.PrintLogger(written), processors=[str_of_all]))
    async with store(tmp_path, url).running() as wrong:
        async with asyncio.timeout(10):
            with pytest.raises(JobsUnavailableError, match="GREENROOM_DATABASE_URL is no address"):
                await wrong.database()
    logged = written.getvalue()
    assert "Error(" in logged
    assert "s3cret" not in logged


async def test_a_driver_that_is_missing_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    async with store(tmp_path, "postgresql+psycopg://host/name").running() as wrong:
        with pytest.raises(JobsUnavailableError, match="package psycopg"):
            await wrong.database()


async def test_a_database_that_somebody_holds_keeps_nobody_from_leaving(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "END_SECONDS", 0.01)
    monkeypatch.setattr(module, "LATER_SECONDS", 3600.0)
    async with asyncio.timeout(3):  # less than the patience with one lock
        async with store(tmp_path).running() as leaving:
            await leaving.database()
            for _ in range(3):
                leaving.later(KEEP)
            other = sqlite3.connect(tmp_path / "greenroom.db", isolation_level=None)
            other.execute("BEGIN IMMEDIATE")
    other.close()
