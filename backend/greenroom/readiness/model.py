"""One model's way to ready over all its tries. The phase table is asked before anything is touched, so a refused
event changes nothing."""

from __future__ import annotations

import math
from collections.abc import Sequence

from greenroom.protocol.snapshot import ModelError, Phase, StageName
from greenroom.readiness.attempt import Attempt, Estimate
from greenroom.readiness.history import LoadHistory, LoadRecord
from greenroom.readiness.phases import ACTIVE, Event, State, after, event_of, phase_of
from greenroom.readiness.plan import Plan
from greenroom.words import ModelSpec, ModelVersion


class Model:
    def __init__(self, spec: ModelSpec, history: LoadHistory) -> None:
        self.spec = spec
        self.state = State.WAITING
        self.version: ModelVersion | None = None
        """The last one resolved; a new try may find another."""
        self.attempt: Attempt | None = None
        """The try under way, or the last one while it says where things stopped."""
        self.tries = 0
        self.losses = 0
        self.error: ModelError | None = None
        self.retry_at: float | None = None
        self.is_idle = not spec.required
        """Not loaded, and nobody has asked for it: no work is under way, and none is pending."""
        self.previous: str | None = None
        """Id of the version to roll back to."""
        self._history = history
        self._mark = 0
        self._resolved = False
        self._next: Plan | None = None

    # What happens

    def begin(self, stages: Sequence[StageName], now: float) -> None:
        self.state = self._after(Event.BEGIN)
        self.is_idle = False
        self.tries += 1
        self.retry_at, self._resolved, self._next = None, False, None
        self.attempt = Attempt(self._plan(stages), now)

    def resolved(self, version: ModelVersion, now: float) -> None:
        self.state = self._after(Event.MEASURE)
        attempt = self._attempt
        self.version, self._resolved = version, True
        attempt.replan(self._plan(tuple(attempt.plan.stages)), now)
        attempt.complete((StageName.RESOLVE,), now)
        self._raise_mark()

    def step(self, stage: StageName, done: float, total: float, unit: str, now: float) -> None:
        raw = _fraction(done, total)
        self.state = self._after(self._event(stage, raw))
        attempt = self._attempt
        if stage not in attempt.plan.stages:
            if raw >= 1:
                return
            attempt.replan(self._plan((*attempt.plan.stages, stage)), now)
        attempt.observe(stage, raw, now)
        if stage is StageName.DOWNLOAD and unit == "bytes" and _is_amount(done, total):
            attempt.count_bytes(done, total, now)
        self._raise_mark()

    def _event(self, stage: StageName, raw: float) -> Event:
        """What the step means for the phase; an unplanned stage that is through already means nothing."""
        if self.attempt is None or (raw >= 1 and stage not in self.attempt.plan.stages):
            return Event.MEASURE
        return event_of(stage, self.attempt.pending(StageName.DOWNLOAD))

    def ready(self, now: float) -> LoadRecord:
        self.state = self._after(Event.READY)
        self._attempt.complete(tuple(StageName), now)
        self.error = self.retry_at = None
        return self._attempt.record(self.version.digest if self.version else "", now)

    def interrupted(self, error: ModelError, retry_at: float | None) -> None:
        self.state = self._after(Event.INTERRUPT)
        self._stopped(error, retry_at)

    def failed(self, error: ModelError, retry_at: float | None) -> None:
        self.state = self._after(Event.FAIL)
        self._stopped(error, retry_at)

    def lost(self, error: ModelError) -> None:
        self.state = self._after(Event.LOSE)
        self._stopped(error, None)
        self.losses += 1
        self.tries = self._mark = 0
        self.attempt, self._resolved = None, False

    def evicted(self) -> None:
        """Its host left to make room, and comes back when somebody asks for it."""
        self.state = self._after(Event.LOSE)
        if self.attempt is not None:
            self._next = self._plan_of_next(self.attempt)
        self.is_idle = True
        self.losses += 1
        self.tries = self._mark = 0
        self.attempt, self._resolved = None, False

    def swapped(self, version: ModelVersion) -> None:
        """Another version serves from now on, with no gap."""
        self.state = self._after(Event.SWAP)
        self.version, self._resolved = version, True

    def _stopped(self, error: ModelError, retry_at: float | None) -> None:
        self.error, self.retry_at = error, retry_at
        if self.attempt is not None:
            self._next = self._plan_of_next(self.attempt)

    def _plan_of_next(self, attempt: Attempt) -> Plan:
        """The same again; the shared import stays done."""
        stages = tuple(attempt.plan.stages)
        if attempt.ended(StageName.IMPORT):
            stages = tuple(stage for stage in stages if stage is not StageName.IMPORT)
        return self._plan(stages)

    def _after(self, event: Event) -> State:
        return after(self.spec.name, self.state, event)

    def _plan(self, stages: Sequence[StageName]) -> Plan:
        size = self.version.bytes_total if self.version and self._resolved else None
        return Plan.make(stages, self.version, size, self._history)

    def _raise_mark(self) -> None:
        self._mark = max(self._mark, self._attempt.progress)

    @property
    def _attempt(self) -> Attempt:
        assert self.attempt is not None, "the phase table lets no try be measured before it begins"  # noqa: S101
        return self.attempt

    # Where it stands

    @property
    def phase(self) -> Phase:
        return phase_of(self.state)

    @property
    def is_ready(self) -> bool:
        return self.state is State.READY

    @property
    def is_active(self) -> bool:
        return self.state in ACTIVE

    @property
    def is_at_rest(self) -> bool:
        """No try is under way, and none was successful."""
        return self.state in (State.WAITING, State.FAILED)

    @property
    def is_failed_for_good(self) -> bool:
        return self.state is State.FAILED and self.retry_at is None

    @property
    def progress(self) -> int:
        """100 if and only if ready; else the high-water mark of this round."""
        return 100 if self.is_ready else self._mark

    @property
    def stages(self) -> tuple[Plan, dict[StageName, float]] | None:
        """The plan to show and what is done of it; None before the first try and once ready."""
        if self.is_ready:
            return None
        if self.attempt is not None:
            return self.attempt.plan, self.attempt.done
        return (self._next, {}) if self._next else None

    @property
    def bytes(self) -> tuple[int | None, int | None]:
        """Done and total; None while unknown. Nothing to download means that all of it is here."""
        gauge = self.attempt.gauge if self.attempt else None
        total = self.version.bytes_total if self._resolved and self.version else None
        if self.attempt is None or gauge is None or StageName.DOWNLOAD not in self.attempt.plan.stages:
            return total, total
        if self.attempt.ended(StageName.DOWNLOAD) and total is not None:
            return total, total
        if total is None and gauge.total is not None:
            total = int(gauge.total)
        if gauge.total is None or total is None:
            return None, total
        return min(int(gauge.done), total), total

    def bytes_per_second(self, now: float) -> float | None:
        return self.attempt.bytes_per_second(now) if self.is_active and self.attempt else None

    def estimate(self, at: float, now: float) -> Estimate | None:
        """Until ready, at unix time `at`; None when unknown, or when nobody will try again by himself."""
        if self.is_active:
            return self._attempt.estimate(now)
        if self.is_failed_for_good or self._next is None or not self._next.stages:
            return None
        wait = max(0.0, self.retry_at - at) if self.retry_at is not None else 0.0
        return Estimate(wait + self._next.total, self._next.basis)

    def stalled_seconds(self, now: float) -> int | None:
        """0 while work moves; None when there is no work that could."""
        return self._attempt.stalled_seconds(now) if self.is_active else None


def _is_amount(done: float, total: float) -> bool:
    return math.isfinite(done) and math.isfinite(total) and done >= 0 and total > 0


def _fraction(done: float, total: float) -> float:
    """How much of it, 0 to 1; nothing where the numbers make no sense."""
    return min(done / total, 1.0) if _is_amount(done, total) else 0.0
