"""The table of finished loads.

Its rows are wanted when the first load of a server's life begins, long before the database's libraries are imported:
so SQLite's own module reads them, and any other database is asked once it is open.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

if TYPE_CHECKING:
    from sqlmodel import Session

from greenroom.readiness.history import DIGESTS, LOADS_PER_DIGEST

PATIENCE_SECONDS = 0.1
"""For another process that holds the database: who starts does not wait for a better estimate."""
_ALL = "SELECT record FROM model_loads ORDER BY number"


def read_early(file: Path) -> list[bytes]:
    """All records of an SQLite database, oldest first; none where there is anything wrong with it."""
    if not file.exists():
        return []
    with contextlib.suppress(sqlite3.Error):
        address = f"file:{quote(str(file))}?mode=ro"
        with contextlib.closing(sqlite3.connect(address, uri=True, timeout=PATIENCE_SECONDS)) as connection:
            return [bytes(record) for (record,) in connection.execute(_ALL)]
    return []


def all_loads(session: Session) -> Sequence[bytes]:
    """Oldest first."""
    from sqlalchemy import text

    return session.connection().execute(text(_ALL)).scalars().all()


def keep_load(session: Session, digest: str, record: bytes) -> None:
    """One more; of each version the newest few stay, and of the versions those that were loaded last."""
    from sqlalchemy import delete, desc, func, insert, select

    from greenroom.store.tables import LoadRow

    loads = LoadRow.__table__  # type: ignore[attr-defined]
    session.execute(insert(loads).values(digest=digest, record=record))
    newest = select(loads.c.number).where(loads.c.digest == digest).order_by(desc(loads.c.number))
    session.execute(
        delete(loads).where(loads.c.digest == digest, loads.c.number.not_in(newest.limit(LOADS_PER_DIGEST)))
    )
    last = select(loads.c.digest).group_by(loads.c.digest).order_by(desc(func.max(loads.c.number))).limit(DIGESTS)
    session.execute(delete(loads).where(loads.c.digest.not_in(last)))
