"""One try to load a model: what was measured, how far that is, and how long still.

Progress
    p = 1 − R/T (see `plan`); floor of 100 p, at most 99: only `ready` makes it 100. It comes from measured steps
    alone; time never moves it. A stage that has begun proves that those before it are through.

How long still
    The rest R is expected seconds on a machine of the expected speed. How much slower this one is, it has shown:

        k = (A + c) / (E + c)        eta = R · k

    A: seconds of this try so far; E: the expected seconds of the work they did. c weighs what was expected
    beforehand, as so many seconds of work at pace 1: it is the shrinkage of a ratio estimator towards its prior
    (the mean of a Gamma posterior with c pseudo-seconds on each side). c = 1 s for shipped times, 2 s for times
    learned here. During a stall A grows and E does not, so the estimate grows with it, as it should.

    Three corrections keep it honest. An import that was under way before the try began was not done in A, so
    this head start does not count in E. Between two steps, work goes on unseen: up to the usual gap between steps
    is taken as done for the estimate (never for progress). And the network's pace says nothing about the
    machine's: where a download is the longer branch, it is judged by its own rate, bytes left / bytes per second,
    and left out of A and E.

Stall
    No progress for max(10 s, 3 × the usual longest gap between two steps of what runs now).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from greenroom.protocol.snapshot import EstimateBasis, StageName
from greenroom.readiness.curves import calibrated
from greenroom.readiness.history import LoadRecord, Sample
from greenroom.readiness.meters import ByteGauge, StageMeter, Stopwatch
from greenroom.readiness.plan import FETCH, OVERLAPPING, PRIOR_GAP_SECONDS, SERIAL, Plan, before

CONFIDENCE_SECONDS = {EstimateBasis.PRIOR: 1.0, EstimateBasis.HISTORY: 2.0}
STALL_SECONDS = 10.0
STALL_GAPS = 3.0
SAMPLE_EVERY_PERCENT = 10


@dataclass(frozen=True)
class Estimate:
    """Seconds until ready, not rounded, and what they rest on."""

    seconds: float
    basis: EstimateBasis


class Attempt:
    def __init__(self, plan: Plan, now: float) -> None:
        self.plan = plan
        self.gauge = ByteGauge()
        self._watch = Stopwatch(now)
        self._meters = {stage: StageMeter() for stage in plan.stages}
        self._moved_at = 0.0
        self._import_seen: tuple[float, float] | None = None
        self._samples: list[Sample] = []
        self._sampled = 0

    # What happens

    def replan(self, plan: Plan, now: float) -> None:
        """Other expectations, perhaps with a stage more; what was measured stays."""
        self._watch.move(now)
        self.plan = plan
        self._meters = {stage: self._meters.get(stage, StageMeter()) for stage in plan.stages}

    def observe(self, stage: StageName, raw: float, now: float) -> None:
        """`raw` (0–1) of a planned stage is through; less than before says nothing new."""
        at = self._watch.move(now)
        moved = [self._complete(earlier, at) for earlier in before(stage)]
        self._start(stage)
        if stage is StageName.IMPORT and self._import_seen is None:
            self._import_seen = (raw, at)
        if self._meters[stage].advance(raw, at) or any(moved):
            self._moved_at = at
            self._sample(at, now)

    def count_bytes(self, done: float, total: float, now: float) -> None:
        self.gauge.feed(done, total, self._watch.move(now))

    def complete(self, stages: Sequence[StageName], now: float) -> None:
        """These stages are through."""
        at = self._watch.move(now)
        moved = [self._complete(stage, at) for stage in stages]
        if any(moved):
            self._moved_at = at

    def _complete(self, stage: StageName, at: float) -> bool:
        if stage not in self._meters:
            return False
        self._start(stage)
        return self._meters[stage].advance(1.0, at)

    def _start(self, stage: StageName) -> None:
        """A stage starts when the last of those before it ended: what lies between belongs to it."""
        earlier = (self._meters[name].ended or 0.0 for name in before(stage) if name in self._meters)
        self._meters[stage].start(max(earlier, default=0.0))

    def _sample(self, at: float, now: float) -> None:
        decile = self.progress // SAMPLE_EVERY_PERCENT
        if decile <= self._sampled:
            return
        self._sampled = decile
        if estimate := self.estimate(now):
            self._samples.append(Sample(at, self.progress, estimate.seconds))

    # How far

    def ended(self, stage: StageName) -> bool:
        return stage in self._meters and self._meters[stage].ended is not None

    def pending(self, stage: StageName) -> bool:
        return stage in self._meters and self._meters[stage].ended is None

    @property
    def done(self) -> dict[StageName, float]:
        """f: the fraction of its time that each stage has behind it."""
        return {name: calibrated(plan.curve, self._meters[name].raw) for name, plan in self.plan.stages.items()}

    @property
    def progress(self) -> int:
        total = self.plan.total
        if total <= 0:
            return 0
        return min(99, max(0, math.floor(100 * (1 - self.plan.remaining(self.done) / total) + 1e-9)))

    def record(self, digest: str, now: float) -> LoadRecord:
        """What this try took, once every stage is complete."""
        stages = {name: meter.record() for name, meter in self._meters.items()}
        return LoadRecord(digest, stages, self._watch.at(now), tuple(self._samples))

    # How long still

    def estimate(self, now: float) -> Estimate | None:
        """None when nothing is known: no stages, or a download that has dried up."""
        if not self.plan.stages:
            return None
        done, at = self.done, self._watch.at(now)
        credit = self._credit(done, at)
        pace = self._pace(done, at, credit)
        rest = self.plan.remaining(done) - credit
        if self.pending(StageName.DOWNLOAD) and (rate := self.gauge.rate(at)) is not None and self.gauge.total:
            if rate == 0:
                return None
            fetch = max(0.0, self.gauge.total - self.gauge.done) / rate
            if fetch >= self.plan.rest(done, (StageName.IMPORT,)) * pace:
                return Estimate(fetch + self.plan.rest(done, SERIAL) * pace, EstimateBasis.RATE)
        return Estimate(rest * pace, self.plan.basis)

    def bytes_per_second(self, now: float) -> float | None:
        """The live rate while a download runs."""
        return self.gauge.rate(self._watch.at(now)) if self.pending(StageName.DOWNLOAD) else None

    def _pace(self, done: Mapping[StageName, float], at: float, credit: float) -> float:
        """k: how much longer than expected the work so far took."""
        expected = self.plan.total - self.plan.remaining(done) - self._head_start() + credit
        if self._download_rules:
            expected -= self.plan.overlap({}) - self.plan.overlap(done)
            at -= self._overlap_seconds(at)
        confidence = CONFIDENCE_SECONDS[self.plan.basis]
        return (max(0.0, at) + confidence) / (max(0.0, expected) + confidence)

    def _head_start(self) -> float:
        """Seconds of import that the first look found done already."""
        stage = self.plan.stages.get(StageName.IMPORT)
        if stage is None or self._import_seen is None or self._download_rules:
            return 0.0
        raw, at = self._import_seen
        return max(0.0, stage.seconds * calibrated(stage.curve, raw) - at)

    @property
    def _download_rules(self) -> bool:
        fetch, imported = self.plan.rest({}, FETCH), self.plan.rest({}, (StageName.IMPORT,))
        return StageName.DOWNLOAD in self.plan.stages and fetch > imported

    def _overlap_seconds(self, at: float) -> float:
        """Stopwatch seconds until import, resolving and downloading were through; all of them if they are not."""
        ends = [self._meters[name].ended for name in OVERLAPPING if name in self._meters]
        return max((at if end is None else end for end in ends), default=0.0)

    def _credit(self, done: Mapping[StageName, float], at: float) -> float:
        """Expected seconds of work that goes on unseen since the last step."""
        running = self._running()
        gap = max((self._usual_gap(stage, PRIOR_GAP_SECONDS) for stage in running), default=0.0)
        limit = self.plan.overlap(done) if set(OVERLAPPING) & set(running) else self.plan.rest(done, running)
        return min(at - self._moved_at, gap, limit)

    # Whether it moves

    def stalled_seconds(self, now: float) -> int:
        idle = self._watch.at(now) - self._moved_at
        gap = max((self._usual_gap(stage, 0.0) for stage in self._running()), default=0.0)
        return math.floor(idle) if idle >= max(STALL_SECONDS, STALL_GAPS * gap) else 0

    def _running(self) -> tuple[StageName, ...]:
        overlapping = tuple(stage for stage in OVERLAPPING if self.pending(stage))
        return overlapping or tuple(stage for stage in SERIAL if self.pending(stage))[:1]

    def _usual_gap(self, stage: StageName, unknown: float) -> float:
        gap = self.plan.stages[stage].gap_seconds
        return unknown if gap is None else gap
