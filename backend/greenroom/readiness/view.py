"""From models to the snapshot: pure reading, nothing here changes anything."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from greenroom.protocol.base import timestamp
from greenroom.protocol.snapshot import (
    PHASE_ORDER,
    EstimateBasis,
    InitState,
    MessageKey,
    ModelState,
    Phase,
    StageState,
    Status,
    VersionState,
)  # fmt: skip
from greenroom.readiness.model import Model

MESSAGES = {
    MessageKey.QUEUED: "AI models are about to load",
    MessageKey.DOWNLOADING: "AI models are being downloaded",
    MessageKey.LOADING: "AI models are still loading",
    MessageKey.FINALIZING: "AI models are almost ready",
    MessageKey.READY: "All systems ready",
    MessageKey.DEGRADED: "Ready; a model that is not required has failed",
    MessageKey.RESTARTING: "The model restarts",
    MessageKey.RETRYING: "Loading failed; the next try begins by itself",
    MessageKey.STALLED: "Loading takes longer than usual",
}
"""English for each key. `init.failed` says what the error says."""
NOT_TAKEN_OVER = "Ready; a new version could not take over"
"""Also `init.degraded`: the other reason for it."""

_KEY_OF_PHASE = {
    Phase.QUEUED: MessageKey.QUEUED,
    Phase.DOWNLOADING: MessageKey.DOWNLOADING,
    Phase.LOADING: MessageKey.LOADING,
    Phase.FINALIZING: MessageKey.FINALIZING,
}


def init_state(
    scope: Sequence[Model],
    everything: Sequence[Model],
    targets: Mapping[str, Model],
    *,
    epoch: str,
    seq: int,
    at: float,
    now: float,
) -> InitState:
    """The snapshot of `scope` among `everything` that is configured; `targets`: coming versions by name."""
    states = tuple(model_state(model, at, now, targets.get(model.spec.name)) for model in scope)
    not_taken_over = [target for target in targets.values() if target.phase is Phase.FAILED]
    status, stalled = status_of(scope, everything, not_taken_over), stalled_seconds(scope, now)
    key, message = message_of(status, scope, stalled)
    if status is Status.DEGRADED and not_taken_over:
        message = NOT_TAKEN_OVER
    ready = status in (Status.READY, Status.DEGRADED)
    estimated, basis = estimate_of(states)
    return InitState(
        status=status,
        ready=ready,
        phase=min((state.phase for state in states), key=PHASE_ORDER.index, default=Phase.READY),
        progress=min((state.progress for state in states), default=100),
        estimated_seconds=estimated,
        estimate_basis=basis,
        message=message,
        message_key=key,
        models_loaded=ready,
        stalled_seconds=stalled,
        scope=tuple(state.name for state in states),
        models=states,
        epoch=epoch,
        round=1 + sum(model.losses for model in scope),
        seq=seq,
        at=timestamp(at),
    )


def model_state(model: Model, at: float, now: float, target: Model | None = None) -> ModelState:
    seconds, basis = _whole_estimate(model, at, now)
    bytes_done, bytes_total = model.bytes
    return ModelState(
        name=model.spec.name,
        task=model.spec.task,
        required=model.spec.required,
        version=model.version.id if model.version else None,
        phase=model.phase,
        progress=model.progress,
        estimated_seconds=seconds,
        estimate_basis=basis,
        attempt=max(1, model.tries),
        retry_at=None if model.retry_at is None else timestamp(model.retry_at),
        error=model.error,
        stages=_stages(model),
        bytes_done=bytes_done,
        bytes_total=bytes_total,
        bytes_per_second=model.bytes_per_second(now),
        target=_target_state(target) if target else None,
        previous=VersionState(version=model.previous, phase=Phase.QUEUED, progress=0) if model.previous else None,
    )


def _target_state(target: Model) -> VersionState:
    version = target.version.id if target.version else None
    return VersionState(version=version, phase=target.phase, progress=target.progress, error=target.error)


def _whole_estimate(model: Model, at: float, now: float) -> tuple[int | None, EstimateBasis | None]:
    if model.is_ready:
        return 0, None
    estimate = model.estimate(at, now)
    return (max(1, math.ceil(estimate.seconds)), estimate.basis) if estimate else (None, None)


def _stages(model: Model) -> tuple[StageState, ...]:
    if model.stages is None:
        return ()
    plan, done = model.stages
    return tuple(
        StageState(name=name, share=share, done=round(done.get(name, 0.0), 4)) for name, share in plan.shares().items()
    )


def estimate_of(states: Sequence[ModelState]) -> tuple[int | None, EstimateBasis | None]:
    """That of the model which takes longest; unknown as soon as one is unknown."""
    waiting = [state for state in states if state.phase is not Phase.READY]
    if any(state.estimated_seconds is None for state in waiting):
        return None, None
    slowest = max(waiting, key=lambda state: state.estimated_seconds or 0, default=None)
    return (slowest.estimated_seconds, slowest.estimate_basis) if slowest else (0, None)


def status_of(scope: Sequence[Model], everything: Sequence[Model], not_taken_over: Sequence[Model] = ()) -> Status:
    if any(model.is_failed_for_good for model in scope):
        return Status.ERROR
    if not all(model.is_ready for model in scope):
        return Status.INITIALIZING
    optional_failed = any(model.phase is Phase.FAILED and not model.spec.required for model in everything)
    return Status.DEGRADED if optional_failed or not_taken_over else Status.READY


def stalled_seconds(scope: Sequence[Model], now: float) -> int:
    """0 while anything in the scope moves; else the seconds since."""
    idle = (model.stalled_seconds(now) for model in scope)
    return min((seconds for seconds in idle if seconds is not None), default=0)


def message_of(status: Status, scope: Sequence[Model], stalled: int) -> tuple[MessageKey, str]:
    """What to tell people: of the least advanced model, unless something is wrong somewhere."""
    match status:
        case Status.ERROR:
            errors = (model.error.message for model in scope if model.is_failed_for_good and model.error)
            return MessageKey.FAILED, next(errors, "")
        case Status.READY:
            key = MessageKey.READY
        case Status.DEGRADED:
            key = MessageKey.DEGRADED
        case Status.INITIALIZING:
            key = _key_on_the_way(scope, stalled)
    return key, MESSAGES[key]


def _key_on_the_way(scope: Sequence[Model], stalled: int) -> MessageKey:
    last = min(scope, key=lambda model: PHASE_ORDER.index(model.phase))
    if last.phase is Phase.FAILED:
        return MessageKey.RETRYING
    if stalled:
        return MessageKey.STALLED
    if last.phase is Phase.QUEUED and last.error is not None:
        return MessageKey.RESTARTING
    return _KEY_OF_PHASE[last.phase]
