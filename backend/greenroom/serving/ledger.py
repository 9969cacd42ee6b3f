"""Which version serves under each name, which one came before, and what holds it fast: kept in the data folder, so
that a server that starts again goes on with the version that served, and a rollback outlives it.

One small JSON file. Losing it costs a look at the sources, so damage means starting anew.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path

import msgspec

from greenroom.serving.memory import write_whole
from greenroom.words import ModelSpec

FILE_NAME = "registry.json"


@dataclass
class Entry:
    """What is known under one name. Versions are named by `ModelVersion.key`."""

    source: str
    """The source that all of it is about: with another one configured, the entry begins anew."""
    active: str | None = None
    previous: str | None = None
    previous_id: str | None = None
    """The previous version as people know it."""
    pinned_against: str | None = None
    """After a rollback: the version that was left. As long as the source names this one, the updater keeps off."""


class Ledger:
    def __init__(self, folder: Path) -> None:
        self._file = folder / FILE_NAME
        self._writing = asyncio.Lock()
        self._entries = self._read()

    def entry(self, spec: ModelSpec) -> Entry:
        """The entry of `spec`, to be changed in place and then written with `save`."""
        entry = self._entries.get(spec.name)
        if entry is None or entry.source != spec.source:
            entry = self._entries[spec.name] = Entry(spec.source)
        return entry

    async def save(self) -> None:
        """Replaces the file at once. Raises OSError when it cannot be written."""
        text = msgspec.json.encode(self._entries).decode()
        async with self._writing:
            await asyncio.to_thread(write_whole, self._file, text)

    def _read(self) -> dict[str, Entry]:
        try:
            return msgspec.json.decode(self._file.read_bytes(), type=dict[str, Entry])
        except (OSError, msgspec.MsgspecError, UnicodeError, RecursionError):
            return {}
