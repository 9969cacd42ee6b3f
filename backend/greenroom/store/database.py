"""One database, one thread that writes to it, and as many that read.

The problem: a 202 is a promise that survives a power cut, so it needs a commit that is on the disk, and a disk gives a
few hundred of those a second. The idea: units of work that wait for the writer at the same moment share one
transaction; each has a savepoint of its own, so that one that raises undoes itself alone, and all get their answer
after the one commit. Under no load a unit is committed at once; under load a commit carries as many as came while the
last one ran.

SQLite: WAL (kept by the file, see `store.migrate`), synchronous=FULL, a busy timeout, foreign keys on. Any other
database of SQLAlchemy's is used as it comes.
Invariant: a session lives for one unit of work in one thread, and never across an await.
"""

from __future__ import annotations

import asyncio
import contextlib
import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future, InvalidStateError, ThreadPoolExecutor
from typing import Any, TypeVar

import structlog
from sqlalchemy import Engine, create_engine, event
from sqlalchemy.exc import (
    ArgumentError,
    InterfaceError,
    InternalError,
    OperationalError,
    PendingRollbackError,
    ResourceClosedError,
    SQLAlchemyError,
)  # fmt: skip
from sqlmodel import Session

from greenroom.errors import ConfigError, JobsUnavailableError

BUSY_SECONDS = 5.0
MAX_GROUP = 256
"""Units in one commit."""
MAX_WAITING = 10_000
READERS = 4
JOURNAL_BYTES = 64 * 1024 * 1024
"""What SQLite keeps of a journal that was longer once: it never shrinks by itself."""
_EVERYBODYS = (OperationalError, InternalError, InterfaceError, ResourceClosedError, PendingRollbackError)
"""Faults of the database; others come of what one unit asked for."""

log = structlog.get_logger("greenroom.store")
_Result = TypeVar("_Result")
Work = Callable[[Session], _Result]
"""A unit of work. What it finds in the session's `info` was noted by those before it in the same transaction."""


class Database:
    """`url` as of SQLAlchemy. Opens nothing before the first unit of work. `busy_seconds`: how long a unit waits for
    another process's lock before it fails. Raises ConfigError for a `url` that is none."""

    def __init__(self, url: str, busy_seconds: float = BUSY_SECONDS) -> None:
        self.engine = engine_of(url, busy_seconds)
        self._reading = self.engine.execution_options(greenroom_reads=True)
        self._waiting: queue.SimpleQueue[tuple[Work[Any], Future[Any]] | None] = queue.SimpleQueue()
        """None: no more will come."""
        self._readers = ThreadPoolExecutor(READERS, thread_name_prefix="greenroom-read")
        self._writer = threading.Thread(target=self._write, name="greenroom-write", daemon=True)
        self._closed = False
        self._writer.start()

    async def write(self, work: Work[_Result]) -> _Result:
        """The result of `work`, once it is committed. What `work` raises undoes it, and it alone.

        Raises JobsUnavailableError when the database is locked, full or away, and after `close`."""
        self._require_open()
        if self._waiting.qsize() >= MAX_WAITING:
            raise JobsUnavailableError("Too many jobs are being written at once.")
        done: Future[_Result] = Future()
        self._waiting.put((work, done))
        return await asyncio.wrap_future(done)

    async def read(self, work: Work[_Result]) -> _Result:
        """Raises JobsUnavailableError."""
        self._require_open()
        return await asyncio.get_running_loop().run_in_executor(self._readers, self._read, work)

    async def close(self, seconds: float | None = None) -> None:
        """Finish what waits, in at most so many `seconds`: what somebody else keeps locked longer stays undone."""
        if self._closed:
            return
        self._closed = True
        self._waiting.put(None)
        await asyncio.to_thread(self._writer.join, seconds)
        self._readers.shutdown(wait=False)
        if self._writer.is_alive():
            log.warning("database_left", reason="It did not take what was to be written in time.")
        else:
            self.engine.dispose()

    def _require_open(self) -> None:
        if self._closed:
            raise JobsUnavailableError("The server is stopping. Try again in a moment.")

    def _read(self, work: Work[_Result]) -> _Result:
        with _told(), Session(self._reading) as session:
            return work(session)

    def _write(self) -> None:
        while (first := self._waiting.get()) is not None:
            group = [first]
            with contextlib.suppress(queue.Empty):
                while len(group) < MAX_GROUP:
                    unit = self._waiting.get_nowait()
                    if unit is None:
                        self._waiting.put(None)  # after these
                        break
                    group.append(unit)
            self._commit(group)

    def _commit(self, group: list[tuple[Work[Any], Future[Any]]]) -> None:
        """All of the group in one transaction, then their answers."""
        answers: list[Callable[[], None]] = []
        try:
            with _told(), Session(self.engine) as session, session.begin():
                for work, done in group:
                    answers.append(_one(session, work, done))
        except BaseException as error:
            answers = [_raiser(done, error) for _, done in group]
        for answer in answers:
            with contextlib.suppress(InvalidStateError):  # its caller left this moment
                answer()


def _one(session: Session, work: Work[Any], done: Future[Any]) -> Callable[[], None]:
    """Run one unit in a savepoint; how to answer it once all is committed. Raises faults of the database, which are
    everybody's; one that comes of the unit's own data is its own."""
    if not done.set_running_or_notify_cancel():
        return lambda: None  # its caller left before it began
    try:
        with session.begin_nested():
            result = work(session)
    except _EVERYBODYS:
        raise
    except Exception as error:
        session.info.clear()  # what it noted there for the units after it is undone, too
        return _raiser(done, error)
    return lambda: done.set_result(result)


def _raiser(done: Future[Any], error: BaseException) -> Callable[[], None]:
    return lambda: done.set_exception(error)


@contextlib.contextmanager
def _told() -> Any:
    """Turn the database's troubles into one error that says what can be done."""
    try:
        yield
    except SQLAlchemyError as error:
        reason = str(getattr(error, "orig", None) or error)
        log.error("database_failed", reason=reason)
        raise JobsUnavailableError(_words(reason)) from error


def _words(reason: str) -> str:
    if "locked" in reason or "busy" in reason:
        return "The database of jobs is locked by another process. Try again in a moment."
    if "full" in reason:
        return "The disk is full: the database of jobs cannot be written. Make room, then try again."
    return "The database of jobs does not work just now. Try again in a moment; the server's log says why."


def engine_of(url: str, busy_seconds: float) -> Engine:
    """Raises ConfigError, in words without anything of the `url`, which may have a password in it."""
    is_file = url.startswith("sqlite")
    try:
        engine = create_engine(
            url, pool_size=READERS + 1, max_overflow=0, connect_args={"timeout": busy_seconds} if is_file else {},
            pool_pre_ping=not is_file, hide_parameters=True,
        )  # fmt: skip
    except ArgumentError as error:
        raise ConfigError("GREENROOM_DATABASE_URL is no address such as postgresql+psycopg://host/name.") from error
    except ImportError as error:
        hint = ": pip install 'greenroom[postgresql]'" if error.name == "psycopg" else "."
        detail = f"GREENROOM_DATABASE_URL needs the Python package {error.name}, which is not installed{hint}"
        raise ConfigError(detail) from error
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _prepare)
        event.listen(engine, "begin", _begin)
    return engine


def _prepare(connection: Any, _: Any) -> None:
    connection.isolation_level = None  # the driver's own idea of when a transaction begins breaks savepoints
    # What is deleted is overwritten only where that costs no write: else it would take as much room as it frees.
    ours = ("synchronous=FULL", "foreign_keys=ON", "secure_delete=FAST", f"journal_size_limit={JOURNAL_BYTES}")
    for pragma in ours:
        connection.execute(f"PRAGMA {pragma}")


def _begin(connection: Any) -> None:
    """Who will write takes the lock at once: one that is asked for half-way is refused without any patience."""
    reads = connection.get_execution_options().get("greenroom_reads")
    connection.exec_driver_sql("BEGIN" if reads else "BEGIN IMMEDIATE")
