"""How much of the disk an SQLite database uses, asked of SQLite by hand: it costs less than a look at the folder."""

from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path
from urllib.parse import quote

PATIENCE_SECONDS = 0.1
_USED = (
    "SELECT (page_count - freelist_count) * page_size FROM pragma_page_count, pragma_freelist_count, pragma_page_size"
)


def used_bytes(file: Path) -> int:
    """Without what it keeps free, which is filled first; 0 where there is none, or one that cannot be read."""
    with contextlib.suppress(sqlite3.Error):
        address = f"file:{quote(str(file))}?mode=ro"
        with contextlib.closing(sqlite3.connect(address, uri=True, timeout=PATIENCE_SECONDS)) as connection:
            return int(connection.execute(_USED).fetchone()[0])
    return 0
