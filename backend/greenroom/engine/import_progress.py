"""How far the runtime's import is, for everyone who waits for it.

The zygote counts the modules that it imports; how many there will be is known from the last complete import on this
machine, or from the number that the shipped versions need. A count that outgrows its total is held just below it:
the total is a promise made from the past, `complete` is the fact.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
from collections.abc import Callable
from pathlib import Path

from greenroom.engine.seam import Report, Step
from greenroom.protocol.snapshot import StageName

SHIPPED_MODULES = 3450
"""What torch 2.13 with sentence-transformers 6.2 asked for when this was written."""
_FILE = "runtime-import.json"


class ImportCount:
    """How many modules a complete import took last time, kept in the data folder."""

    def __init__(self, data_folder: Path | None) -> None:
        self._file = None if data_folder is None else data_folder / _FILE
        self.modules = self._read()

    def remember(self, modules: int) -> None:
        """Keep `modules` for the next start; a folder that cannot be written only costs accuracy."""
        if modules <= 0 or modules == self.modules:
            return
        self.modules = modules
        if self._file is None:
            return
        partial = self._file.with_name(f"{_FILE}.{os.getpid()}.partial")
        with contextlib.suppress(OSError):
            self._file.parent.mkdir(parents=True, exist_ok=True)
            partial.write_text(json.dumps({"modules": modules}), encoding="utf-8")
            partial.replace(self._file)

    def _read(self) -> int:
        if self._file is None:
            return SHIPPED_MODULES
        try:
            modules = json.loads(self._file.read_text(encoding="utf-8"))["modules"]
        except (OSError, ValueError, KeyError, TypeError):
            return SHIPPED_MODULES
        return modules if isinstance(modules, int) and modules > 0 else SHIPPED_MODULES


class ImportProgress:
    """Where one zygote's import stands, broadcast to all who follow it."""

    def __init__(self, count: ImportCount) -> None:
        self._count = count
        self._total = count.modules
        self._done = 0
        self._complete = asyncio.Event()
        self._closed = False
        self._followers: set[Callable[[Step], None]] = set()

    @property
    def complete(self) -> bool:
        return self._complete.is_set() and not self._closed

    @property
    def step(self) -> Step:
        done = self._total if self.complete else min(self._done, self._total - 1)
        return Step(StageName.IMPORT, done, self._total, "modules")

    def advance(self, done: int, complete: bool) -> None:
        """Take in what the zygote says."""
        if complete:
            self._count.remember(done)
            self._complete.set()
        self._done = max(self._done, done)
        for follower in tuple(self._followers):
            follower(self.step)

    def restart(self) -> None:
        """A new zygote begins from nothing. For those who follow now, what they were told stands until the new count
        is past it: nobody's count falls."""
        if self._closed:
            return
        if not self._followers:
            self._done = 0
        self._complete.clear()
        self._total = max(self._total, self._count.modules) if self._followers else self._count.modules

    def close(self) -> None:
        """Let every follower go: no import will complete any more."""
        self._closed = True
        self._complete.set()

    async def follow(self, report: Report) -> None:
        """Report where the import stands and each step until it is complete; return at once if it is, or if this
        was closed."""
        if self._complete.is_set():
            return
        report(self.step)
        self._followers.add(report)
        try:
            await self._complete.wait()
        finally:
            self._followers.discard(report)
