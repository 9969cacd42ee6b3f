"""How much room jobs take, their inputs and their results, so that they never fill the disk: counted now and then,
which finds what other processes put there, and kept up in between."""

from __future__ import annotations

import asyncio
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path

from greenroom.errors import JobsUnavailableError
from greenroom.wording import sized

COUNT_SECONDS = 10.0
COUNTING_SHARE = 20
"""A count comes at least so many times its own length after the one before, however many files there are."""
RETRY_SECONDS = 60
"""Room comes when old jobs are forgotten, which is no matter of seconds."""


def _none() -> int:
    return 0


class Room:
    """All files of `folder` together, and the `database_bytes`, may be `most_bytes`. For any thread.

    `database_bytes` is asked in a thread of its own."""

    def __init__(self, folder: Path, most_bytes: int, database_bytes: Callable[[], int] = _none) -> None:
        self._folder = folder
        self._database_bytes = database_bytes
        self._most_bytes = most_bytes
        self._taken_bytes = 0
        self._count_at = 0.0
        self._is_counting = False
        self._lock = threading.Lock()

    async def require(self, more_bytes: int) -> None:
        """Raises JobsUnavailableError where there is no room for so many."""
        if time.monotonic() >= self._count_at and not self._is_counting:
            self._is_counting = True
            try:
                await asyncio.to_thread(self._count)
            finally:
                self._is_counting = False
        self._require(more_bytes)

    def take(self, more_bytes: int) -> None:
        """They are about to be written. Raises JobsUnavailableError."""
        with self._lock:
            self._require(more_bytes)
            self._taken_bytes += more_bytes

    def give_back(self, fewer_bytes: int) -> None:
        with self._lock:
            self._taken_bytes -= fewer_bytes

    def _require(self, more_bytes: int) -> None:
        if self._taken_bytes + more_bytes > self._most_bytes:
            raise JobsUnavailableError(
                f"There is no room for more jobs: all inputs and results may take {sized(self._most_bytes)}. Nothing "
                "was accepted. Room comes when old jobs are forgotten, or the operator sets GREENROOM_MAX_JOBS_BYTES "
                "higher.",
                RETRY_SECONDS,
            )

    def _count(self) -> None:
        begun, before = time.monotonic(), self._taken_bytes
        counted = _bytes_in(self._folder) + self._database_bytes()
        seconds = time.monotonic() - begun
        with self._lock:
            self._taken_bytes = counted + max(0, self._taken_bytes - before)  # taken while it was counted
            self._count_at = time.monotonic() + max(COUNT_SECONDS, COUNTING_SHARE * seconds)


def _bytes_in(folder: Path) -> int:
    """All files in it, those that go meanwhile left out."""
    total = 0
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                total += _bytes_of(entry)
    except FileNotFoundError:  # before the first upload
        pass
    return total


def _bytes_of(entry: os.DirEntry[str]) -> int:
    try:
        return entry.stat(follow_symlinks=False).st_size if entry.is_file(follow_symlinks=False) else 0
    except FileNotFoundError:
        return 0
