"""The front's way to the fetch process: it is started when there is work, and ended when there has been none."""

from __future__ import annotations

import asyncio
import errno
import itertools
import os
from collections.abc import Collection

from pydantic_settings import DotEnvSettingsSource

from greenroom.settings import Settings
from greenroom.sources import wire
from greenroom.sources.fetch_process import FetchProcess
from greenroom.sources.seam import Found, Report, Want
from greenroom.words import ModelSpec, ModelVersion, SourceError

IDLE_SECONDS = 10.0
_SHORTAGES = frozenset({errno.EAGAIN, errno.ENOMEM, errno.EMFILE, errno.ENFILE})
_FROM_DOTENV = (
    "HF_", "MLFLOW_", "AWS_", "AZURE_", "GOOGLE_", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "SSL_CERT_",
)  # fmt: skip
"""What the clients of hubs and stores read from the environment, and an operator may write into `.env` all the same."""


class ProcessFetcher:
    """Implements `Fetcher`. Belongs to one event loop, and to a thread that outlives its process."""

    def __init__(self, settings: Settings, idle_seconds: float = IDLE_SECONDS) -> None:
        self._start = wire.Start(str(settings.data.absolute()), settings.mlflow_tracking_uri)
        self._idle_seconds = idle_seconds
        self._ids = itertools.count(1)
        self._starting = asyncio.Lock()
        self._process: FetchProcess | None = None
        self._ending: set[asyncio.Task[None]] = set()
        self._idle: asyncio.TimerHandle | None = None
        self._closed = False

    @property
    def pid(self) -> int | None:
        """Of the process, while there is one."""
        return self._process.pid if self._process and self._process.alive else None

    async def look(self, spec: ModelSpec) -> Found:
        """See `Fetcher.look`."""
        answer = await self._ask(wire.Look(next(self._ids), spec))
        assert isinstance(answer, wire.Looked)  # noqa: S101 - the answer to this question
        return answer.found

    async def fetch(self, spec: ModelSpec, want: Want | str, report: Report) -> ModelVersion:
        """See `Fetcher.fetch`."""
        exact = not isinstance(want, Want)
        answer = await self._ask(wire.Fetch(next(self._ids), spec, str(want), exact), report)
        assert isinstance(answer, wire.Fetched)  # noqa: S101 - the answer to this question
        return answer.version

    async def clear(self, spec: ModelSpec, keep: Collection[str]) -> int:
        """See `Fetcher.clear`."""
        answer = await self._ask(wire.Clear(next(self._ids), spec, tuple(keep)))
        assert isinstance(answer, wire.Cleared)  # noqa: S101 - the answer to this question
        return answer.bytes_freed

    async def close(self) -> None:
        """See `Fetcher.close`. Requests in flight fail, and so does every later one."""
        self._closed = True
        async with self._starting:  # one that is being started is ended, too
            self._end()
        if self._ending:
            await asyncio.wait(self._ending)

    async def _ask(self, request: wire.Request, report: Report | None = None) -> wire.Answer:
        process = await self._running()
        try:
            return await process.ask(request, report)
        finally:
            if process is self._process and not process.busy:
                self._end_later()

    async def _running(self) -> FetchProcess:
        async with self._starting:
            if self._closed:
                raise SourceError("The server is about to stop and fetches no more models.")
            if self._idle:
                self._idle.cancel()
            if self._process is None or not self._process.alive:
                try:
                    self._process = await FetchProcess.start(self._start, _environment())
                except OSError as error:
                    raise _not_started(error) from error
            return self._process

    def _end_later(self) -> None:
        if self._idle:
            self._idle.cancel()
        self._idle = asyncio.get_running_loop().call_later(self._idle_seconds, self._end_when_idle)

    def _end_when_idle(self) -> None:
        if self._process and not self._process.busy:
            self._end()

    def _end(self) -> None:
        """Let go of the process; it is waited for in a task of its own."""
        if self._idle:
            self._idle.cancel()
        process, self._process = self._process, None
        if process:
            task = asyncio.create_task(process.close())
            self._ending.add(task)
            task.add_done_callback(self._ending.discard)


def _not_started(error: OSError) -> SourceError:
    told = SourceError(f"The process that fetches models cannot be started: {error.strerror}.")
    told.temporary = error.errno in _SHORTAGES
    return told


def _environment() -> dict[str, str]:
    """Ours, and what only `.env` has of the variables that the fetch process's libraries read."""
    written = DotEnvSettingsSource(Settings).env_vars
    meant = {name: value for name, value in written.items() if value and name.startswith(_FROM_DOTENV)}
    return {**meant, **os.environ}
