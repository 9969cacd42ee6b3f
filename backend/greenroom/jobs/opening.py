"""The queue on the store's database. What it needs is imported as late as this: see `store.store`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from greenroom.errors import JobsUnavailableError
from greenroom.jobs.seam import JobQueue

if TYPE_CHECKING:
    from greenroom.store.database import Database


def open_queue(database: Database, folder: Path) -> JobQueue:
    """`folder`: for uploaded files. Raises JobsUnavailableError when it cannot be made."""
    from greenroom.jobs.sql_queue import SqlQueue

    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise JobsUnavailableError(f"The folder of jobs cannot be made: {error.strerror}.") from error
    return SqlQueue(database, folder)
