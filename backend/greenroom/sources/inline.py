"""A fetcher without a process: for tests, and for the scripted engine."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Collection
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar, cast

from greenroom.sources.job import Job, Stage
from greenroom.sources.plan import Place
from greenroom.sources.seam import Found, Report, Want
from greenroom.sources.table import LOCAL, split
from greenroom.sources.versions import Versions
from greenroom.words import ModelSpec, ModelVersion, SourceError

if TYPE_CHECKING:
    from greenroom.protocol.snapshot import StageName

_Result = TypeVar("_Result")


class InlineFetcher:
    """Implements `Fetcher` for `path:`, `package:` and `builtin:` in threads of the calling process."""

    def __init__(self, data: Path = Path("data")) -> None:
        self._versions = Versions(Place(data))

    async def look(self, spec: ModelSpec) -> Found:
        return await _run(spec, None, lambda job: self._versions.look(spec, job))

    async def fetch(self, spec: ModelSpec, want: Want | str, report: Report) -> ModelVersion:
        return await _run(spec, report, lambda job: self._versions.fetch(spec, want, job))

    async def clear(self, spec: ModelSpec, keep: Collection[str]) -> int:
        return await _run(spec, None, lambda job: self._versions.clear(spec, keep))

    async def close(self) -> None:
        """Nothing to end."""


async def _run(spec: ModelSpec, report: Report | None, work: Callable[[Job], _Result]) -> _Result:
    if split(spec.source)[0] not in LOCAL:
        raise SourceError(f"{spec.source.partition(':')[0]}: needs the fetch process.")
    loop, stopped = asyncio.get_running_loop(), threading.Event()

    def deliver(stage: Stage, done: int, total: int) -> None:
        if report and not stopped.is_set():
            report(cast("StageName", stage), done, total)

    def send(stage: Stage, done: int, total: int) -> None:
        loop.call_soon_threadsafe(deliver, stage, done, total)

    try:
        return await asyncio.to_thread(work, Job(send, stopped))
    finally:
        stopped.set()
