"""Bring a database to the tables of this version, at the start and under a lock.

Alembic takes a third of a second to import, and nearly every start finds the database as it should be: so the version
that it noted is read by hand first.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from sqlalchemy import Connection, Engine, create_engine, inspect, text
from sqlalchemy.exc import DBAPIError

from greenroom.errors import ConfigError, JobsUnavailableError

try:
    import fcntl
except ImportError:  # Windows: one server a machine
    fcntl = None  # type: ignore[assignment]

HEAD = "0001"
"""The last of `migrations/versions`."""
MIGRATIONS = Path(__file__).parent / "migrations"
_LOCK_NUMBER = 7_241_953
"""PostgreSQL's advisory lock of ours."""


def migrate(url: str) -> bool:
    """Whether anything had to be done. Raises JobsUnavailableError; ConfigError for a database of a later Greenroom."""
    engine = create_engine(url)
    try:
        with _alone(engine) as connection:
            version = _version(connection)
            if version == HEAD:
                return False
            if version is not None and version > HEAD:
                raise ConfigError(
                    f"The database of jobs is of a later Greenroom (its tables are {version}, ours {HEAD}). Start that "
                    "one, or name another GREENROOM_DATA."
                )
            if engine.dialect.name == "sqlite":
                connection.exec_driver_sql("PRAGMA journal_mode=WAL")  # the file keeps it
                connection.commit()
            upgrade(connection)
            return True
    except (DBAPIError, OSError) as error:
        raise JobsUnavailableError("The database of jobs cannot be opened; the server's log says why.") from error
    finally:
        engine.dispose()


def upgrade(connection: Connection) -> None:
    """To HEAD, in a transaction."""
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
    connection.commit()


@contextlib.contextmanager
def _alone(engine: Engine) -> Iterator[Connection]:
    """A connection while no other process migrates."""
    with contextlib.ExitStack() as held:
        if engine.dialect.name == "sqlite" and fcntl is not None and engine.url.database:
            lock = held.enter_context(Path(f"{engine.url.database}.lock").open("a"))
            fcntl.flock(lock.fileno(), fcntl.LOCK_EX)
        connection = held.enter_context(engine.connect())
        if engine.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_lock(:number)"), {"number": _LOCK_NUMBER})
        yield connection


def _version(connection: Connection) -> str | None:
    """What Alembic noted; None for an empty database."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    noted: str | None = connection.execute(text("SELECT version_num FROM alembic_version")).scalar_one_or_none()
    return noted
