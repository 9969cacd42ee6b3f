"""Opening the queue on its database. What it needs is imported as late as this: see `jobs.service`."""

from __future__ import annotations

from pathlib import Path

from greenroom.errors import JobsUnavailableError
from greenroom.jobs.seam import JobQueue
from greenroom.settings import Settings

_SQLITE = "sqlite:///"


def database_url(settings: Settings) -> str:
    """As of SQLAlchemy."""
    return settings.database_url or f"{_SQLITE}{settings.data.resolve() / 'greenroom.db'}"


def stands(url: str) -> bool:
    """Whether there may be jobs in it: only of a file that is not there is it known that there are none."""
    return not url.startswith(_SQLITE) or Path(url.removeprefix(_SQLITE)).exists()


def open_queue(url: str, folder: Path) -> JobQueue:
    """A queue on the database, brought to today's tables; takes most of a second the first time, on any thread.
    `folder`: for uploaded files.

    Raises JobsUnavailableError; ConfigError for a database of a later Greenroom."""
    from greenroom.jobs.sql_queue import SqlQueue
    from greenroom.store.database import Database
    from greenroom.store.migrate import migrate

    try:
        folder.mkdir(parents=True, exist_ok=True)
        migrate(url)
    except OSError as error:
        raise JobsUnavailableError(f"The folder of jobs cannot be made: {error.strerror}.") from error
    return SqlQueue(Database(url), folder)
