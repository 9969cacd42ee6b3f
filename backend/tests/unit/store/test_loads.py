"""What loads took, in its table."""

from __future__ import annotations

import sqlite3
from functools import partial
from pathlib import Path
from urllib.parse import quote

import pytest

from greenroom.readiness.history import DIGESTS, LOADS_PER_DIGEST
from greenroom.store.database import Database
from greenroom.store.loads import all_loads, keep_load, read_early
from greenroom.store.migrate import migrate

pytestmark = pytest.mark.anyio


async def keep(file: Path, *loads: tuple[str, bytes]) -> list[bytes]:
    """Keep these, one after the other; all that there are then."""
    url = f"sqlite:///{quote(str(file))}"
    migrate(url)
    database = Database(url)
    try:
        for digest, record in loads:
            await database.write(partial(keep_load, digest=digest, record=record))
        return list(await database.read(all_loads))
    finally:
        await database.close()


async def test_what_is_kept_is_read_by_hand_as_by_the_store(tmp_path: Path) -> None:
    file = tmp_path / "odd name?#%41.db"
    kept = await keep(file, ("a", b"one"), ("b", b"two"), ("a", b"three"))
    assert kept == [b"one", b"two", b"three"]
    assert read_early(file) == kept


async def test_of_each_version_the_newest_stay(tmp_path: Path) -> None:
    many = [("a", b"%d" % number) for number in range(LOADS_PER_DIGEST + 3)]
    kept = await keep(tmp_path / "a.db", ("b", b"other"), *many)
    assert kept == [b"other", *(record for _, record in many[3:])]


async def test_of_many_versions_those_loaded_last_stay(tmp_path: Path) -> None:
    many = [(f"{number}", b"%d" % number) for number in range(DIGESTS)]
    kept = await keep(tmp_path / "a.db", *many, ("0", b"again"), ("new", b"new"))
    assert kept == [b"0", *(record for _, record in many[2:]), b"again", b"new"]


@pytest.mark.parametrize("content", [None, b"", b"no database"])
def test_a_database_that_cannot_be_read_has_taught_nothing(content: bytes | None, tmp_path: Path) -> None:
    file = tmp_path / "greenroom.db"
    if content is not None:
        file.write_bytes(content)
    assert read_early(file) == []


async def test_a_database_that_somebody_keeps_locked_holds_nobody_up(tmp_path: Path) -> None:
    file = tmp_path / "greenroom.db"
    kept = await keep(file, ("a", b"one"))
    other = sqlite3.connect(file, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    assert read_early(file) == kept, "writers do not lock readers out"
    other.execute("ROLLBACK")
    other.execute("PRAGMA locking_mode=EXCLUSIVE")
    other.execute("BEGIN EXCLUSIVE")
    assert read_early(file) == []
    other.close()
