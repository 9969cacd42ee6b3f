"""What a load is expected to take: seconds per stage, fixed once per try, and the work on its critical path.

The shared runtime import runs beside resolving and downloading; all else comes one after the other:

    T = max(import, resolve + download) + weights + warmup + check

With f the time-calibrated fraction of each stage that is done, the work still to do is the same sum over
d · (1 − f). This is the critical-path rule of network planning (Kelley & Walker 1959) for this one small graph.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Self

from greenroom.protocol.snapshot import EstimateBasis, StageName
from greenroom.readiness.curves import IDENTITY, IMPORT, Curve, middle
from greenroom.readiness.history import LoadHistory, StageRecord
from greenroom.words import ModelVersion

PRIOR_SECONDS: Mapping[StageName, float] = {
    StageName.RESOLVE: 0.15,
    StageName.DOWNLOAD: 5.0,
    StageName.IMPORT: 4.0,
    StageName.WEIGHTS: 0.4,
    StageName.WARMUP: 0.4,
    StageName.CHECK: 0.3,
}
"""Shipped stage times: the default model on two cores. For a download of unknown size; else by bytes."""

PRIOR_BYTES_PER_SECOND = 20e6
PRIOR_GAP_SECONDS = 0.5
MIN_STAGE_SECONDS = 0.01
"""Floor of an expected stage time, so that every stage has a share."""

FETCH = (StageName.RESOLVE, StageName.DOWNLOAD)
OVERLAPPING = (*FETCH, StageName.IMPORT)
SERIAL = (StageName.WEIGHTS, StageName.WARMUP, StageName.CHECK)


def before(stage: StageName) -> tuple[StageName, ...]:
    """The stages that must be through before `stage` can begin."""
    match stage:
        case StageName.RESOLVE | StageName.IMPORT:
            return ()
        case StageName.DOWNLOAD:
            return (StageName.RESOLVE,)
        case StageName.WEIGHTS | StageName.WARMUP | StageName.CHECK:
            return (*OVERLAPPING, *SERIAL[: SERIAL.index(stage)])


@dataclass(frozen=True)
class StagePlan:
    """What is expected of one stage. `gap_seconds`: its usual longest time between two steps; None if unknown."""

    seconds: float
    curve: Curve
    gap_seconds: float | None
    learned: bool


@dataclass(frozen=True)
class Plan:
    """The stages of one try, in protocol order, and what is expected of each."""

    stages: Mapping[StageName, StagePlan]

    @classmethod
    def make(
        cls, stages: Sequence[StageName], version: ModelVersion | None, size: int | None, history: LoadHistory
    ) -> Self:
        """Expectations for `stages` from earlier loads of `version`, shipped ones where there are none."""
        applied = tuple(stage for stage in StageName if stage in set(stages))
        digest = version.digest if version else ""
        learned = {stage: history.stage_records(digest, stage, applied) for stage in applied}
        return cls({stage: _learned(learned[stage]) if learned[stage] else _prior(stage, size) for stage in applied})

    @property
    def basis(self) -> EstimateBasis:
        learned = all(stage.learned for stage in self.stages.values())
        return EstimateBasis.HISTORY if learned else EstimateBasis.PRIOR

    def rest(self, done: Mapping[StageName, float], stages: Sequence[StageName]) -> float:
        """Expected seconds of what is undone of `stages`, one after the other."""
        planned = (stage for stage in stages if stage in self.stages)
        return sum(self.stages[stage].seconds * (1 - done.get(stage, 0.0)) for stage in planned)

    def overlap(self, done: Mapping[StageName, float]) -> float:
        """Expected seconds until import, resolving and downloading are all through."""
        return max(self.rest(done, (StageName.IMPORT,)), self.rest(done, FETCH))

    def remaining(self, done: Mapping[StageName, float]) -> float:
        """R: expected seconds of work still to do on the critical path."""
        return self.overlap(done) + self.rest(done, SERIAL)

    @property
    def total(self) -> float:
        """T: expected seconds of the whole load."""
        return self.remaining({})

    def shares(self) -> dict[StageName, float]:
        """Each stage's part of T, four digits, together exactly 1. The overlapping stages share what their longer
        branch takes, in proportion to their own times."""
        both = self.rest({}, OVERLAPPING)
        scale = self.overlap({}) / both if both else 0.0
        weights = {name: plan.seconds * (scale if name in OVERLAPPING else 1.0) for name, plan in self.stages.items()}
        return _rounded_to_one(weights)


def _learned(records: Sequence[StageRecord]) -> StagePlan:
    seconds = median(record.seconds for record in records)
    gap = median(record.max_gap for record in records)
    return StagePlan(max(seconds, MIN_STAGE_SECONDS), middle(record.curve for record in records), gap, True)


def _prior(stage: StageName, size: int | None) -> StagePlan:
    seconds = PRIOR_SECONDS[stage]
    if stage is StageName.DOWNLOAD and size is not None:
        seconds = max(size / PRIOR_BYTES_PER_SECOND, MIN_STAGE_SECONDS)
    return StagePlan(seconds, IMPORT if stage is StageName.IMPORT else IDENTITY, None, False)


def _rounded_to_one(weights: Mapping[StageName, float]) -> dict[StageName, float]:
    """Parts of the whole in ten-thousandths by largest remainder (Hamilton's method), so that they sum to 1."""
    total = sum(weights.values())
    exact = {name: weight / total * 10_000 for name, weight in weights.items()}
    units = {name: int(value) for name, value in exact.items()}
    by_remainder = sorted(exact, key=lambda name: units[name] - exact[name])
    for name in by_remainder[: 10_000 - sum(units.values())]:
        units[name] += 1
    return {name: unit / 10_000 for name, unit in units.items()}
