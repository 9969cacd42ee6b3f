"""One swap: another version takes the place of the one that serves, without a gap.

    fetch → room → load beside, in the background → gate → activate

Everything up to `activate` can fail, and then nothing has changed: the old version has served all the time. Activating
is one assignment (`Keeper.put`) between two steps of the event loop, so a call either has the old host or the new one.
Those that have the old one are answered by it before it is closed; one that waits for its turn is sent on by `Calls`.
"""

from __future__ import annotations

import time

import structlog

from greenroom.engine.seam import Host
from greenroom.protocol.answers import GateReport
from greenroom.protocol.socket import EventName
from greenroom.readiness.history import LoadRecord
from greenroom.serving.gate import judge, require_space, why_not
from greenroom.serving.keeper import Keeper
from greenroom.serving.load import Loader
from greenroom.serving.means import Means
from greenroom.serving.trial import Trial
from greenroom.sources.seam import Want
from greenroom.words import (
    GreenroomError,
    ModelVersion,
    NotEnoughMemoryError,
    PredictionError,
    VersionRefusedError,
)  # fmt: skip

log = structlog.get_logger("greenroom.serving")


class NothingToDoError(Exception):
    """The source names the version that serves."""


class DrainFirstError(Exception):
    """The version does not fit beside the one that serves, and the operator prefers a gap."""

    def __init__(self, version: ModelVersion) -> None:
        super().__init__(version.id)
        self.version = version


class Swap:
    """`want`: the version that is to serve, its key where it is an older one. `rolls_back`: it has served before."""

    def __init__(self, keeper: Keeper, means: Means, want: Want | str, *, force: bool, rolls_back: bool) -> None:
        self.named: tuple[str, str] | None = None
        """Key and id of the version, as soon as its source has named it."""
        self.gate: GateReport | None = None
        self._keeper = keeper
        self._means = means
        self._board = means.board
        self._loader = Loader(keeper.spec, means, means.board.readiness.target_step, background=True)
        self._want = want
        self._force = force
        self._rolls_back = rolls_back

    async def run(self) -> tuple[Host | None, ModelVersion | None]:
        """Up to the activation: the host that left, which is the caller's to close, and its version.

        Raises GreenroomError (a PredictionError when it is the serving version that did not answer),
        NothingToDoError, DrainFirstError."""
        version = await self._fetch()
        if not self._rolls_back and self._keeper.version is not None:
            require_space(self._keeper.spec, version, self._keeper.version.space)
        host = await self._load(version)
        try:
            serving = await self._until_settled()
            if serving is not None and not self._rolls_back:
                await self._require_pass(host, version, *serving)
                await self._until_settled()
        except BaseException:
            await host.close()
            raise
        return await self._activate(host, version)

    async def _fetch(self) -> ModelVersion:
        keeper, readiness, name = self._keeper, self._board.readiness, self._keeper.spec.name
        if self._want is Want.LATEST and keeper.version is not None and keeper.version.identity:
            found = await self._means.fetcher.look(keeper.spec)
            self.named = found.key, found.label
            if found.key == keeper.version.key and not self._force:
                raise NothingToDoError
        version = await self._loader.fetch(self._want)
        self.named = version.key, version.id
        if not self._force and keeper.version is not None and version.key == keeper.version.key:
            raise NothingToDoError
        self._board.happened(readiness.target_resolved, name, version)
        return version

    async def _load(self, version: ModelVersion) -> Host:
        try:
            return await self._loader.load(version)
        except NotEnoughMemoryError:
            if self._means.settings.swap_when_tight != "drain":
                raise
            raise DrainFirstError(version) from None

    async def _until_settled(self) -> tuple[Host, ModelVersion] | None:
        """Who serves, once the keeper has made a successor of a host that died meanwhile; None when it could not."""
        keeper = self._keeper
        await keeper.settled()
        return None if keeper.host is None or keeper.version is None else (keeper.host, keeper.version)

    async def _require_pass(self, host: Host, version: ModelVersion, serving: Host, served: ModelVersion) -> None:
        try:
            self.gate = await judge(self._keeper.spec, host, version, serving, served, self._board.clock.unix())
        except GreenroomError as error:
            raise PredictionError(f"The version that serves did not answer the gate's inputs: {error}") from error
        if not self.gate.passed:
            raise VersionRefusedError(why_not(self.gate))

    async def _activate(self, host: Host, version: ModelVersion) -> tuple[Host | None, ModelVersion | None]:
        keeper, left_version = self._keeper, self._keeper.version
        begun = time.perf_counter()
        record: LoadRecord = self._board.happened(self._board.readiness.target_serves, keeper.spec.name)
        left = keeper.put(host, version)
        pause_ms = round((time.perf_counter() - begun) * 1000, 3)
        keeper.loads += 1
        log.info(f"Model loaded successfully in {record.total_seconds:.1f}s", model=keeper.spec.name)
        took_over(keeper, self._means, left_version, rolls_back=self._rolls_back, pause_ms=pause_ms)
        await keeper.remember(record, host)
        return left, left_version


def took_over(keeper: Keeper, means: Means, left: ModelVersion | None, *, rolls_back: bool, **measured: float) -> None:
    """Say that the version that `keeper` serves has just taken over from `left`, and put it on trial. The ledger is
    still to be saved."""
    version = keeper.version
    assert version is not None  # noqa: S101 - it serves
    keeper.entry.pinned_against = left.key if rolls_back and left is not None else None
    keeper.trial = None if rolls_back else Trial(means.board.clock.monotonic())
    keeper.refused_versions.forget(version.key)
    if left is None or left.key != version.key:
        means.metrics.swapped(keeper.spec.name, version.id)
    log.info(f"Swapped to model version {version.id}", model=keeper.spec.name, version=version.id, **measured)
    keeper.announce(EventName.ROLLED_BACK if rolls_back else EventName.SWAPPED, left=left)
