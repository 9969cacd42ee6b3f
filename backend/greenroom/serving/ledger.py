"""Which version is to serve under each name, which one came before, and what holds it fast: kept in the data folder,
so that a server that starts again goes on with it, and a rollback outlives it. Whoever decides what a model is to load
next writes it here, before the load.

One small JSON file. Losing it costs a look at the sources, so damage means starting anew. Several processes may share
it, a server and its workers of jobs: each writes the entries that it has changed since it last read or wrote them, and
no others, so that none undoes with what it remembers what another has decided.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec
import structlog

from greenroom.sources.shelf import try_lock, write_whole
from greenroom.words import ModelSpec, ModelVersion

FILE_NAME = "registry.json"
LOCK_NAME = "registry.lock"
LOCK_SECONDS = 2.0
"""Longest wait for another process that writes: one that was stopped while it did must not stop us."""
LOOK_AGAIN_SECONDS = 0.02

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
        self._lock = folder / LOCK_NAME
        self._writing = asyncio.Lock()
        self._entries = self._read()
        self._known = _copied(self._entries)
        """As they were when they were last read or written here."""

    def entry(self, spec: ModelSpec) -> Entry:
        """The entry of `spec`, to be changed in place and then written with `save`."""
        entry = self._entries.get(spec.name)
        if entry is None or entry.source != spec.source:
            entry = self._entries[spec.name] = Entry(spec.source)
            self._known[spec.name] = replace(entry)
        return entry

    def refresh(self, spec: ModelSpec) -> Entry:
        """The same, with what other processes have decided meanwhile, unless something was decided here, too."""
        entry = self.entry(spec)
        told = self._read().get(spec.name)
        if told is not None and told.source == spec.source and entry == self._known[spec.name]:
            vars(entry).update(vars(told))
            self._known[spec.name] = told
        return entry

    async def save(self) -> None:
        """Replaces the file at once. One that cannot be written is no reason to refuse a change: it is logged."""
        async with self._writing:
            changed = {name: replace(entry) for name, entry in self._entries.items() if entry != self._known[name]}
            try:
                await asyncio.to_thread(self._write, changed, _copied(self._entries))
            except OSError as error:
                log.error("registry_not_written", file=self._file.name, error=repr(error))
            else:
                self._known.update(changed)

    def _write(self, changed: Mapping[str, Entry], own: Mapping[str, Entry]) -> None:
        """Raises OSError."""
        self._file.parent.mkdir(parents=True, exist_ok=True)
        with self._lock.open("a") as lock:
            until = time.monotonic() + LOCK_SECONDS
            while not try_lock(lock.fileno()) and time.monotonic() < until:
                time.sleep(LOOK_AGAIN_SECONDS)
            write_whole(self._file, msgspec.json.encode({**own, **self._read(), **changed}))

    def _read(self) -> dict[str, Entry]:
        try:
            return msgspec.json.decode(self._file.read_bytes(), type=dict[str, Entry])
        except (OSError, msgspec.MsgspecError, UnicodeError, RecursionError):
            return {}


def _copied(entries: Mapping[str, Entry]) -> dict[str, Entry]:
    return {name: replace(entry) for name, entry in entries.items()}
