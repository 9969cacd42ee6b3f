"""One life of the fetch process, as the front sees it."""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
from collections.abc import Mapping

import msgspec
import structlog

from greenroom.child import python_command
from greenroom.protocol.snapshot import StageName
from greenroom.sources import wire
from greenroom.sources.seam import Report
from greenroom.words import SourceError

EXIT_SECONDS = 2.0
"""How long the process may take to end by the end of its socket before it is killed."""
MAX_REQUESTS = 256
"""More at a time are refused: no server has so many models."""

log = structlog.get_logger("greenroom.sources")


class FetchProcess:
    """Made by `start`. Ends by `close`, or by itself: then `alive` is false and every request fails."""

    def __init__(self, process: subprocess.Popen[bytes], reader: asyncio.StreamReader, writer: asyncio.StreamWriter):
        self.pid = process.pid
        self.alive = True
        self._process = process
        self._writer = writer
        self._waiting: dict[int, tuple[asyncio.Future[wire.Answer], Report | None]] = {}
        self._reading = asyncio.create_task(self._read(reader), name="greenroom-fetch")

    @classmethod
    async def start(cls, start: wire.Start, environment: Mapping[str, str] | None = None) -> FetchProcess:
        """Start the process, and tell it what it has to know. `environment`: instead of ours. Raises OSError."""
        ours, theirs = socket.socketpair()
        with theirs:
            try:
                ours.setblocking(False)
                reader, writer = await asyncio.open_connection(sock=ours, limit=wire.MAX_LINE_BYTES)
            except BaseException:
                ours.close()
                raise
            try:  # from here on nothing is awaited, so nobody can leave a process that no one knows of
                process = _spawn(theirs.fileno(), environment)
            except BaseException:
                writer.transport.abort()
                raise
        writer.write(wire.encode(start))
        return cls(process, reader, writer)

    @property
    def busy(self) -> bool:
        return bool(self._waiting)

    async def ask(self, request: wire.Request, report: Report | None = None) -> wire.Answer:
        """The answer to `request`. Cancelling tells the process. Raises what the answer says, and a temporary
        SourceError when the process ends before it."""
        if len(self._waiting) >= MAX_REQUESTS:
            raise _lost("Too many models are being fetched at once. It is tried again.")
        if not self.alive:
            raise _ended()
        answer: asyncio.Future[wire.Answer] = asyncio.get_running_loop().create_future()
        self._waiting[request.id] = answer, report
        self._writer.write(wire.encode(request))
        try:
            return await answer
        finally:
            if self._waiting.pop(request.id, None) and self.alive:
                self._writer.write(wire.encode(wire.Cancel(request.id)))

    async def close(self) -> None:
        """End the process, whatever it is doing, and wait until it has ended."""
        self._writer.transport.abort()
        await asyncio.wait([self._reading])

    async def _read(self, reader: asyncio.StreamReader) -> None:
        try:
            while line := await reader.readline():
                self._take(wire.read_answer(line))
        except (ConnectionError, ValueError, msgspec.DecodeError) as error:
            log.error("fetch_link_broken", error=repr(error))
        finally:
            self.alive = False
            self._writer.transport.abort()
            for answer, _report in self._waiting.values():
                if not answer.done():
                    answer.set_exception(_ended())
            self._waiting.clear()
            await asyncio.shield(asyncio.to_thread(self._reap))

    def _take(self, line: wire.Answer) -> None:
        answer, report = self._waiting.get(line.id, (None, None))
        if answer is None or answer.done():
            return
        match line:
            case wire.Progress():
                if report:
                    report(StageName(line.stage), line.done, line.total)
            case wire.Failed():
                if line.trace:
                    log.error("fetch_failed", trace=line.trace)
                del self._waiting[line.id]
                answer.set_exception(wire.error_of(line))
            case _:
                del self._waiting[line.id]
                answer.set_result(line)

    def _reap(self) -> None:
        try:
            self._process.wait(EXIT_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def _spawn(descriptor: int, environment: Mapping[str, str] | None) -> subprocess.Popen[bytes]:
    arguments = ("--fd", str(descriptor), "--parent-pid", str(os.getpid()))
    return subprocess.Popen(  # noqa: S603 - our own; Linux ends it with the thread that started it
        python_command("greenroom.sources.fetch", *arguments),
        stdin=subprocess.DEVNULL, stdout=2, pass_fds=(descriptor,),
        env=environment,
    )  # fmt: skip


def _ended() -> SourceError:
    return _lost("The process that fetches models ended. Another one is started for the next try.")


def _lost(detail: str) -> SourceError:
    error = SourceError(detail)
    error.temporary = True
    return error
