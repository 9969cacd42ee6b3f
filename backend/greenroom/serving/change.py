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
from contextlib import AbstractContextManager
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
        self.coming: ModelVersion | None = None
        """The version that is to serve next, while a change is under way and knows it."""
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

    async def rollback(self) -> Outcome:
        """Let the version that served before serve again, and hold it fast (`Entry.pinned_against`).

        Raises NoPreviousVersionError, NotReadyError."""
        previous = self.keeper.entry.previous
        if previous is None:
            raise NoPreviousVersionError(f"{self.keeper.spec.name} has had no other version that could serve again.")
        return await self._shared("rollback", self._rollback(previous))

    async def unpin(self) -> bool:
        """Let the updater follow the source again, also to a version that was taken back; whether it was held back."""
        entry = self.keeper.entry
        left, entry.pinned_against = entry.pinned_against, None
        if left is not None:
            self.keeper.refused_versions.forget(left)
        await self._means.ledger.save()
        self._board.touch()
        return left is not None

    async def watch_trial(self) -> None:
        """Roll back whatever fails on its trial, for ever."""
        while True:
            await self.keeper.take_back.wait()
            self.keeper.take_back.clear()
            previous, failing = self.keeper.entry.previous, self.keeper.version
            if previous is None or failing is None:
                continue
            error = VersionRefusedError("Too many of its first calls failed, so the version before it serves again.")
            self._refuse(failing.key, failing.id, error, for_good=True)
            await self._shared("taking back", self._rollback(previous, failing))

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
                return await self._load_again(Want.LATEST)
            return await self._change(Want.LATEST, force, rolls_back=False)

    async def _load_again(self, want: Want | str) -> Outcome:
        """There is nothing to load beside: let the keeper load it, and wait a while for what comes of it.

        Raises NotReadyError when it takes longer than a request may be held (GREENROOM_MAX_WAIT_SECONDS)."""
        keeper = self.keeper
        if keeper.failed:
            keeper.try_again(want)
        else:
            keeper.want(want)
        await self._until_settled_or_late()
        failed = keeper.host is None
        state = self._board.posted((keeper.spec.name,)).state.models[0]
        return Outcome(
            Result.FAILED if failed else Result.CHANGED, None if failed else state.version, error=state.error
        )

    async def _rollback(self, previous: str, failing: ModelVersion | None = None) -> Outcome:
        """To the version that was the previous one when it was asked for; `failing`: only if that one serves still."""
        async with self._lock:
            left = self.keeper.version
            if left is None or left.key == previous or (failing is not None and left.key != failing.key):
                return Outcome(Result.UNCHANGED, self._serving_id)
            if self.keeper.host is None and await self._is_lost():
                outcome = await self._load_again(previous)
                if outcome.result is Result.CHANGED:
                    self._tell_change(left, rolls_back=True)
                    await self._means.ledger.save()
            else:
                outcome = await self._change(previous, force=True, rolls_back=True)
            if outcome.result is Result.CHANGED:
                self._means.metrics.rolled_back(self.keeper.spec.name, failing is not None)
                how = " by itself" if failing is not None else ""
                log.info(f"Rolled back{how} to model version {outcome.version}", model=self.keeper.spec.name)
            return outcome

    async def _is_lost(self) -> bool:
        """Whether the version that should serve cannot; waits while it is being loaded. Raises NotReadyError."""
        if self.keeper.is_wanted:
            await self._until_settled_or_late()
        return self.keeper.host is None

    async def _change(self, want: Want | str, force: bool, *, rolls_back: bool) -> Outcome:
        """Everything around `_bring_up`: whatever goes wrong there, the old version serves on."""
        keeper, readiness, name = self.keeper, self._board.readiness, self.keeper.spec.name
        self._board.happened(readiness.target_begins, name, self._means.engine.stages(keeper.spec))
        try:
            with keeper.lease():  # the model may not leave while its next version loads beside it
                left = await self._bring_up(want, force, rolls_back)
        except _NothingToDoError:
            self._board.happened(readiness.target_forgotten, name)
            return Outcome(Result.UNCHANGED, self._serving_id)
        except _DrainFirstError as tight:
            self._board.happened(readiness.target_forgotten, name)
            return await self._after_a_gap(tight.version, rolls_back)
        except GreenroomError as error:
            return self._failed(error, want)
        except asyncio.CancelledError:
            self._board.happened(readiness.target_forgotten, name)
            raise
        except Exception as bug:
            log.exception("change_broke", model=name)
            return self._failed(unforeseen(bug), want)
        finally:
            self.coming = None
        return Outcome(Result.CHANGED, self._serving_id, left.id if left else None)

    async def _bring_up(self, want: Want | str, force: bool, rolls_back: bool) -> ModelVersion | None:
        """Fetch, load, judge, activate; the version that left. Raises GreenroomError, _NothingToDoError."""
        self.coming = version = await self._fetch(want, force)
        if not rolls_back:
            self._require_space(version)
        with await self._make_room(version):
            host = await self._load(version)
            try:
                serving, served = await self._serving()
                if not rolls_back:
                    await self._require_pass(host, version, serving, served)
                    await self._serving()
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
        log.info(
            f"Loading model version {version.id} from {origin(keeper.spec)}", model=keeper.spec.name, version=version.id
        )
        verdicts = memory.verdicts(version.digest)
        return await self._means.engine.load(keeper.spec, version, verdicts, self._report, background=True)

    async def _make_room(self, version: ModelVersion) -> AbstractContextManager[None]:
        """Raises NotEnoughMemoryError; where the setting says so, ends the serving host first instead."""
        name, seen = self.keeper.spec.name, self._means.memory.resident_bytes(version.digest)
        try:
            return await self._means.room.make(name, needed_bytes(version, seen))
        except NotEnoughMemoryError:
            if self._means.settings.swap_when_tight != "drain":
                raise
            raise _DrainFirstError(version) from None

    async def _after_a_gap(self, version: ModelVersion, rolls_back: bool) -> Outcome:
        """End the serving host, then load `version`; when that fails, the one that served again."""
        keeper, left = self.keeper, self.keeper.version
        log.warning("swap_with_a_gap", model=keeper.spec.name, version=version.id)
        await keeper.evict(then=Want.LATEST if is_local(keeper.spec) else version.key)
        await self._until_settled()
        if keeper.host is not None:
            self._tell_change(left, rolls_back)
            await self._means.ledger.save()
            return Outcome(Result.CHANGED, self._serving_id, left.id if left else None)
        error = self._board.posted((keeper.spec.name,)).state.models[0].error
        keeper.try_again(left.key if left and not is_local(keeper.spec) else Want.LATEST)
        await self._until_settled()
        return Outcome(Result.FAILED, self._serving_id, error=error)

    async def _until_settled_or_late(self) -> None:
        """Raises NotReadyError when it takes longer than a request may be held (GREENROOM_MAX_WAIT_SECONDS)."""
        try:
            async with asyncio.timeout(self._means.settings.max_wait_seconds):
                await self._until_settled()
        except TimeoutError:
            raise NotReadyError((self.keeper.spec.name,)) from None

    async def _until_settled(self) -> None:
        """Until the keeper's host serves, or its load has failed."""
        while self.keeper.host is None and not self.keeper.failed:
            await self._board.changed()

    async def _require_pass(self, host: Host, version: ModelVersion, serving: Host, served: ModelVersion) -> None:
        try:
            self.gate = await judge(self.keeper.spec, host, version, serving, served, self._board.clock.unix())
        except GreenroomError as error:
            raise VersionRefusedError(f"The version that serves did not answer the gate's inputs: {error}") from error
        if not self.gate.passed:
            raise VersionRefusedError(why_not(self.gate))

    async def _serving(self) -> tuple[Host, ModelVersion]:
        """Who serves, once the keeper has made a successor of a host that died: two versions must not become active
        at once. Raises PredictionError."""
        await self._until_settled()
        host, version = self.keeper.host, self.keeper.version
        if host is None or version is None:
            raise PredictionError("The version that served has failed meanwhile. Try again.")
        return host, version

    async def _activate(self, host: Host, version: ModelVersion, rolls_back: bool) -> ModelVersion | None:
        keeper, readiness = self.keeper, self._board.readiness
        left_version = keeper.version
        begun = time.perf_counter()
        record: LoadRecord = self._board.happened(readiness.target_serves, keeper.spec.name)
        left = keeper.put(host, version)
        pause_ms = round((time.perf_counter() - begun) * 1000, 3)
        keeper.loads += 1
        log.info(f"Model loaded successfully in {record.total_seconds:.1f}s", model=keeper.spec.name)
        self._tell_change(left_version, rolls_back, pause_ms=pause_ms)
        if left is not None:
            self._clean_up(left, left_version)
        await keeper.remember(record, host)
        return left_version

    def _tell_change(self, left: ModelVersion | None, rolls_back: bool, **measured: float) -> None:
        """Take note of a version that has just taken over from `left`, and say so. The ledger is still to be saved."""
        keeper, entry, version = self.keeper, self.keeper.entry, self.keeper.version
        assert version is not None  # noqa: S101 - it serves
        entry.pinned_against = left.key if rolls_back and left is not None else None
        if left is not None and left.key != version.key:
            entry.previous, entry.previous_id = left.key, left.id
        keeper.trial = None if rolls_back else Trial(self._board.clock.monotonic())
        keeper.refused_versions.forget(version.key)
        log.info(f"Swapped to model version {version.id}", model=keeper.spec.name, version=version.id, **measured)
        self._means.metrics.swapped(keeper.spec.name, version.id)
        keeper.announce(EventName.ROLLED_BACK if rolls_back else EventName.SWAPPED, left=left)

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

    def _failed(self, error: GreenroomError, want: Want | str) -> Outcome:
        name, version = self.keeper.spec.name, self.coming
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
