"""The front's side of the zygote: keeps one running, asks it for hosts, hears how they end.

When the zygote dies, its hosts live on (they hang on their own sockets), how they end becomes unknowable, and a new
zygote is started, with a growing pause while zygotes keep dying before their import is complete. One that hangs is
killed: while it imports, the modules it reports are its signs of life, and after that its answers to our pings.

What bounds the requests that wait for a fork: each load has one, and a model has one load.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import subprocess

import structlog

from greenroom import frames
from greenroom.engine.import_progress import ImportProgress
from greenroom.engine.pulse import DEFAULT_PATIENCE, Patience, Pulse
from greenroom.engine.watch import Watch
from greenroom.engine.zygote_process import ZygoteProcess, start_zygote
from greenroom.frames import AnyMessage, Exited, Fork, Forked, ForkFailed, Imported, Kill, Log, Ping
from greenroom.tasks import crash_loudly

RESTART_SECONDS = (0.0, 1.0, 2.0, 5.0, 10.0, 30.0)
"""Pause before a new zygote, by the number of zygotes in a row that died before their import was complete."""
END_SECONDS = 1.0
"""How long a zygote may take to end; then it is killed. (The sum of a stop: `greenroom.server`.)"""
_READ_BYTES = 64 * 1024

log = structlog.get_logger("greenroom.host")


class ZygoteLostError(Exception):
    """There is no zygote right now; a new one is on its way."""


class ForkRefusedError(Exception):
    """The zygote could not make a host; `str()` says why, `temporary` whether another try can succeed."""

    def __init__(self, reason: str, temporary: bool) -> None:
        super().__init__(reason)
        self.temporary = temporary


class ForkedProcess:
    """A host that the zygote forked."""

    def __init__(self, zygote: Zygote, host_id: int, pid: int) -> None:
        self._zygote = zygote
        self._host_id = host_id
        self.pid = pid
        self.ended: asyncio.Future[int | None] = asyncio.get_running_loop().create_future()
        self._asked_to_end = False

    def kill(self) -> None:
        self._asked_to_end = True
        if self.ended.done() and self.ended.result() is not None:
            return
        if self.ended.done() or not self._zygote.send(Kill(self._host_id)):  # its zygote is gone, nobody reaps it
            self._kill_ourselves()

    def orphaned(self) -> None:
        """Its zygote died: how it ends becomes unknowable, and a `kill` that the zygote may not have heard is our own
        business now."""
        if self._asked_to_end and not self.ended.done():
            self._kill_ourselves()
        self.set_ended(None)

    def set_ended(self, code: int | None) -> None:
        if not self.ended.done():
            self.ended.set_result(code)

    def _kill_ourselves(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)


class Zygote:
    """Keeps a zygote process and speaks to it. `start`, then `close`."""

    def __init__(
        self, progress: ImportProgress, first: ZygoteProcess | None = None, patience: Patience = DEFAULT_PATIENCE
    ) -> None:
        self._progress = progress
        self._patience = patience
        self._current = first
        self._next_host_id = 1
        self._forking: dict[int, asyncio.Future[ForkedProcess]] = {}
        self._hosts: dict[int, ForkedProcess] = {}
        self._task: asyncio.Task[None] | None = None

    @property
    def pid(self) -> int | None:
        """Process id of the zygote that runs now."""
        return self._current.process.pid if self._current is not None else None

    def start(self) -> None:
        """Start a zygote unless one was handed over, and look after it from now on."""
        if self._task is None:
            self._current = self._current or start_zygote()
            self._task = asyncio.create_task(self._keep(self._current), name="zygote")
            self._task.add_done_callback(crash_loudly)

    async def close(self) -> None:
        """End the zygote and every host it still has."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])
            self._task = None
        current, self._current = self._current, None
        if current is not None:
            current.control.close()
            await _reap(current.process)
        self._lose_hosts()

    async def fork(self, connection: socket.socket) -> ForkedProcess:
        """A new host with `connection` as its end of the socket.

        Raises ZygoteLostError, ForkRefusedError."""
        host_id = self._next_host_id
        self._next_host_id += 1
        future: asyncio.Future[ForkedProcess] = asyncio.get_running_loop().create_future()
        self._forking[host_id] = future
        try:
            if not self.send(Fork(host_id), connection):
                raise ZygoteLostError
            return await future
        finally:
            self._forking.pop(host_id, None)

    def send(self, message: AnyMessage, descriptor: socket.socket | None = None) -> bool:
        """Send a frame and, beside it, a file descriptor. False when there is no zygote to take it.

        The stream's own writer stays unused: a descriptor must travel with the bytes of its frame, and frames this
        small go into a local socket whole or not at all."""
        if self._current is None:
            return False
        descriptors = [] if descriptor is None else [descriptor.fileno()]
        try:
            socket.send_fds(self._current.control, [frames.encode(message)], descriptors)
        except OSError:
            return False
        return True

    async def _keep(self, current: ZygoteProcess) -> None:
        deaths = 0
        while True:
            await self._listen(current)
            self._current = None
            deaths = 0 if self._progress.complete else deaths + 1
            self._progress.restart()
            for host in self._hosts.values():
                host.orphaned()
            self._lose_hosts()
            log.warning("zygote_ended", code=await _reap(current.process))
            self._current = current = await self._start_again(deaths)

    async def _start_again(self, deaths: int) -> ZygoteProcess:
        """A new zygote, after the pause that `deaths` calls for; try on while the machine has no room for one."""
        while True:
            await asyncio.sleep(RESTART_SECONDS[min(deaths, len(RESTART_SECONDS) - 1)])
            try:
                return start_zygote()
            except OSError as error:
                deaths += 1
                log.error("zygote_not_started", error=str(error))

    async def _listen(self, current: ZygoteProcess) -> None:
        """Take in what a zygote says until it ends. A bug of ours ends it: it would be heard no more."""
        current.control.setblocking(False)
        reader, writer = await asyncio.open_connection(sock=current.control)
        pulse = Pulse(self._patience, self._patience.importing_ticks)
        watch = Watch(
            "zygote", pulse, self._patience,
            ping=lambda: self.send(Ping()), kill=current.process.kill, let_go=writer.transport.abort,
        )  # fmt: skip
        try:
            await self._take_in(reader, pulse)
        except (ConnectionError, frames.FrameError) as error:
            log.warning("zygote_link_broke", error=repr(error))
        except Exception:
            log.exception("zygote_link_broke")
        finally:
            watch.stop()
            writer.transport.abort()

    async def _take_in(self, reader: asyncio.StreamReader, pulse: Pulse) -> None:
        decoder = frames.Decoder()
        while data := await reader.read(_READ_BYTES):
            pulse.heard()
            for frame in decoder.feed(data):
                self._handle(frame.message)
            if self._progress.complete:
                pulse.silent_ticks = self._patience.silent_ticks

    def _handle(self, message: AnyMessage) -> None:
        match message:
            case Imported(done, complete):
                self._progress.advance(done, complete)
            case Forked(host_id, pid):
                self._hosts[host_id] = host = ForkedProcess(self, host_id, pid)
                waiting = self._forking.get(host_id)
                if waiting is None or waiting.done():
                    host.kill()  # whoever asked has left
                else:
                    waiting.set_result(host)
            case ForkFailed(host_id, reason, temporary):
                self._refuse(host_id, ForkRefusedError(reason, temporary))
            case Exited(host_id, _, code) if host_id in self._hosts:
                self._hosts.pop(host_id).set_ended(code)
            case Log(level, text):
                log.log(level_number(level), "zygote_log", text=text)
            case _:
                pass

    def _refuse(self, host_id: int, error: Exception) -> None:
        waiting = self._forking.get(host_id)
        if waiting is not None and not waiting.done():
            waiting.set_exception(error)

    def _lose_hosts(self) -> None:
        """The zygote is gone: nobody will tell about its hosts any more."""
        for host_id in tuple(self._forking):
            self._refuse(host_id, ZygoteLostError())
        for host in self._hosts.values():
            host.set_ended(None)
        self._hosts.clear()


def level_number(level: str) -> int:
    """The standard library's number for a level's name; unknown names count as info."""
    return {"debug": 10, "info": 20, "warning": 30, "error": 40}.get(level, 20)


async def _reap(process: subprocess.Popen[bytes]) -> int:
    """Wait for a zygote whose socket has closed, and kill it if that takes long."""
    try:
        return await asyncio.to_thread(process.wait, END_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        return await asyncio.to_thread(process.wait)
