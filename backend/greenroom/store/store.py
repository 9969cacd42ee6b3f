"""The database beside a server: when it opens, and what is written once it has.

The problem: its libraries take half a second to import, which is not to be paid before the server listens, and a
database may be away for a while. The idea: it opens in a thread, a moment after the start where there is one already,
else when somebody first needs it; who needs it waits, and what can wait is handed over for later.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
import time
from collections import deque
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote, urlsplit

import structlog

from greenroom.errors import GreenroomError, JobsUnavailableError
from greenroom.settings import Settings
from greenroom.store.loads import read_early
from greenroom.store.size import used_bytes
from greenroom.tasks import crash_loudly

if TYPE_CHECKING:
    from greenroom.store.database import Database, Work

OPEN_AFTER_SECONDS = 0.25
"""After the start, unless somebody asks before: by then the server listens."""
LATER_SECONDS = 3.0
"""After something was handed over: by then those who waited for a model have been served."""
REOPEN_SECONDS = 5.0
PATIENCE_SECONDS = 20.0
"""How long a caller waits for the database."""
MAX_LATER = 1000
END_SECONDS = 1.0
"""For all that is still to be written when the server stops, whoever holds the database; of the seconds that
`server.FINISH_SECONDS` counts."""
TURN_SECONDS = 0.0002
"""After so long the thread that opens the database lets the event loop have its turn; Python's own 5 ms would be felt
by every call meanwhile."""
_SQLITE = "sqlite:///"

log = structlog.get_logger("greenroom.store")


class Store:
    """Cheap to make; nothing happens before `running()` is entered."""

    def __init__(self, settings: Settings) -> None:
        self.url = settings.database_url or f"{_SQLITE}{quote(str(settings.data.resolve() / 'greenroom.db'))}"
        """As of SQLAlchemy."""
        name = self.url.removeprefix(_SQLITE).partition("?")[0]
        self._file = Path(unquote(name)) if self.url.startswith(_SQLITE) else None
        self._database: Database | None = None
        self._trouble: GreenroomError | None = None
        self._asked = asyncio.Event()
        self._turn = asyncio.Event()
        """Set, and replaced, whenever opening has succeeded or failed."""
        self._is_ending = False
        self._life: asyncio.Task[None]
        self._later: deque[Work[None]] = deque(maxlen=MAX_LATER)

    def early_loads(self) -> list[bytes] | None:
        """The records of earlier loads, oldest first, read without the database's libraries; None where that cannot
        be: `loads.all_loads` reads them once it is open."""
        return read_early(self._file) if self._file else None

    def used_bytes(self) -> int:
        """Of the disk, by an SQLite database, without what it keeps free for itself; 0 for any other one."""
        return used_bytes(self._file) if self._file else 0

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[Store]:
        """Open the database beside the caller; on leaving, `end`."""
        self._life = asyncio.create_task(self._live(), name="store")
        self._life.add_done_callback(crash_loudly)
        try:
            yield self
        finally:
            await self.end()

    async def end(self) -> None:
        """Write what is left for later, and close it; in END_SECONDS at most. Once is enough."""
        self._is_ending = True
        self._asked.set()
        if self._database is None:
            self._life.cancel()
        ends_at = asyncio.get_running_loop().time() + END_SECONDS
        await asyncio.wait([self._life], timeout=END_SECONDS)
        self._life.cancel()
        await asyncio.gather(self._life, return_exceptions=True)
        if self._database is not None:
            await self._database.close(max(0.1, ends_at - asyncio.get_running_loop().time()))

    async def opened(self) -> Database:
        """Wait for as long as it takes, without asking for it."""
        while self._database is None:
            await self._turn.wait()
        return self._database

    async def database(self) -> Database:
        """Ask for it. Raises JobsUnavailableError when it cannot be opened."""
        self._asked.set()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(PATIENCE_SECONDS):
                while self._database is None and self._trouble is None:
                    await self._turn.wait()
        if self._database is None:
            raise JobsUnavailableError(str(self._trouble or "The database is not open yet: try again in a moment."))
        return self._database

    def later(self, work: Work[None]) -> None:
        """Write this when it disturbs nobody; a fault is logged. For what is good to have, and no more."""
        self._later.append(work)
        asyncio.get_running_loop().call_later(LATER_SECONDS, self._asked.set)

    async def _live(self) -> None:
        """Until it has succeeded; whoever waits hears of each failure. Then write what can wait."""
        there = self._file is None or self._file.exists()
        await _wait(self._asked, OPEN_AFTER_SECONDS if there else None)
        while self._database is None:
            begun = time.monotonic()
            try:
                self._database = await asyncio.to_thread(_opened, self.url)
                log.info("store_opened", seconds=round(time.monotonic() - begun, 3))
            except GreenroomError as error:
                self._trouble = error
                cause = _without_secret(repr(error.__cause__), self.url)
                log.error("store_unavailable", reason=str(error), cause=cause, next_try_seconds=REOPEN_SECONDS)
            except Exception:
                self._trouble = JobsUnavailableError("The database cannot be opened; the server's log says why.")
                log.exception("store_broke", next_try_seconds=REOPEN_SECONDS)
            self._turn.set()
            self._turn = asyncio.Event()
            if self._database is None:
                await asyncio.sleep(REOPEN_SECONDS)
        while not self._is_ending:
            self._asked.clear()
            await self._write_later(self._database)
            await self._asked.wait()
        await self._write_later(self._database)

    async def _write_later(self, database: Database) -> None:
        """All side by side: where the database is held, they wait for it once."""
        writes = [database.write(work) for work in self._later]
        self._later.clear()
        for end in await asyncio.gather(*writes, return_exceptions=True):
            if isinstance(end, Exception):
                log.warning("not_written", reason=str(end))


def _opened(url: str) -> Database:
    """A database, brought to today's tables. Takes half a second the first time, in any thread.

    Raises JobsUnavailableError; ConfigError for a database of a later Greenroom, or for an address that is none."""
    with _short_turns():
        from greenroom.store.database import Database
        from greenroom.store.migrate import migrate

        migrate(url)
        return Database(url)


def _without_secret(text: str, url: str) -> str:
    """Some drivers quote the address that they were given."""
    password = ""
    with contextlib.suppress(ValueError):
        password = urlsplit(url).password or ""
    for secret in filter(None, (url, password, unquote(password))):
        text = text.replace(secret, "***")
    return text


@contextlib.contextmanager
def _short_turns() -> Iterator[None]:
    usual = sys.getswitchinterval()
    sys.setswitchinterval(TURN_SECONDS)
    try:
        yield
    finally:
        sys.setswitchinterval(usual)


async def _wait(event: asyncio.Event, seconds: float | None) -> None:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await event.wait()
