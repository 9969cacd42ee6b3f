"""Changing the version that serves: reload, rollback, what the source names now, and the taking back of one that fails.

How another version takes over without a gap is in `serving.swap`. One change of a model at a time; whoever asks for the
same while it is under way waits for the same outcome. A model that rests is loaded first, so that there is something to
swap with. One that has failed has nothing to lose: there the keeper loads what is to serve, and tries again by itself.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

import structlog

from greenroom.engine.seam import Host
from greenroom.protocol.answers import GateReport
from greenroom.protocol.snapshot import ModelError
from greenroom.protocol.socket import EventName
from greenroom.serving.keeper import Keeper
from greenroom.serving.means import Means
from greenroom.serving.swap import DrainFirstError, NothingToDoError, Swap, took_over
from greenroom.serving.told import describe, unforeseen
from greenroom.sources.seam import Found, Want
from greenroom.words import (
    GreenroomError,
    ModelVersion,
    NoPreviousVersionError,
    NotReadyError,
    PredictionError,
    SourceError,
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


class Changes:
    """The changes of one keeper's model."""

    def __init__(self, keeper: Keeper, means: Means) -> None:
        self.keeper = keeper
        self.gate: GateReport | None = None
        """The last report."""
        self._swap: Swap | None = None
        """The one under way."""
        self._means = means
        self._board = means.board
        self._lock = asyncio.Lock()
        self._under_way: dict[str, asyncio.Task[Outcome]] = {}
        self._cleaning: set[asyncio.Task[None]] = set()

    @property
    def coming(self) -> str | None:
        """Key of the version that is to serve next, while a change is under way and knows it."""
        return self._swap.named[0] if self._swap is not None and self._swap.named is not None else None

    # what can be asked for

    async def reload(self, *, force: bool = False) -> Outcome:
        """Look at the source now and let the version that it names serve; `force`: also when it serves already.

        Goes on when the caller leaves. Raises NotReadyError when the model had to be loaded first, and that takes
        longer than a request may be held (GREENROOM_MAX_WAIT_SECONDS)."""
        return await self._shared(f"reload {force}", self._reload(force))

    async def rollback(self) -> Outcome:
        """Let the version that served before serve again, and hold it fast (`Entry.pinned_against`).

        Raises NoPreviousVersionError; NotReadyError as `reload` does."""
        previous = self.keeper.entry.previous
        if previous is None:
            raise NoPreviousVersionError(f"{self.keeper.spec.name} has had no other version that could serve again.")
        return await self._shared("rollback", self._rollback(previous))

    async def follow(self, found: Found) -> Outcome:
        """Let the version serve that the source names now, unless it is held back, or serves already."""
        return await self._shared("follow", self._follow(found))

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
            try:
                await self._take_back()
            except Exception:
                log.exception("taking_back_broke", model=self.keeper.spec.name)

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
            if await self._serves():
                return await self._change(Want.LATEST, force=force)
            return await self._revive(latest=True)

    async def _follow(self, found: Found) -> Outcome:
        async with self._lock:
            if not await self._is_news(found):
                return Outcome(Result.UNCHANGED, self._serving_id)
            if not self.keeper.failed:
                return await self._change(Want.LATEST)
            outcome = await self._revive(latest=True, patient=True)
            if outcome.result is Result.FAILED and outcome.error is not None:
                self._refuse((found.key, found.label), outcome.error)
            return outcome

    async def _rollback(self, previous: str, failing: ModelVersion | None = None) -> Outcome:
        """To the version that was the previous one when it was asked for; `failing`: only if that one serves still."""
        async with self._lock:
            automatic = failing is not None
            entry, serves = self.keeper.entry, await self._serves(patient=automatic)
            if entry.active == previous or (failing is not None and entry.active != failing.key):
                return Outcome(Result.UNCHANGED, self._serving_id)
            if serves:
                outcome = await self._change(previous, force=True, rolls_back=True)
            else:
                entry.roll_back()
                await self._means.ledger.save()
                outcome = await self._revive(patient=automatic)
            if outcome.result is Result.CHANGED:
                self._means.metrics.rolled_back(self.keeper.spec.name, automatic)
                how = " by itself" if automatic else ""
                log.info(f"Rolled back{how} to model version {outcome.version}", model=self.keeper.spec.name)
            return outcome

    async def _take_back(self) -> None:
        previous, failing = self.keeper.entry.previous, self.keeper.version
        if previous is not None and failing is not None:
            error = VersionRefusedError("Too many of its first calls failed, so the version before it serves again.")
            self._refuse((failing.key, failing.id), describe(error), for_good=True)
            await self._shared("taking back", self._rollback(previous, failing))

    async def _is_news(self, found: Found) -> bool:
        """Whether what the source names is to be tried now."""
        keeper, entry, now = self.keeper, self.keeper.entry, self._board.clock.unix()
        keeper.refused_versions.source_names(found.key, now)
        if entry.pinned_against is not None:
            if found.key == entry.pinned_against:
                return False
            await self.unpin()
        if keeper.version is not None and found.key == keeper.version.key:
            if self._board.readiness.has_target(keeper.spec.name):  # one that failed: it is wanted no longer
                self._board.happened(self._board.readiness.target_forgotten, keeper.spec.name)
            return False
        return keeper.refused_versions.may_try(found.key, now) and (keeper.failed or keeper.host is not None)

    async def _serves(self, *, patient: bool = False) -> bool:
        """Whether a version serves, once it had the time for it; False when it has failed. Raises NotReadyError when
        that takes longer than a request may be held; `patient`: however long it takes."""
        self.keeper.want()
        try:
            async with asyncio.timeout(None if patient else self._means.settings.max_wait_seconds):
                await self.keeper.settled()
        except TimeoutError:
            raise NotReadyError((self.keeper.spec.name,)) from None
        return self.keeper.host is not None

    async def _revive(self, *, latest: bool = False, patient: bool = False) -> Outcome:
        """Let a failed model's keeper load what is to serve, or the latest, and see what comes of it. Raises
        NotReadyError as `_serves` does."""
        keeper, left = self.keeper, self.keeper.version
        keeper.try_again(latest)
        await self._serves(patient=patient)
        if keeper.host is None or keeper.version is None:
            return Outcome(Result.FAILED, None, error=self._error)
        if left is not None and left.key != keeper.version.key:
            took_over(keeper, self._means, left, rolls_back=keeper.entry.pinned_against == left.key)
            await self._means.ledger.save()
        return Outcome(Result.CHANGED, keeper.version.id, left.id if left else None)

    async def _change(self, want: Want | str, *, force: bool = False, rolls_back: bool = False) -> Outcome:
        """Everything around a swap: whatever goes wrong there, the old version serves on."""
        keeper, readiness, name = self.keeper, self._board.readiness, self.keeper.spec.name
        self._board.happened(readiness.target_begins, name, self._means.engine.stages(keeper.spec))
        self._swap = swap = Swap(keeper, self._means, want, force=force, rolls_back=rolls_back)
        try:
            with keeper.changing():
                host, left = await swap.run()
        except NothingToDoError:
            self._board.happened(readiness.target_forgotten, name)
            return Outcome(Result.UNCHANGED, self._serving_id)
        except DrainFirstError as tight:
            self._board.happened(readiness.target_forgotten, name)
            return await self._after_a_gap(tight.version, rolls_back)
        except GreenroomError as error:
            return self._failed(error, swap.named, rolls_back)
        except asyncio.CancelledError:
            self._board.happened(readiness.target_forgotten, name)
            raise
        except Exception as bug:
            log.exception("change_broke", model=name)
            return self._failed(unforeseen(bug), swap.named, rolls_back)
        finally:
            self.gate, self._swap = swap.gate or self.gate, None
        if host is not None:
            self._clean_up(host, left)
        return Outcome(Result.CHANGED, self._serving_id, left.id if left else None)

    async def _after_a_gap(self, version: ModelVersion, rolls_back: bool) -> Outcome:
        """End the serving host, then load `version`; when that fails, the one that served again."""
        keeper, left, entry = self.keeper, self.keeper.version, self.keeper.entry
        before = replace(entry)
        entry.serves(version)
        await self._means.ledger.save()
        log.warning("swap_with_a_gap", model=keeper.spec.name, version=version.id)
        await keeper.evict(back_soon=True)
        await keeper.settled()
        if keeper.host is not None and keeper.version is not None and keeper.version.key == version.key:
            took_over(keeper, self._means, left, rolls_back=rolls_back)
            await self._means.ledger.save()
            return Outcome(Result.CHANGED, version.id, left.id if left else None)
        error = self._error
        vars(entry).update(vars(before))
        await self._means.ledger.save()
        keeper.try_again()
        await keeper.settled()
        return self._told_failed(error, (version.key, version.id), for_good=rolls_back)

    @property
    def _error(self) -> ModelError:
        """Why the model does not serve."""
        error = self._board.posted((self.keeper.spec.name,)).state.models[0].error
        return error or describe(PredictionError("It does not serve, and did not say why."))

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

    def _failed(self, error: GreenroomError, version: tuple[str, str] | None, rolls_back: bool) -> Outcome:
        """The version is marked bad, unless it was the source or the serving version that did not answer."""
        not_its_fault = isinstance(error, PredictionError) or (isinstance(error, SourceError) and error.temporary)
        outcome = self._told_failed(describe(error), None if not_its_fault else version, for_good=rolls_back)
        self._means.metrics.update_failed(self.keeper.spec.name, error.code)
        return outcome

    def _told_failed(self, error: ModelError, version: tuple[str, str] | None, *, for_good: bool) -> Outcome:
        name, (_, id_) = self.keeper.spec.name, version or ("", "")
        log.error("change_failed", model=name, version=id_ or None, reason=error.message)
        retry_at = self._refuse(version, error, for_good=for_good) if version is not None else None
        if self._board.readiness.has_target(name):
            self._board.happened(self._board.readiness.target_failed, name, error, retry_at)
        self.keeper.announce(EventName.FAILED, error, version=id_)
        return Outcome(Result.FAILED, self._serving_id, error=error)

    def _refuse(self, version: tuple[str, str], error: ModelError, *, for_good: bool = False) -> float | None:
        """Mark a version (key and id) bad; when it is tried again."""
        now = self._board.clock.unix()
        return self.keeper.refused_versions.refuse(*version, error, now, for_good=for_good)

    @property
    def _serving_id(self) -> str | None:
        return self.keeper.version.id if self.keeper.host is not None and self.keeper.version else None
