"""The engine for this machine: hosts are child processes, forked from a zygote where that is safe, else spawned.

Everything slow happens in those processes. Here are only the promises of the seam: steps are forwarded in order, a
load ends in a ready host or in an error that says why, and whatever is cancelled, late or lost leaves no process.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Mapping
from pathlib import Path

import structlog

from greenroom.engine.import_progress import ImportCount, ImportProgress
from greenroom.engine.link import HostLink
from greenroom.engine.local_host import LocalHost
from greenroom.engine.processes import HostProcess, exit_reason, spawn_host
from greenroom.engine.pulse import DEFAULT_PATIENCE, Patience, Pulse
from greenroom.engine.seam import Host, HostInfo, Report, Step
from greenroom.engine.watch import Watch
from greenroom.engine.zygote import ForkRefusedError, Zygote, ZygoteLostError, level_number
from greenroom.engine.zygote_process import ZygoteProcess, forks_hosts, take_prestarted
from greenroom.frames import FrameError, Load, LoadFailed, Log, Ping, Ready, StageStep
from greenroom.protocol.snapshot import StageName
from greenroom.words import HostLostError, LoadError, ModelSpec, ModelVersion

CLOSE_GRACE_SECONDS = 1.0
"""For a batch in progress; the calls are over by then. (The sum of a stop: `greenroom.server`.)"""
ZYGOTE_LOST_PAUSE_SECONDS = 0.05

log = structlog.get_logger("greenroom.host")


class LocalEngine:
    """Makes hosts on this machine.

    `data_folder`: where to remember how many modules the runtime's import takes. `zygote`: one that was started
    already (`zygote_process.start_zygote`); without it, a prestarted one is taken, or one is started by `start`.
    `patience`: how long hosts and zygote may hang before they are ended and replaced."""

    def __init__(
        self,
        data_folder: Path | None = None,
        zygote: ZygoteProcess | None = None,
        forks: bool | None = None,
        patience: Patience = DEFAULT_PATIENCE,
    ) -> None:
        self._patience = patience
        self._count = ImportCount(data_folder)
        self._progress = ImportProgress(self._count)
        self._forks = forks_hosts() if forks is None else forks
        self._zygote = Zygote(self._progress, zygote or take_prestarted(), patience) if self._forks else None
        self._hosts: set[LocalHost] = set()
        self._loading: set[HostProcess] = set()
        self._closed = False

    @property
    def zygote_pid(self) -> int | None:
        """Process id of the zygote, when there is one right now."""
        return self._zygote.pid if self._zygote is not None else None

    async def start(self) -> None:
        if self._zygote is not None:
            self._zygote.start()

    async def close(self) -> None:
        self._closed = True
        self._progress.close()
        for process in tuple(self._loading):
            process.kill()
        await asyncio.gather(*(host.close(CLOSE_GRACE_SECONDS) for host in tuple(self._hosts)))
        if self._zygote is not None:
            await self._zygote.close()

    def stages(self, spec: ModelSpec) -> tuple[StageName, ...]:
        imports = () if self._progress.complete else (StageName.IMPORT,)
        return (StageName.RESOLVE, *imports, StageName.WEIGHTS, StageName.WARMUP, StageName.CHECK)

    async def imported(self, spec: ModelSpec, report: Report) -> None:
        if self._forks:
            await self._progress.follow(report)

    async def load(
        self,
        spec: ModelSpec,
        version: ModelVersion,
        verdicts: Mapping[str, bool],
        report: Report,
        background: bool = False,
    ) -> Host:
        order = _load_frame(spec, version, verdicts, background)
        try:
            async with asyncio.timeout(spec.load_timeout_seconds):
                process, link = await self._new_host(report)
                return await self._get_ready(process, link, spec, order, report)
        except TimeoutError:
            limit = f"{spec.load_timeout_seconds:g} seconds"
            raise HostLostError(f"the model was not ready after {limit}, so its process was ended") from None

    async def _new_host(self, report: Report) -> tuple[HostProcess, HostLink]:
        """A host process that waits for its load. When the zygote is lost, wait for the next one.

        Raises LoadError, HostLostError."""
        while not self._closed:
            await self._can_fork(report)
            ours, theirs = socket.socketpair()
            try:
                with theirs:
                    process = await self._make_process(theirs)
            except ZygoteLostError:
                ours.close()
                await asyncio.sleep(ZYGOTE_LOST_PAUSE_SECONDS)
                continue
            except ForkRefusedError as error:
                ours.close()
                raise _load_error(f"no process for the model could be started: {error}", error.temporary) from error
            except OSError as error:
                ours.close()
                reason = f"no process for the model could be started: {error.strerror}"
                raise _load_error(reason, temporary=True) from error
            except BaseException:
                ours.close()
                raise
            return process, await HostLink.open(ours, self._new_pulse())
        raise HostLostError("the server is shutting down")

    def _new_pulse(self) -> Pulse:
        """Of a host that begins to load; a spawned one has the runtime to import as well."""
        ticks = self._patience.loading_ticks if self._forks else self._patience.importing_ticks
        return Pulse(self._patience, ticks)

    async def _can_fork(self, report: Report) -> None:
        """Wait until hosts can be forked; nothing to wait for where they are spawned."""
        if self._zygote is not None:
            await self._progress.follow(report)

    async def _make_process(self, connection: socket.socket) -> HostProcess:
        if self._closed:
            raise ZygoteLostError
        if self._zygote is not None:
            return await self._zygote.fork(connection)
        return await spawn_host(connection, self._count.modules)

    async def _get_ready(
        self,
        process: HostProcess,
        link: HostLink,
        spec: ModelSpec,
        order: Load,
        report: Report,
    ) -> LocalHost:
        """Have the host load; on any other end than ready it is killed."""
        self._loading.add(process)
        watch = Watch(
            spec.name, link.pulse, self._patience,
            ping=lambda: link.send(Ping()), kill=process.kill, let_go=link.close,
        )  # fmt: skip
        try:
            link.send(order)
            ready = await self._until_ready(process, link, watch, spec, report)
        except BaseException:
            process.kill()
            link.close()
            watch.stop()
            raise
        finally:
            self._loading.discard(process)
        link.pulse.silent_ticks = self._patience.silent_ticks
        return self._adopt(LocalHost(spec.name, _info(process, ready), process, link, watch, spec.max_queued_texts))

    async def _until_ready(
        self, process: HostProcess, link: HostLink, watch: Watch, spec: ModelSpec, report: Report
    ) -> Ready:
        """Forward the host's steps. Raises LoadError when it gives up, HostLostError when it ends."""
        try:
            async for frame in link.frames():
                match frame.message:
                    case StageStep(stage, done, total, unit):
                        report(Step(StageName(stage), done, total, unit))
                    case Ready() as ready:
                        return ready
                    case LoadFailed(reason, temporary):
                        raise _load_error(reason, temporary)
                    case Log(level, text):
                        log.log(level_number(level), "host_log", text=text, model=spec.name, pid=process.pid)
                    case message:
                        log.warning("unexpected_frame", model=spec.name, kind=type(message).__name__)
        except (FrameError, ValueError) as error:
            raise HostLostError("the model's process sent what is not a frame") from error
        reason = await exit_reason(process, self._closed, watch.reason)
        raise HostLostError(f"the model's process ended while it loaded: {reason}")

    def _adopt(self, host: LocalHost) -> LocalHost:
        self._hosts.add(host)
        host.exited.add_done_callback(lambda _: self._hosts.discard(host))
        return host


def _load_frame(spec: ModelSpec, version: ModelVersion, verdicts: Mapping[str, bool], background: bool) -> Load:
    return Load(
        name=spec.name,
        folder=str(version.folder),
        runtime=spec.runtime,
        dtype=spec.dtype,
        max_tokens_per_batch=spec.max_tokens_per_batch,
        verdicts=dict(verdicts),
        encoder=str(version.encoder or ""),
        trust=spec.trust,
        background=background,
    )


def _info(process: HostProcess, ready: Ready) -> HostInfo:
    return HostInfo(
        process.pid, ready.dimension, ready.max_tokens, ready.device, ready.dtype, ready.verdicts,
        tuple(ready.classes), ready.columns,
    )  # fmt: skip


def _load_error(reason: str, temporary: bool) -> LoadError:
    error = LoadError(reason)
    error.temporary = temporary
    return error
