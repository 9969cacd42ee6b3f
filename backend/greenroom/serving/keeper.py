"""A keeper looks after one model: it resolves, loads, and when a host dies, makes the next one.

One task per model runs `Keeper.run` for the server's life. Everything that happens is told to the board in the
order it happens; the keeper itself holds no state that a client sees.
"""

from __future__ import annotations

import asyncio
import contextlib
import traceback
from collections.abc import AsyncIterator
from math import ceil

import structlog

from greenroom.engine.seam import Engine, Host, HostExit, Step
from greenroom.protocol.snapshot import ModelError, StageName
from greenroom.protocol.socket import Event, EventName
from greenroom.readiness.history import LoadRecord
from greenroom.serving.board import Board
from greenroom.serving.memory import LoadMemory
from greenroom.serving.restart import RestartPolicy
from greenroom.serving.suspects import Suspects, key_of
from greenroom.sources.table import resolve
from greenroom.words import (
    CrashLoopError,
    GreenroomError,
    HostLostError,
    LoadError,
    ModelSpec,
    ModelVersion,
    OverloadedError,
    RetryRefusedError,
)  # fmt: skip

log = structlog.get_logger("greenroom.serving")


RETRY_INTERVAL_SECONDS = 3.0
"""People's retries of one model come no closer than this: each hashes and loads everything again."""
BUG_PAUSE_SECONDS = 60.0
"""Pause after a bug that could not even be told: our own code must not eat the machine either."""


def describe(error: GreenroomError) -> ModelError:
    """The error as clients see it."""
    return ModelError(code=error.code, message=str(error), temporary=error.temporary)


def _unforeseen(bug: Exception) -> LoadError:
    error = LoadError("The server itself failed while it looked after this model; its log says how.")
    error.temporary = True
    error.__cause__ = bug
    return error


class Keeper:
    def __init__(self, spec: ModelSpec, engine: Engine, board: Board, memory: LoadMemory) -> None:
        self.spec = spec
        self.version: ModelVersion | None = None
        self.host: Host | None = None
        """The host that serves; None while there is none."""
        self.loads = 0
        self.suspects = Suspects(max_suspects=2 * spec.max_queued_texts)
        """What was in hosts when they died; room for all that two of them can hold."""
        self._engine = engine
        self._board = board
        self._memory = memory
        self._restarts = RestartPolicy()
        self._retry = asyncio.Event()
        self._failed = False
        self._next_retry = 0.0

    @property
    def failed(self) -> bool:
        return self._failed

    def answered(self) -> None:
        """The host answered a call: it is sound."""
        self._restarts.answered()

    def retry(self) -> None:
        """Try again now. Raises RetryRefusedError unless the model has failed, OverloadedError."""
        if not self._failed:
            raise RetryRefusedError(f"{self.spec.name} has not failed: it is loading or ready. Just wait for it.")
        now = asyncio.get_running_loop().time()
        if now < self._next_retry:
            raise OverloadedError(
                "It was tried a moment ago. Wait a little, then try again.", ceil(self._next_retry - now)
            )
        self._next_retry = now + RETRY_INTERVAL_SECONDS
        self._failed = False
        self._retry.set()

    async def run(self) -> None:
        """Load, serve, replace: for ever, whatever breaks on the way."""
        while True:
            try:
                await self._live()
            except Exception as bug:  # a keeper that dies of a bug would leave its model as it stands for ever
                log.exception("keeper_broke", model=self.spec.name)
                await self._after_bug(bug)

    async def _live(self) -> None:
        """One host's life, from its load to the pause before the next one."""
        try:
            host = await self._load()
        except GreenroomError as error:
            await self._after_failure(error)
        except Exception as bug:
            log.exception("load_broke", model=self.spec.name)
            await self._after_failure(_unforeseen(bug))
        else:
            await self._after_exit(await self._serve(host), host.info.pid)

    async def _load(self) -> Host:
        readiness, name = self._board.readiness, self.spec.name
        self._failed = False
        self._board.happened(readiness.begin, name, self._engine.stages(self.spec))
        async with self._import_reported():
            version = await resolve(self.spec, self._hashed)
        self.version = version
        self._board.happened(readiness.resolved, name, version)
        verdicts = self._memory.verdicts(version.digest)
        return await self._engine.load(self.spec, version, verdicts, self._report)

    @contextlib.asynccontextmanager
    async def _import_reported(self) -> AsyncIterator[None]:
        """Show the shared import's steps while something else runs."""
        reporter = asyncio.ensure_future(self._engine.imported(self.spec, self._report))
        try:
            yield
        finally:
            reporter.cancel()
            await asyncio.gather(reporter, return_exceptions=True)

    def _report(self, step: Step) -> None:
        readiness = self._board.readiness
        self._board.happened(readiness.step, self.spec.name, step.stage, step.done, step.total, step.unit)

    def _hashed(self, bytes_done: int, bytes_total: int) -> None:
        self._report(Step(StageName.RESOLVE, bytes_done, max(bytes_total, 1), "bytes"))

    async def _serve(self, host: Host) -> HostExit:
        """Show `host` as ready and stay until it ends. A bug ends it, so that no host is left without a keeper."""
        try:
            record = self._show_ready(host)
            await self._remember(record, host)
            return await asyncio.shield(host.exited)
        except Exception:
            self.host = None
            await host.close()
            raise
        finally:
            self.host = None

    def _show_ready(self, host: Host) -> LoadRecord:
        record: LoadRecord = self._board.happened(self._board.readiness.ready, self.spec.name)
        self.host = host
        self.loads += 1
        log.info(
            "model_ready",
            model=self.spec.name,
            version=self._version_id,
            dtype=host.info.dtype,
            pid=host.info.pid,
        )
        if self.loads > 1:
            self._announce(EventName.RECOVERED)
        return record

    async def _remember(self, record: LoadRecord, host: Host) -> None:
        """Keep what the load taught. A server that cannot write it serves all the same."""
        try:
            await self._memory.remember(record, host.info.verdicts)
        except Exception as error:
            log.warning("load_history_not_written", error=repr(error))

    async def _after_exit(self, exit_: HostExit, pid: int) -> None:
        log.error("host_ended", model=self.spec.name, pid=pid, reason=exit_.reason, unanswered=len(exit_.unanswered))
        refused = self._put_on_record(exit_)
        error = HostLostError(f"The model's process ended ({exit_.reason}).")
        self._board.happened(self._board.readiness.lost, self.spec.name, describe(error))
        await self._after_death(error, culprit_found=refused is not None)

    def _put_on_record(self, exit_: HostExit) -> str | None:
        """Remember what the host held when it ended; the hash of the text that is refused for it."""
        if exit_.expected or self.version is None:
            return None
        refused = self.suspects.died([key_of(self.version.digest, text) for text in exit_.unanswered])
        if refused is not None:
            log.error("input_refused", model=self.spec.name, sha256=refused)
        return refused

    async def _after_bug(self, bug: Exception) -> None:
        """Tell it and try again after a pause, even if telling is what fails."""
        try:
            error, readiness = _unforeseen(bug), self._board.readiness
            if readiness.is_ready((self.spec.name,)):
                self._board.happened(readiness.lost, self.spec.name, describe(error))
            await self._after_death(error)
        except Exception:
            log.exception("keeper_broke_again", model=self.spec.name)
            await self._pause(BUG_PAUSE_SECONDS)

    async def _after_failure(self, error: GreenroomError) -> None:
        log.error(
            "load_failed",
            model=self.spec.name,
            code=error.code,
            reason=str(error),
            cause=error.__cause__ and "".join(traceback.format_exception_only(error.__cause__)).strip(),
        )
        if error.temporary:
            await self._after_death(error)
        else:
            await self._give_up(error, None)

    async def _after_death(self, error: GreenroomError, culprit_found: bool = False) -> None:
        decision = self._restarts.died(culprit_found=culprit_found)
        retry_at = self._board.clock.unix() + decision.delay_seconds
        if decision.crash_loop:
            self.suspects.forgive()  # it was the model
            loop = CrashLoopError(f"It ended five times in a row before it answered a call. Last: {error}")
            await self._give_up(loop, retry_at, decision.delay_seconds)
            return
        pending = retry_at if decision.delay_seconds else None
        self._board.happened(self._board.readiness.interrupted, self.spec.name, describe(error), pending)
        await self._pause(decision.delay_seconds)

    async def _give_up(self, error: GreenroomError, retry_at: float | None, delay: float | None = None) -> None:
        self._board.happened(self._board.readiness.failed, self.spec.name, describe(error), retry_at)
        self._announce(EventName.FAILED, describe(error))
        self._failed = True
        await self._pause(delay)

    async def _pause(self, seconds: float | None) -> None:
        """Wait for the delay (None: for ever) or for somebody's retry, whichever comes first."""
        self._retry.clear()
        timer = asyncio.ensure_future(self._board.clock.sleep(seconds)) if seconds is not None else None
        asked = asyncio.ensure_future(self._retry.wait())
        waits = [asked] if timer is None else [asked, timer]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()
            await asyncio.gather(*waits, return_exceptions=True)

    def _announce(self, name: EventName, error: ModelError | None = None) -> None:
        """Best effort: a listener that breaks is no reason to lose a host."""
        try:
            self._board.announce(
                lambda seq: Event(name=name, model=self.spec.name, version=self._version_id, error=error, seq=seq)
            )
        except Exception:
            log.exception("announcement_broke", model=self.spec.name)

    @property
    def _version_id(self) -> str | None:
        return self.version.id if self.version else None
