"""From a version's name to a ready host, told to the board step by step: what a keeper's load and a swap share."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable

import structlog

from greenroom.engine.seam import Host, Step
from greenroom.protocol.snapshot import StageName
from greenroom.serving.gate import require_space
from greenroom.serving.ledger import Entry
from greenroom.serving.means import Means
from greenroom.serving.origin import is_local, origin
from greenroom.serving.room import needed_bytes
from greenroom.sources.seam import Want
from greenroom.words import FileCorruptError, FileMissingError, ModelSpec, ModelVersion, SourceNotFoundError

log = structlog.get_logger("greenroom.serving")


class Loader:
    """`step`: the readiness event that takes the steps. `background`: another version serves meanwhile."""

    def __init__(self, spec: ModelSpec, means: Means, step: Callable[..., None], *, background: bool) -> None:
        self._spec = spec
        self._means = means
        self._step = step
        self._background = background

    async def fetch(self, want: Want | str) -> ModelVersion:
        """See `Fetcher.fetch`."""
        return await self._means.fetcher.fetch(self._spec, want, self._fetched)

    async def fetch_to_serve(self, entry: Entry, *, latest: bool) -> ModelVersion:
        """The version that is to serve; the latest, where somebody asked for that or nothing else is to be had.

        Raises VersionRefusedError for another embedding space, ConfigError, SourceError."""
        if entry.active and not latest and not is_local(self._spec):
            version = await self._not_lost(entry.active, entry)
        else:
            version = await self.fetch(Want.LATEST if latest else Want.CACHED)
        if entry.space and version.key != entry.active:  # it was not held against the one that is to serve
            require_space(self._spec, version, entry.space)
        return version

    async def _not_lost(self, key: str, entry: Entry) -> ModelVersion:
        """The version `key` as it lies on disk; the latest when it is gone or damaged, but never one held back."""
        try:
            return await self.fetch(key)
        except (SourceNotFoundError, FileMissingError, FileCorruptError) as error:
            log.warning("version_not_on_disk", model=self._spec.name, key=key, reason=str(error))
            if entry.pinned_against is not None:
                found = await self._means.fetcher.look(self._spec)
                if found.key == entry.pinned_against:
                    raise
            return await self.fetch(Want.LATEST)

    async def load(self, version: ModelVersion) -> Host:
        """Raises NotEnoughMemoryError, and what `Engine.load` raises."""
        spec, memory = self._spec, self._means.memory
        with await self._means.room.make(spec.name, needed_bytes(version, memory.resident_bytes(version.digest))):
            log.info(f"Loading model version {version.id} from {origin(spec)}", model=spec.name, version=version.id)
            return await self._means.engine.load(
                spec, version, memory.verdicts(version.digest), self._report, background=self._background
            )

    @contextlib.asynccontextmanager
    async def import_reported(self) -> AsyncIterator[None]:
        """Show the shared import's steps while something else runs."""
        reporter = asyncio.ensure_future(self._means.engine.imported(self._spec, self._report))
        try:
            yield
        finally:
            reporter.cancel()
            await asyncio.gather(reporter, return_exceptions=True)

    def _fetched(self, stage: StageName, bytes_done: int, bytes_total: int) -> None:
        self._report(Step(stage, bytes_done, max(bytes_total, 1), "bytes"))

    def _report(self, step: Step) -> None:
        self._means.board.happened(self._step, self._spec.name, step.stage, step.done, step.total, step.unit)
