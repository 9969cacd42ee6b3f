"""Bring a database to the tables of this version, at the start, in one transaction that nobody else has meanwhile.

A process that is killed on the way leaves the database as it was. Alembic takes a third of a second to import, and
nearly every start finds the database as it should be: so the version that it noted is read by hand first.
"""

from __future__ import annotations

import sqlite3
import time
from pathlib import Path

from sqlalchemy import Connection, inspect, text
from sqlalchemy.exc import SQLAlchemyError

from greenroom.errors import ConfigError, JobsUnavailableError
from greenroom.store.database import engine_of

PATIENCE_SECONDS = 2.0
"""With another process that migrates, or holds the database for something else."""
AGAIN_SECONDS = 0.02
HEAD = "0001"
"""The last of `migrations/versions`."""
MIGRATIONS = Path(__file__).parent / "migrations"
_LOCK_NUMBER = 7_241_953
"""PostgreSQL's advisory lock of ours."""


def migrate(url: str) -> bool:
    """Whether anything had to be done. Raises JobsUnavailableError; ConfigError for a database of a later Greenroom,
    and for a `url` that is none."""
    engine = engine_of(url, PATIENCE_SECONDS)
    try:
        with engine.execution_options(greenroom_reads=True).connect() as connection:
            if _is_todays(connection):
                return False
        with engine.connect() as connection:
            if engine.dialect.name == "sqlite":
                _prepare(connection)
            with connection.begin():
                if engine.dialect.name == "postgresql":
                    _be_alone(connection)
                if _is_todays(connection):  # by another process by now
                    return False
                upgrade(connection)
        return True
    except (SQLAlchemyError, sqlite3.Error, OSError) as error:
        raise JobsUnavailableError("The database of jobs cannot be opened; the server's log says why.") from error
    finally:
        engine.dispose()


def upgrade(connection: Connection) -> None:
    """To HEAD, in the transaction that there is."""
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


def _prepare(connection: Connection) -> None:
    """What SQLite does outside of transactions alone. The file keeps its journal; a table that is made anew must not
    take the rows of others along while it is gone."""
    driver = connection.connection.driver_connection
    assert isinstance(driver, sqlite3.Connection)  # noqa: S101 - by its dialect
    driver.execute("PRAGMA foreign_keys=OFF")
    give_up_at = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            driver.execute("PRAGMA journal_mode=WAL")
            return
        except sqlite3.OperationalError:  # it has no patience of its own with who does the same
            if time.monotonic() >= give_up_at:
                raise
            time.sleep(AGAIN_SECONDS)


def _be_alone(connection: Connection) -> None:
    connection.execute(text(f"SET LOCAL lock_timeout = '{PATIENCE_SECONDS:g}s'"))
    connection.execute(text("SELECT pg_advisory_xact_lock(:number)"), {"number": _LOCK_NUMBER})


def _is_todays(connection: Connection) -> bool:
    """Raises ConfigError for a database of a later Greenroom."""
    version = _version(connection)
    if version is not None and version > HEAD:
        raise ConfigError(
            f"The database of jobs is of a later Greenroom (its tables are {version}, ours {HEAD}). Start that one, or "
            "name another GREENROOM_DATA."
        )
    return version == HEAD


def _version(connection: Connection) -> str | None:
    """What Alembic noted; None for an empty database."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    noted: str | None = connection.execute(text("SELECT version_num FROM alembic_version")).scalar_one_or_none()
    return noted
