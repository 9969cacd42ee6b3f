"""`Readiness`: takes what happens to each model, gives the snapshot of any scope.

`now` is the caller's monotonic clock in seconds (it may stand still or jump), `at` and `retry_at` are unix seconds.
Every event raises UnknownModelError for a name that is not configured, and PhaseError when it cannot happen now;
both change nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from greenroom.protocol.snapshot import InitState, ModelError, StageName
from greenroom.readiness.history import LoadHistory, LoadRecord
from greenroom.readiness.model import Model
from greenroom.readiness.phases import Event, PhaseError
from greenroom.readiness.view import init_state
from greenroom.words import ModelSpec, ModelVersion, UnknownModelError


class Readiness:
    def __init__(self, specs: Sequence[ModelSpec], epoch: str, history: LoadHistory) -> None:
        self.epoch = epoch
        self._models = {spec.name: Model(spec, history) for spec in specs}
        self._history = history
        self._targets: dict[str, Model] = {}
        """Coming versions, each on its way to ready beside the one that serves; one that failed stays to be seen."""

    # What happens

    def begin(self, name: str, stages: Sequence[StageName], now: float) -> None:
        """A try starts that will go through `stages`: the first, or one after a failure, an interruption, a loss."""
        self._model(name).begin(stages, now)

    def resolved(self, name: str, version: ModelVersion, now: float) -> None:
        """The source has named the version: its size is known, and what earlier loads of it took."""
        self._model(name).resolved(version, now)

    def step(self, name: str, stage: StageName, done: float, total: float, unit: str, now: float) -> None:
        """`done` of `total` units of `stage` are through. Numbers that repeat or fall back say nothing new.
        A stage that `begin` did not name joins the load while it is unfinished."""
        self._model(name).step(stage, done, total, unit, now)

    def ready(self, name: str, now: float) -> LoadRecord:
        """The try succeeded. The record is the caller's, to add to the history and to keep."""
        return self._model(name).ready(now)

    def interrupted(self, name: str, error: ModelError, retry_at: float | None, now: float) -> None:
        """The try failed and another follows by itself, at `retry_at` or at once (None)."""
        self._model(name).interrupted(error, retry_at)

    def failed(self, name: str, error: ModelError, retry_at: float | None, now: float) -> None:
        """The model failed; for good, unless `retry_at` says when it is tried again."""
        self._model(name).failed(error, retry_at)

    def lost(self, name: str, error: ModelError, now: float) -> None:
        """A ready model's host ended: a new round begins for every scope with this model."""
        self._model(name).lost(error)

    def evicted(self, name: str, now: float) -> None:
        """A ready model left memory until somebody asks for it: a new round begins for every scope with it."""
        self._model(name).evicted()

    def known(self, name: str, version: ModelVersion, previous: str | None, now: float) -> None:
        """The serving version goes by this name from now on, and this is the one to roll back to."""
        model = self._model(name)
        model.version, model.previous = version, previous

    # What happens to a coming version

    def target_begins(self, name: str, stages: Sequence[StageName], now: float) -> None:
        """A version begins to load beside the one that serves."""
        target = self._targets[name] = Model(self._model(name).spec, self._history)
        target.begin(stages, now)

    def target_resolved(self, name: str, version: ModelVersion, now: float) -> None:
        self._target(name, Event.MEASURE).resolved(version, now)

    def target_step(self, name: str, stage: StageName, done: float, total: float, unit: str, now: float) -> None:
        self._target(name, Event.MEASURE).step(stage, done, total, unit, now)

    def target_failed(self, name: str, error: ModelError, retry_at: float | None, now: float) -> None:
        """It did not get to serve; that is shown until another one tries, or this one is forgotten."""
        self._target(name, Event.FAIL).failed(error, retry_at)

    def has_target(self, name: str) -> bool:
        """Whether a coming version is shown, be it one that failed."""
        return name in self._targets

    def target_forgotten(self, name: str, now: float) -> None:
        """There is no coming version any more."""
        self._targets.pop(name, None)

    def target_serves(self, name: str, now: float) -> LoadRecord:
        """The coming version serves from now on; the one that served, or has failed, can be rolled back to."""
        model, target = self._model(name), self._target(name, Event.SWAP)
        left, version = model.version, target.version
        if version is None or not (model.is_ready or model.is_at_rest):
            raise PhaseError(name, model.state, Event.SWAP)
        stages = tuple(target.attempt.plan.stages) if target.attempt else ()
        record = target.ready(now)
        if model.is_ready:
            model.swapped(version)
        else:
            model.begin(stages, now)
            model.resolved(version, now)
            model.ready(now)
        model.previous = left.id if left else None
        del self._targets[name]
        return record

    # Where it stands

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self._models)

    @property
    def default_scope(self) -> tuple[str, ...]:
        """The required models; all of them where none is required."""
        required = tuple(name for name, model in self._models.items() if model.spec.required)
        return required or self.names

    def scope(self, names: Iterable[str] | None = None) -> tuple[str, ...]:
        """`names` in configured order, each once; the default scope for None or nothing. Raises UnknownModelError."""
        wanted = {self._model(name).spec.name for name in names or ()}
        return tuple(name for name in self._models if name in wanted) or self.default_scope

    def is_ready(self, names: Iterable[str]) -> bool:
        return all(self._model(name).is_ready for name in names)

    def is_failed_for_good(self, names: Iterable[str]) -> bool:
        """Whether one of them failed and nobody will try it again by himself."""
        return any(self._model(name).is_failed_for_good for name in names)

    def snapshot(self, scope: tuple[str, ...], *, seq: int, at: float, now: float) -> InitState:
        """Where `scope` (from `scope()`) stands. Changes nothing: the same arguments give the same answer."""
        models = tuple(self._model(name) for name in scope)
        everything = tuple(self._models.values())
        return init_state(models, everything, self._targets, epoch=self.epoch, seq=seq, at=at, now=now)

    def moving(self, now: float) -> bool:
        """Whether an automatic step is under way anywhere, a wait for the next try included: then what a snapshot
        says changes with time alone."""
        at_rest = (model.is_ready or model.is_failed_for_good or model.is_idle for model in self._models.values())
        return not all(at_rest) or any(target.is_active for target in self._targets.values())

    def _target(self, name: str, event: Event) -> Model:
        """The coming version. Raises PhaseError when there is none."""
        target = self._targets.get(name)
        if target is None:
            raise PhaseError(name, self._model(name).state, event)
        return target

    def _model(self, name: str) -> Model:
        model = self._models.get(name)
        if model is None:
            raise UnknownModelError(f"There is no model named {name!r}. Configured: {', '.join(self._models)}.")
        return model
