"""Changing the version that serves, without a gap: reload, rollback, and the taking back of one that fails.

    fetch → room → load beside, in the background → gate → activate → drain → close the one that left

Everything up to `activate` can fail, and then nothing has changed: the old version has served all the time. Activating
is one assignment (`Keeper.put`) between two steps of the event loop, so a call either has the old host or the new one.
Those that have the old one are answered by it before it is closed; one that waits for its turn is sent on by `Calls`.

One change of a model at a time. Whoever asks for the same while it is under way waits for the same outcome.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Coroutine
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import structlog

from greenroom.engine.seam import Host, Step
from greenroom.protocol.answers import GateReport
from greenroom.protocol.snapshot import ModelError, StageName
from greenroom.protocol.socket import EventName
from greenroom.readiness.history import LoadRecord
from greenroom.serving.gate import judge, space_check, why_not
from greenroom.serving.keeper import Keeper
from greenroom.serving.means import Means
from greenroom.serving.origin import is_local, origin
from greenroom.serving.room import needed_bytes
from greenroom.serving.told import describe, unforeseen
from greenroom.serving.trial import Trial
from greenroom.sources.seam import Want
from greenroom.words import (
    GreenroomError,
    ModelVersion,
    NoPreviousVersionError,
    NotEnoughMemoryError,
    NotReadyError,
    PredictionError,
    Task,
    VersionRefusedError,
)  # fmt: skip

log = structlog.get_logger("greenroom.serving")


class Result(StrEnum):
    CHANGED = "changed"
    UNCHANGED = "unchanged"
    FAILED = "failed"


@dataclass(frozen=True)
class Outcome:
    """How a change ended. `version`: the one that serves now; None when none does."""

    result: Result
    version: str | None
    left: str | None = None
    error: ModelError | None = None


class _NothingToDoError(Exception):
    """The source names the version that serves."""


class _DrainFirstError(Exception):
    """The version does not fit beside the one that serves, and the operator prefers a gap."""

    def __init__(self, version: ModelVersion) -> None:
        super().__init__(version.id)
        self.version = version


class Changes:
    """The changes of one keeper's model."""

    def __init__(self, keeper: Keeper, means: Means) -> None:
        self.keeper = keeper
        self.gate: GateReport | None = None
        """The last report."""
        self._means = means
        self._board = means.board
        self._lock = asyncio.Lock()
        self._under_way: dict[str, asyncio.Task[Outcome]] = {}
        self._cleaning: set[asyncio.Task[None]] = set()

    # what can be asked for

    async def reload(self, *, force: bool = False) -> Outcome:
        """Look at the source now and let the version that it names serve; `force`: also when it serves already.

        Goes on when the caller leaves."""
        return await self._shared(f"reload {force}", self._reload(force))

    async def rollback(self, *, automatic: bool = False) -> Outcome:
        """Let the version that served before serve again, and hold it fast (`Entry.pinned_against`).

        Raises NoPreviousVersionError."""
        if self.keeper.entry.previous is None:
            raise NoPreviousVersionError(f"{self.keeper.spec.name} has had no other version that could serve again.")
        return await self._shared("rollback", self._rollback(automatic))

    async def unpin(self) -> bool:
        """Let the updater follow the source again; whether it was held back."""
        entry = self.keeper.entry
        was, entry.pinned_against = entry.pinned_against is not None, None
        await self._means.ledger.save()
        self._board.touch()
        return was

    async def watch_trial(self) -> None:
        """Roll back whatever fails on its trial, for ever."""
        while True:
            await self.keeper.take_back.wait()
            self.keeper.take_back.clear()
            if self.keeper.entry.previous is None or self.keeper.version is None:
                continue
            error = VersionRefusedError("Too many of its first calls failed, so the version before it serves again.")
            self._refuse(self.keeper.version.key, self.keeper.version.id, error, for_good=True)
            await self.rollback(automatic=True)

    async def close(self) -> None:
        """End what is under way; a host that loads is killed."""
        tasks = [*self._under_way.values(), *self._cleaning]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    # how it is done

    async def _shared(self, what: str, work: Coroutine[Any, Any, Outcome]) -> Outcome:
        task = self._under_way.get(what)
        if task is None:
            task = self._under_way[what] = asyncio.create_task(work, name=f"{what} {self.keeper.spec.name}")
            task.add_done_callback(lambda _: self._under_way.pop(what, None))
        else:
            work.close()
        return await asyncio.shield(task)

    async def _reload(self, force: bool) -> Outcome:
        async with self._lock:
            keeper = self.keeper
            if keeper.host is None:
                return await self._load_again()
            return await self._change(Want.LATEST, force, rolls_back=False)

    async def _load_again(self) -> Outcome:
        """There is nothing to load beside: let the keeper load the latest, and wait a while for what comes of it.

        Raises NotReadyError when it takes longer than a request may be held (GREENROOM_MAX_WAIT_SECONDS)."""
        keeper = self.keeper
        if keeper.failed:
            keeper.try_again(Want.LATEST)
        else:
            keeper.want(Want.LATEST)
        try:
            async with asyncio.timeout(self._means.settings.max_wait_seconds):
                await self._until_settled()
        except TimeoutError:
            raise NotReadyError((keeper.spec.name,)) from None
        failed = keeper.host is None
        state = self._board.posted((keeper.spec.name,)).state.models[0]
        return Outcome(
            Result.FAILED if failed else Result.CHANGED, None if failed else state.version, error=state.error
        )

    async def _rollback(self, automatic: bool) -> Outcome:
        async with self._lock:
            entry = self.keeper.entry
            if entry.previous is None:
                return Outcome(Result.UNCHANGED, self._serving_id)
            left = self.keeper.version
            outcome = await self._change(entry.previous, force=True, rolls_back=True)
            if outcome.result is Result.CHANGED and left is not None:
                entry.pinned_against = left.key
                await self._means.ledger.save()
                self._means.metrics.rolled_back(self.keeper.spec.name, automatic)
                how = " by itself" if automatic else ""
                log.info(f"Rolled back{how} to model version {outcome.version}", model=self.keeper.spec.name)
            return outcome

    async def _change(self, want: Want | str, force: bool, *, rolls_back: bool) -> Outcome:
        """Everything around `_bring_up`: whatever goes wrong there, the old version serves on."""
        keeper, readiness, name = self.keeper, self._board.readiness, self.keeper.spec.name
        self._board.happened(readiness.target_begins, name, self._means.engine.stages(keeper.spec))
        coming: list[ModelVersion] = []
        try:
            left = await self._bring_up(want, force, rolls_back, coming)
        except _NothingToDoError:
            self._board.happened(readiness.target_forgotten, name)
            return Outcome(Result.UNCHANGED, self._serving_id)
        except _DrainFirstError as tight:
            self._board.happened(readiness.target_forgotten, name)
            return await self._after_a_gap(tight.version)
        except GreenroomError as error:
            return self._failed(error, want, coming)
        except asyncio.CancelledError:
            self._board.happened(readiness.target_forgotten, name)
            raise
        except Exception as bug:
            log.exception("change_broke", model=name)
            return self._failed(unforeseen(bug), want, coming)
        return Outcome(Result.CHANGED, self._serving_id, left.id if left else None)

    async def _bring_up(
        self, want: Want | str, force: bool, rolls_back: bool, coming: list[ModelVersion]
    ) -> ModelVersion | None:
        """Fetch, load, judge, activate; the version that left. Raises GreenroomError, _NothingToDoError."""
        version = await self._fetch(want, force)
        coming.append(version)
        if not rolls_back:
            self._require_space(version)
        host = await self._load(version)
        try:
            if not rolls_back:
                await self._require_pass(host, version)
            await self._require_serving_or_lost()
        except BaseException:
            await host.close()
            raise
        return await self._activate(host, version, rolls_back)

    async def _fetch(self, want: Want | str, force: bool) -> ModelVersion:
        keeper, readiness, name = self.keeper, self._board.readiness, self.keeper.spec.name
        if want is Want.LATEST and not force and keeper.version is not None and keeper.version.identity:
            found = await self._means.fetcher.look(keeper.spec)
            if found.key == keeper.version.key:
                raise _NothingToDoError
        version = await self._means.fetcher.fetch(keeper.spec, want, self._fetched)
        if not force and keeper.version is not None and version.key == keeper.version.key:
            raise _NothingToDoError
        self._board.happened(readiness.target_resolved, name, version)
        return version

    def _fetched(self, stage: StageName, bytes_done: int, bytes_total: int) -> None:
        self._report(Step(stage, bytes_done, max(bytes_total, 1), "bytes"))

    def _report(self, step: Step) -> None:
        readiness = self._board.readiness
        self._board.happened(readiness.target_step, self.keeper.spec.name, step.stage, step.done, step.total, step.unit)

    def _require_space(self, version: ModelVersion) -> None:
        """Known before a load: it would be in vain."""
        served, spec = self.keeper.version, self.keeper.spec
        if spec.task is Task.EMBED and served is not None and not space_check(spec, version, served).passed:
            raise VersionRefusedError(
                f"Version {version.id} has another embedding space ({version.space}) than the one that serves "
                f"({served.space}): stored vectors could not be compared any more. Allow it with "
                "allow_space_change = true for this model, and embed again what you have stored."
            )

    async def _load(self, version: ModelVersion) -> Host:
        keeper, memory = self.keeper, self._means.memory
        await self._make_room(version)
        log.info(
            f"Loading model version {version.id} from {origin(keeper.spec)}", model=keeper.spec.name, version=version.id
        )
        verdicts = memory.verdicts(version.digest)
        return await self._means.engine.load(keeper.spec, version, verdicts, self._report, background=True)

    async def _make_room(self, version: ModelVersion) -> None:
        """Raises NotEnoughMemoryError; where the setting says so, ends the serving host first instead."""
        name, seen = self.keeper.spec.name, self._means.memory.resident_bytes(version.digest)
        try:
            await self._means.room.make(name, needed_bytes(version, seen))
        except NotEnoughMemoryError:
            if self._means.settings.swap_when_tight != "drain":
                raise
            raise _DrainFirstError(version) from None

    async def _after_a_gap(self, version: ModelVersion) -> Outcome:
        """End the serving host, then load `version`; when that fails, the one that served again."""
        keeper, left = self.keeper, self.keeper.version
        log.warning("swap_with_a_gap", model=keeper.spec.name, version=version.id)
        await keeper.evict(then=Want.LATEST if is_local(keeper.spec) else version.key)
        await self._until_settled()
        if keeper.host is not None:
            return Outcome(Result.CHANGED, self._serving_id, left.id if left else None)
        error = self._board.posted((keeper.spec.name,)).state.models[0].error
        keeper.try_again(left.key if left and not is_local(keeper.spec) else Want.LATEST)
        await self._until_settled()
        return Outcome(Result.FAILED, self._serving_id, error=error)

    async def _until_settled(self) -> None:
        """Until the keeper's host serves, or its load has failed."""
        while self.keeper.host is None and not self.keeper.failed:
            await self._board.changed()

    async def _require_pass(self, host: Host, version: ModelVersion) -> None:
        serving, served = self.keeper.host, self.keeper.version
        if serving is None or served is None:
            return  # nothing to be held against: it died meanwhile
        try:
            self.gate = await judge(self.keeper.spec, host, version, serving, served, self._board.clock.unix())
        except GreenroomError as error:
            raise VersionRefusedError(f"The version that serves did not answer the gate's inputs: {error}") from error
        if not self.gate.passed:
            raise VersionRefusedError(why_not(self.gate))

    async def _require_serving_or_lost(self) -> None:
        """Wait while the keeper makes a successor of a host that died: two versions must not become active at once."""
        await self._until_settled()
        if self.keeper.host is None:
            raise PredictionError("The version that served has failed meanwhile. Try again.")

    async def _activate(self, host: Host, version: ModelVersion, rolls_back: bool) -> ModelVersion | None:
        keeper, readiness, clock = self.keeper, self._board.readiness, self._board.clock
        left_version, entry = keeper.version, keeper.entry
        begun = time.perf_counter()
        record: LoadRecord = self._board.happened(readiness.target_serves, keeper.spec.name)
        left = keeper.put(host, version)
        pause_ms = round((time.perf_counter() - begun) * 1000, 3)
        keeper.loads += 1
        keeper.trial = None if rolls_back else Trial(clock.monotonic())
        keeper.refused_versions.forget(version.key)
        if left_version is not None and left_version.key != version.key:
            entry.previous, entry.previous_id = left_version.key, left_version.id
        if not rolls_back:
            entry.pinned_against = None
        log.info(f"Model loaded successfully in {record.total_seconds:.1f}s", model=keeper.spec.name)
        log.info(
            f"Swapped to model version {version.id}", model=keeper.spec.name, version=version.id, pause_ms=pause_ms
        )
        self._means.metrics.swapped(keeper.spec.name, version.id)
        keeper.announce(EventName.ROLLED_BACK if rolls_back else EventName.SWAPPED, left=left_version)
        if left is not None:
            self._clean_up(left, left_version)
        await keeper.remember(record, host)
        return left_version

    def _clean_up(self, left: Host, version: ModelVersion | None) -> None:
        """Close the host that left once it owes nothing; nobody waits for that."""
        task = asyncio.create_task(self._drain(left, version), name=f"drain {self.keeper.spec.name}")
        self._cleaning.add(task)
        task.add_done_callback(self._cleaning.discard)

    async def _drain(self, left: Host, version: ModelVersion | None) -> None:
        try:
            async with asyncio.timeout(self._means.settings.inference_timeout_seconds):
                await left.drained()
        except TimeoutError:
            log.warning("drain_took_too_long", model=self.keeper.spec.name)
        await left.close()
        log.info(f"Cleaned up model version {version.id if version else ''}", model=self.keeper.spec.name)

    def _failed(self, error: GreenroomError, want: Want | str, coming: list[ModelVersion]) -> Outcome:
        name = self.keeper.spec.name
        version = coming[0] if coming else None
        told, retry_at = describe(error), None
        log.error("change_failed", model=name, version=version.id if version else None, reason=str(error))
        if version is not None:
            retry_at = self._refuse(version.key, version.id, error, for_good=want is not Want.LATEST)
        self._board.happened(self._board.readiness.target_failed, name, told, retry_at)
        self._means.metrics.update_failed(name, error.code)
        self.keeper.announce(EventName.FAILED, told, version=version.id if version else "")
        return Outcome(Result.FAILED, self._serving_id, error=told)

    def _refuse(self, key: str, id_: str, error: GreenroomError, *, for_good: bool) -> float | None:
        return self.keeper.refused_versions.refuse(
            key, id_, describe(error), self._board.clock.unix(), for_good=for_good
        )

    @property
    def _serving_id(self) -> str | None:
        return self.keeper.version.id if self.keeper.host is not None and self.keeper.version else None
