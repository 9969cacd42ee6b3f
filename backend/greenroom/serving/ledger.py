"""Which version is to serve under each name, which one came before, and what holds it fast: kept in the data folder,
so that a server that starts again goes on with it, and a rollback outlives it. Whoever decides what a model is to load
next writes it here, before the load.

One small JSON file. Losing it costs a look at the sources, so damage means starting anew.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path

import msgspec
import structlog

from greenroom.sources.shelf import write_whole
from greenroom.words import ModelSpec, ModelVersion

FILE_NAME = "registry.json"

log = structlog.get_logger("greenroom.serving")


@dataclass
class Entry:
    """What is known under one name. Versions are named by `ModelVersion.key`."""

    source: str
    """The source that all of it is about: with another one configured, the entry begins anew."""
    active: str | None = None
    """The version that serves, or is to."""
    active_id: str | None = None
    """The same as people know it."""
    space: str = ""
    """Embedding space of the version that served last."""
    previous: str | None = None
    previous_id: str | None = None
    pinned_against: str | None = None
    """After a rollback: the version that was left. As long as the source names this one, the updater keeps off."""

    def serves(self, version: ModelVersion, *, has_versions: bool = True) -> None:
        """It took over from whichever is noted here, which can serve again if its files are kept (`has_versions`)."""
        if has_versions and self.active not in (None, version.key):
            self.previous, self.previous_id = self.active, self.active_id
        self.active, self.active_id, self.space = version.key, version.id, version.space

    def roll_back(self) -> None:
        """The previous version is to serve, and is held fast."""
        self.active, self.previous = self.previous, self.active
        self.active_id, self.previous_id = self.previous_id, self.active_id
        self.pinned_against = self.previous


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
        """Replaces the file at once. One that cannot be written is no reason to refuse a change: it is logged."""
        content = msgspec.json.encode(self._entries)
        async with self._writing:
            try:
                await asyncio.to_thread(write_whole, self._file, content)
            except OSError as error:
                log.error("registry_not_written", file=self._file.name, error=repr(error))

    def _read(self) -> dict[str, Entry]:
        try:
            return msgspec.json.decode(self._file.read_bytes(), type=dict[str, Entry])
        except (OSError, msgspec.MsgspecError, UnicodeError, RecursionError):
            return {}
