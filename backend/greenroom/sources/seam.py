"""What the front asks of the fetch process. What that asks of every source stands in `greenroom.sources.plan`."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol, TypeAlias

from greenroom.words import ModelSpec, ModelVersion

if TYPE_CHECKING:  # the fetch process starts without pydantic
    from greenroom.protocol.snapshot import StageName

Progress = Callable[[int, int], None]
"""Takes (bytes_done, bytes_total). Neither number falls; both are equal in the last call."""

Report: TypeAlias = "Callable[[StageName, int, int], None]"
"""Takes (stage, bytes_done, bytes_total) on the event loop, in order. The stage is `resolve` or `download`."""


class Want(StrEnum):
    """Which version of a spec to fetch."""

    CACHED = "cached"
    """The last one that was fetched for this source, from disk and without any network; the latest when there is none.
    What a server asks when it starts."""
    LATEST = "latest"
    """The one that the source names now."""


@dataclass(frozen=True)
class Found:
    """What a source names right now, without its files."""

    key: str
    """Equals `ModelVersion.key` of the version that `fetch` would give."""
    label: str
    stage: str | None


class Fetcher(Protocol):
    """Resolves, downloads and verifies beside the front. All calls may run beside each other, those for one model
    included: two that want the same version wait for one another's download, and `clear` leaves alone what is being
    downloaded. What one call gives, a `clear` that keeps another version may delete: whoever goes on to load it names
    it in `keep`."""

    async def look(self, spec: ModelSpec) -> Found:
        """What the source of `spec` names now. Raises ConfigError, SourceError."""

    async def fetch(self, spec: ModelSpec, want: Want | str, report: Report) -> ModelVersion:
        """Have the files of a version on this machine, each of them verified just now. A `str` is the `key` of a
        version that was fetched before, to be had again from disk.

        Cancelling ends the work within moments and leaves what was downloaded for the next try to go on from.
        Raises ConfigError, SourceError."""

    async def clear(self, spec: ModelSpec, keep: Collection[str]) -> int:
        """Delete the downloaded files of every version of `spec` but those whose `key` is in `keep`; the bytes that
        became free. Files that a source only points at (`path:`, `package:`) are nobody's to delete."""

    async def close(self) -> None:
        """End the fetch process."""
