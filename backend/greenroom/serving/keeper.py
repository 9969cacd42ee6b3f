"""A keeper looks after one model: it fetches, loads, and when a host dies, makes the next one.

One task per model runs `Keeper.run` for the server's life. Everything that happens is told to the board in the
order it happens. Which version it loads stands in the ledger (`Entry.active`). While it does not load itself, another
host may take the serving one's place, or a failed one's (`put`, by `serving.change`), or the model may leave memory
until it is wanted again (`evict`, by `serving.room`): both are one assignment, seen by all at once.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator
from dataclasses import replace
from math import ceil

import structlog

from greenroom.engine.seam import Host, HostExit
from greenroom.protocol.snapshot import ModelError
from greenroom.protocol.socket import Event, EventName
from greenroom.readiness.history import LoadRecord, eta_error
from greenroom.serving.load import Loader
from greenroom.serving.means import Means
from greenroom.serving.origin import is_local
from greenroom.serving.refused_versions import RefusedVersions
from greenroom.serving.restart import RestartPolicy
from greenroom.serving.suspects import Suspects, key_of
from greenroom.serving.told import cause_of, describe, unforeseen
from greenroom.serving.trial import Trial
from greenroom.tasks import first_of
from greenroom.words import (
    CrashLoopError,
    GreenroomError,
    HostLostError,
    ModelSpec,
    ModelVersion,
    NotEnoughMemoryError,
    OverloadedError,
    RetryRefusedError,
    SourceError,
)  # fmt: skip

log = structlog.get_logger("greenroom.serving")

RETRY_INTERVAL_SECONDS = 3.0
"""People's retries of one model come no closer than this: each hashes and loads everything again."""
SOURCE_DELAYS_SECONDS = (5.0, 10.0, 30.0, 60.0)
"""Pauses between two tries while the source or the memory cannot give what is needed; the last one from then on."""
AWAITED_SECONDS = 15.0
"""A model stays at least so long for whoever was told to come back for it."""
BUG_PAUSE_SECONDS = 60.0
"""Pause after a bug that could not even be told: our own code must not eat the machine either."""


class Keeper:
    def __init__(self, spec: ModelSpec, means: Means) -> None:
        self.spec = spec
        self.version: ModelVersion | None = None
        """The one that serves; before that, the one that is being loaded."""
        self.host: Host | None = None
        """The host that serves; None while there is none."""
        self.loads = 0
        self.loaded_at: float | None = None
        """When the serving version became ready, in unix seconds."""
        self.suspects = Suspects(max_suspects=2 * spec.max_queued_texts)
        """What was in hosts when they died; room for all that two of them can hold."""
        self.entry = means.ledger.entry(spec)
        self.refused_versions = RefusedVersions()
        self.trial: Trial | None = None
        """Of the version that took over last."""
        self.busy_calls = 0
        self._changes = 0
        """Changes under way."""
        self.used_at = 0.0
        """When a call last ended, or the model was loaded for one, on the event loop's clock."""
        self._awaited_until = 0.0
        self.take_back: asyncio.Event = asyncio.Event()
        """The version on trial has failed too often: somebody is to roll it back."""
        self._means = means
        self._engine = means.engine
        self._board = means.board
        self._memory = means.memory
        self._loader = Loader(spec, means, means.board.readiness.step, background=False)
        self._restarts = RestartPolicy()
        self._wanted = asyncio.Event()
        if spec.required:
            self._wanted.set()
        self._wants_latest = False
        self._replaced: asyncio.Future[None] | None = None
        """Done when another host took the serving one's place."""
        self._retry = asyncio.Event()
        self.failed = False
        self._next_retry = 0.0
        self._source_failures = 0

    @property
    def is_resident(self) -> bool:
        return self.host is not None

    @property
    def may_leave(self) -> bool:
        """Whether nobody uses it, and nobody is about to for whom it was loaded."""
        busy = self.busy_calls or self._changes
        return not busy and asyncio.get_running_loop().time() >= self._awaited_until

    @property
    def is_wanted(self) -> bool:
        """Whether it is loaded, or on the way there, or has failed on it."""
        return self._wanted.is_set()

    def resident_bytes(self) -> int:
        return (self.host.memory_bytes() or 0) if self.host is not None else 0

    def private_bytes(self) -> int:
        return (self.host.private_bytes() or 0) if self.host is not None else 0

    def want(self) -> None:
        """Somebody needs the model: load it unless it is there."""
        self._wanted.set()

    @contextlib.contextmanager
    def lease(self) -> Iterator[None]:
        """Hold the model in memory for a call, from before it asks for the host until it is answered."""
        self.busy_calls += 1
        if self.host is not None:
            self._awaited_until = 0.0
        try:
            yield
        finally:
            self.busy_calls -= 1
            self.used_at = asyncio.get_running_loop().time()
            if not self.busy_calls:
                self._means.room.changed()

    @contextlib.contextmanager
    def changing(self) -> Iterator[None]:
        """Hold the model in memory while its next version loads beside it."""
        self._changes += 1
        try:
            yield
        finally:
            self._changes -= 1
            self._means.room.changed()

    def answered(self, host: Host, failed: bool = False) -> None:
        """`host` answered a call; `failed`: with an error that is not the caller's."""
        if not failed:
            self._restarts.answered()
        if self.trial is not None and host is self.host and self.trial.count(failed, self._board.clock.monotonic()):
            self.trial = None
            self.take_back.set()

    def retry(self) -> None:
        """Try again now. Raises RetryRefusedError unless the model has failed, OverloadedError."""
        if not self.failed:
            raise RetryRefusedError(f"{self.spec.name} has not failed: it is loading or ready. Just wait for it.")
        now = asyncio.get_running_loop().time()
        if now < self._next_retry:
            raise OverloadedError(
                "It was tried a moment ago. Wait a little, then try again.", ceil(self._next_retry - now)
            )
        self._next_retry = now + RETRY_INTERVAL_SECONDS
        self.try_again()

    async def settled(self) -> None:
        """Until a host serves, or its load has failed."""
        while self.host is None and not self.failed:
            await self._board.changed()

    def try_again(self, latest: bool = False) -> None:
        """End the pause after a failure. `latest`: with the version that the source names now."""
        self._wants_latest = self._wants_latest or latest
        self.failed = False
        self._retry.set()

    def put(self, host: Host, version: ModelVersion) -> Host | None:
        """Let `host` serve from now on, at a time when nothing is being loaded here; the host that served until now,
        which is the caller's to close."""
        left, self.host, self.version = self.host, host, version
        self.loaded_at = self._board.clock.unix()
        self.failed = self._wants_latest = False
        if self._replaced is not None and not self._replaced.done():
            self._replaced.set_result(None)
        self._retry.set()
        return left

    async def evict(self, back_soon: bool = False) -> None:
        """Leave memory until somebody wants the model again; `back_soon`: to be loaded again at once."""
        host, self.host = self.host, None
        if host is None:
            return
        if not back_soon:
            self._wanted.clear()
            self._means.metrics.evicted(self.spec.name)
        self._memory.saw_resident(self.version.digest if self.version else "", host.private_bytes())
        self._board.happened(self._board.readiness.evicted, self.spec.name)
        await host.close()

    async def run(self) -> None:
        """Load, serve, replace: for ever, whatever breaks on the way."""
        while True:
            await self._wanted.wait()
            try:
                await self._live()
            except Exception as bug:  # a keeper that dies of a bug would leave its model as it stands for ever
                log.exception("keeper_broke", model=self.spec.name)
                await self._after_bug(bug)

    async def _live(self) -> None:
        """From a load, unless a host was put here meanwhile, to the pause before the next one."""
        loaded: Host | None = None
        try:
            if self.host is None:
                loaded = await self._load()
        except GreenroomError as error:
            await self._after_failure(error)
        except Exception as bug:
            log.exception("load_broke", model=self.spec.name)
            await self._after_failure(unforeseen(bug))
        else:
            end = await self._serve(loaded)
            if end is not None:
                await self._after_exit(*end)

    async def _load(self) -> Host:
        readiness, name = self._board.readiness, self.spec.name
        self.failed = False
        self._board.happened(readiness.begin, name, self._engine.stages(self.spec))
        self._means.ledger.refresh(self.spec)
        async with self._loader.import_reported():
            version = await self._loader.fetch_to_serve(self.entry, latest=self._wants_latest)
        self.version = version
        self._board.happened(readiness.resolved, name, version)
        return await self._loader.load(version)

    async def _serve(self, loaded: Host | None) -> tuple[HostExit, int] | None:
        """Show `loaded` as ready and stay until whatever host serves ends: how, and its process id; None when the
        model left memory. A bug ends it, so that no host is left without a keeper."""
        try:
            if loaded is not None:
                await self.remember(self._show_ready(loaded), loaded)
            while (serving := self.host) is not None:
                self._replaced = asyncio.get_running_loop().create_future()
                await asyncio.wait((serving.exited, self._replaced), return_when=asyncio.FIRST_COMPLETED)
                if self.host is serving and serving.exited.done():
                    return serving.exited.result(), serving.info.pid
            return None
        except Exception:
            last, self.host = self.host or loaded, None
            if last is not None:
                await last.close()
            raise
        finally:
            self.host = None

    def _show_ready(self, host: Host) -> LoadRecord:
        assert self.version is not None  # noqa: S101 - it has just been loaded
        record: LoadRecord = self._board.happened(self._board.readiness.ready, self.spec.name)
        self.put(host, self.version)
        self.loads += 1
        self._source_failures = 0
        self.used_at = asyncio.get_running_loop().time()
        self._awaited_until = self.used_at + AWAITED_SECONDS
        log.info(
            f"Model loaded successfully in {record.total_seconds:.1f}s",
            model=self.spec.name,
            version=self._version_id,
            dtype=host.info.dtype,
            pid=host.info.pid,
        )
        if self.loads > 1:
            self.announce(EventName.RECOVERED)
        self._means.room.changed()
        return record

    async def remember(self, record: LoadRecord, host: Host) -> None:
        """Keep what the load taught, and which version serves. A server that cannot write it serves all the same."""
        version = self.version
        seconds = {str(stage): measured.seconds for stage, measured in record.stages.items()}
        self._means.metrics.loaded(self.spec.name, seconds, eta_error(record))
        if version is not None:
            record = replace(record, name=self.spec.name, version=version.id, at=self._board.clock.unix())
            self.entry.serves(version, has_versions=not is_local(self.spec))
            self._memory.saw_resident(version.digest, host.private_bytes())
            self._board.happened(self._board.readiness.known, self.spec.name, version, self.entry.previous_id)
        try:
            await self._memory.remember(record, host.info.verdicts)
            await self._means.ledger.save()
        except Exception as error:
            log.warning("load_history_not_written", error=repr(error))

    async def _after_exit(self, exit_: HostExit, pid: int) -> None:
        log.error("host_ended", model=self.spec.name, pid=pid, reason=exit_.reason, unanswered=len(exit_.unanswered))
        culprit_found = self._put_on_record(exit_) is not None
        error = HostLostError(f"The model's process ended ({exit_.reason}).")
        self._board.happened(self._board.readiness.lost, self.spec.name, describe(error))
        await self._take_back_dead(describe(error))
        await self._after_death(error, culprit_found)

    async def _take_back_dead(self, error: ModelError) -> None:
        """A version that dies on its trial is not made again: the one before it is, and is held fast."""
        trial, entry, version = self.trial, self.entry, self.version
        self.trial = None
        if trial is None or trial.over(self._board.clock.monotonic()) or entry.previous is None or version is None:
            return
        self.refused_versions.refuse(version.key, version.id, error, self._board.clock.unix(), for_good=True)
        entry.roll_back()
        await self._means.ledger.save()
        self._means.metrics.rolled_back(self.spec.name, automatic=True)
        log.warning(
            f"Model version {version.id} died on its trial; the one before it serves again", model=self.spec.name
        )

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
            error, readiness = unforeseen(bug), self._board.readiness
            if readiness.is_ready((self.spec.name,)):
                self._board.happened(readiness.lost, self.spec.name, describe(error))
            await self._after_death(error)
        except Exception:
            log.exception("keeper_broke_again", model=self.spec.name)
            await self._pause(BUG_PAUSE_SECONDS)

    async def _after_failure(self, error: GreenroomError) -> None:
        log.error("load_failed", model=self.spec.name, code=error.code, reason=str(error), cause=cause_of(error))
        if isinstance(error, SourceError | NotEnoughMemoryError) and error.temporary:
            delay = SOURCE_DELAYS_SECONDS[min(self._source_failures, len(SOURCE_DELAYS_SECONDS) - 1)]
            self._source_failures += 1
            await self._give_up(error, self._board.clock.unix() + delay, delay)
        elif error.temporary:
            await self._after_death(error)
        else:
            self._wants_latest = False
            await self._give_up(error, None)

    async def _after_death(self, error: GreenroomError, culprit_found: bool = False) -> None:
        decision = self._restarts.died(culprit_found=culprit_found)
        retry_at = self._board.clock.unix() + decision.delay_seconds
        if decision.crash_loop:
            self.suspects.forgive()  # it was the model
            loop = CrashLoopError(f"It ended five times in a row before it answered a call. Last: {error}")
            await self._give_up(loop, retry_at, decision.delay_seconds)
        else:
            pending = retry_at if decision.delay_seconds else None
            self._board.happened(self._board.readiness.interrupted, self.spec.name, describe(error), pending)
            await self._pause(decision.delay_seconds)

    async def _give_up(self, error: GreenroomError, retry_at: float | None, delay: float | None = None) -> None:
        self._board.happened(self._board.readiness.failed, self.spec.name, describe(error), retry_at)
        self.announce(EventName.FAILED, describe(error))
        self.failed = True
        await self._pause(delay)

    async def _pause(self, seconds: float | None) -> None:
        """Wait for the delay (None: for ever) or for somebody's retry, whichever comes first."""
        self._retry.clear()
        await first_of(self._retry, self._board.clock, seconds)

    def announce(
        self, name: EventName, error: ModelError | None = None, left: ModelVersion | None = None, version: str = ""
    ) -> None:
        """`left`: the version that served until now. `version`: the one that it happened to, if not the serving one.
        Best effort: a listener that breaks is no reason to lose a host."""
        space = self.version.space if left and self.version and self.version.space != left.space else None
        try:
            self._board.announce(
                lambda seq: Event(
                    name=name,
                    model=self.spec.name,
                    version=version or self._version_id,
                    previous_version=left.id if left else None,
                    space=space,
                    error=error,
                    seq=seq,
                )
            )
        except Exception:
            log.exception("announcement_broke", model=self.spec.name)

    @property
    def _version_id(self) -> str | None:
        return self.version.id if self.version else None
