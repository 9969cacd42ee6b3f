"""What earlier loads on this machine taught, kept in the data folder: durations, and verdicts on number formats.

One small JSON file until the store exists. Losing it costs only precision, so damage means starting anew.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from greenroom.readiness.history import LoadHistory, LoadRecord
from greenroom.sources.shelf import write_whole

FILE_NAME = "loads.json"


class LoadMemory:
    """`history` and `verdicts` as they stand; every change is written through."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / FILE_NAME
        self._writing = asyncio.Lock()
        content = self._read()
        self.history = LoadHistory.from_json(json.dumps(content.get("history")))
        self._verdicts: dict[str, dict[str, bool]] = content.get("verdicts", {})
        self._resident: dict[str, int] = {}
        """Digest → bytes that a host with this version was seen to take in this server life."""

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
        """Keep a finished load. Replaces the file at once, so that a crash leaves the old or the new one.

        Raises OSError when it cannot be written."""
        self.history.add(record)
        self._verdicts[record.digest] = {**self._verdicts.get(record.digest, {}), **verdicts}
        content = {"history": json.loads(self.history.to_json()), "verdicts": self._verdicts}
        async with self._writing:
            await asyncio.to_thread(write_whole, self._file, json.dumps(content).encode())

    def _read(self) -> dict[str, Any]:
        try:
            content = json.loads(self._file.read_text())
        except (OSError, ValueError):
            return {}
        sound = isinstance(content, dict) and isinstance(content.get("verdicts"), dict)
        return content if sound and all(isinstance(known, dict) for known in content["verdicts"].values()) else {}
