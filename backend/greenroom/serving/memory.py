"""What earlier loads taught: how long they took, and which number formats hold on this machine.

Durations are kept in the store, verdicts in a small file of the data folder, because another machine on the same
database may come to others. Losing either costs only precision, so damage means starting anew.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable, Mapping
from functools import partial
from pathlib import Path

import structlog

from greenroom.errors import JobsUnavailableError
from greenroom.readiness.history import LoadHistory, LoadRecord, decoded, encoded
from greenroom.sources.shelf import write_whole
from greenroom.store.loads import all_loads, keep_load
from greenroom.store.store import Store

FILE_NAME = "verdicts.json"

log = structlog.get_logger("greenroom.serving")


class LoadMemory:
    """`history` and `verdicts` as they stand; every change is written, the history's a moment later."""

    def __init__(self, folder: Path, store: Store) -> None:
        self._file = folder / FILE_NAME
        self._store = store
        self._writing = asyncio.Lock()
        early = store.early_loads()
        self._is_complete = early is not None
        self.history = LoadHistory()
        self._recall(early or ())
        self._verdicts = self._read()
        self._resident: dict[str, int] = {}
        """Digest → bytes that a host with this version was seen to take in this server life."""

    async def run(self) -> None:
        """Recall what could not be read before the database was open."""
        if not self._is_complete:
            try:
                self._recall(await (await self._store.opened()).read(all_loads))
            except JobsUnavailableError as error:
                log.warning("load_history_not_read", reason=str(error))

    def verdicts(self, digest: str) -> Mapping[str, bool]:
        """dtype → outcome of the check against float32 of the version with this digest."""
        return dict(self._verdicts.get(digest, {}))

    def resident_bytes(self, digest: str) -> int | None:
        """Memory that a host with this version took when it was last seen; None when it never was."""
        return self._resident.get(digest)

    def saw_resident(self, digest: str, bytes_: int | None) -> None:
        if bytes_ is not None:
            self._resident[digest] = bytes_

    async def remember(self, record: LoadRecord, verdicts: Mapping[str, bool]) -> None:
        """Keep a finished load. Raises OSError when the verdicts cannot be written."""
        self.history.add(record)
        if record.digest:
            self._store.later(partial(keep_load, digest=record.digest, record=encoded(record)))
        known = self._verdicts.get(record.digest, {})
        if not verdicts.items() <= known.items():
            self._verdicts[record.digest] = {**known, **verdicts}
            async with self._writing:
                await asyncio.to_thread(write_whole, self._file, json.dumps(self._verdicts).encode())

    def _recall(self, records: Iterable[bytes]) -> None:
        for record in filter(None, map(decoded, records)):
            self.history.add(record)

    def _read(self) -> dict[str, dict[str, bool]]:
        try:
            content = json.loads(self._file.read_text())
        except (OSError, ValueError):
            return {}
        is_sound = isinstance(content, dict) and all(isinstance(known, dict) for known in content.values())
        return content if is_sound else {}
