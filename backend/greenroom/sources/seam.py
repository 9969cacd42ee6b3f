"""The seam: one call that every source answers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from greenroom.words import ModelSpec, ModelVersion

Progress = Callable[[int, int], None]
"""Takes (bytes_done, bytes_total) on the event loop. Neither number falls; both are equal in the last call."""


class Source(Protocol):
    """Knows one scheme, the part of `ModelSpec.source` before the first colon."""

    async def resolve(self, spec: ModelSpec, rest: str, report: Progress) -> ModelVersion:
        """Find and verify the files of `spec`. `rest` is what stands behind the scheme.

        Every file is read and hashed on every call. The event loop is never blocked; cancelling stops within
        one chunk. Raises ConfigError when `rest` has the wrong form, SourceError when the files cannot be had."""
