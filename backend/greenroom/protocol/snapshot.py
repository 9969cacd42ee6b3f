"""The snapshot: the one object that says where everything stands. Every surface shows it and nothing else."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field

from greenroom.protocol.base import Message
from greenroom.words import ErrorCode, Task


class Phase(StrEnum):
    """Where a model stands. The order of a scope's phases is `PHASE_ORDER`. `connecting` is the client's own
    phase, before its first snapshot; the server never sends it in one."""

    CONNECTING = "connecting"
    QUEUED = "queued"
    DOWNLOADING = "downloading"
    LOADING = "loading"
    FINALIZING = "finalizing"
    READY = "ready"
    FAILED = "failed"


PHASE_ORDER: tuple[Phase, ...] = (
    Phase.FAILED, Phase.QUEUED, Phase.DOWNLOADING, Phase.LOADING, Phase.FINALIZING, Phase.READY,
)  # fmt: skip
"""Least advanced first: a scope's phase is the first of these that one of its models is in."""


class Status(StrEnum):
    """`degraded`: ready, but an optional model failed or a new version could not replace the serving one.
    `error`: failed, and no automatic retry is pending."""

    INITIALIZING = "initializing"
    READY = "ready"
    DEGRADED = "degraded"
    ERROR = "error"


class EstimateBasis(StrEnum):
    """What an estimate rests on: shipped stage times scaled by what this machine has shown, a live rate, or
    earlier loads of this version on this machine."""

    PRIOR = "prior"
    RATE = "rate"
    HISTORY = "history"


class StageName(StrEnum):
    """One measured piece of a load, in the order they stand in a snapshot."""

    RESOLVE = "resolve"
    DOWNLOAD = "download"
    IMPORT = "import"
    WEIGHTS = "weights"
    WARMUP = "warmup"
    CHECK = "check"


class MessageKey(StrEnum):
    """Translators' key for each `message`."""

    QUEUED = "init.queued"
    DOWNLOADING = "init.downloading"
    LOADING = "init.loading"
    FINALIZING = "init.finalizing"
    READY = "init.ready"
    DEGRADED = "init.degraded"
    RESTARTING = "init.restarting"
    RETRYING = "init.retrying"
    STALLED = "init.stalled"
    FAILED = "init.failed"


Share = Annotated[float, Field(ge=0, le=1)]


class ModelError(Message):
    """Why a model failed, for people. No stack trace, no path, no secret."""

    code: ErrorCode
    message: str
    temporary: bool
    """Whether a retry can succeed with nothing changed by anybody."""


class StageState(Message):
    """`share` of the load's expected time on its critical path; `done` of it is through."""

    name: StageName
    share: Share
    done: Share


class VersionState(Message):
    """A coming version (`target`) or the one to roll back to (`previous`)."""

    version: str | None
    """null until the source has named it."""
    phase: Phase
    """`queued` for the one to roll back to: it would have to be loaded."""
    progress: Annotated[int, Field(ge=0, le=100)]
    error: ModelError | None = None


class ModelState(Message):
    """Where one model stands."""

    name: str
    task: Task
    required: bool
    version: str | None
    """The version that serves or is being loaded; null until the source has resolved one."""
    phase: Phase
    progress: Annotated[int, Field(ge=0, le=100)]
    estimated_seconds: Annotated[int, Field(ge=0)] | None
    estimate_basis: EstimateBasis | None
    attempt: Annotated[int, Field(ge=1)]
    """Which try of the current load this is, from 1."""
    retry_at: str | None
    """When the next automatic try begins (RFC 3339, UTC); null when none is pending."""
    error: ModelError | None
    """Why the last try failed; null once ready."""
    stages: tuple[StageState, ...]
    bytes_done: Annotated[int, Field(ge=0)] | None
    bytes_total: Annotated[int, Field(ge=0)] | None
    bytes_per_second: Annotated[float, Field(ge=0)] | None
    target: VersionState | None = None
    previous: VersionState | None = None


class InitState(Message):
    """The snapshot. A socket frame, a 425 body and a readiness answer with the same `epoch`, `seq` and `scope`
    have the same bytes."""

    type: Literal["initialization"] = "initialization"
    status: Status
    ready: bool
    """True means: the next prediction on the scope succeeds."""
    phase: Phase
    progress: Annotated[int, Field(ge=0, le=100)]
    """Floor of the measured, time-weighted work on the critical path, in per cent; 100 if and only if ready."""
    estimated_seconds: Annotated[int, Field(ge=0)] | None
    """Whole seconds until ready, at least 1 before; 0 when ready; null when nothing is known."""
    estimate_basis: EstimateBasis | None
    message: str
    """English, for people."""
    message_key: MessageKey
    models_loaded: bool
    """The same as `ready`; kept for clients that know the older name."""
    stalled_seconds: Annotated[int, Field(ge=0)]
    """0 while work moves; else the seconds since anything moved."""
    scope: tuple[str, ...]
    """Names of the models this snapshot speaks for, in configured order."""
    models: tuple[ModelState, ...]
    epoch: str
    """One server life."""
    round: Annotated[int, Field(ge=1)]
    """Rises each time the scope stops being ready."""
    seq: Annotated[int, Field(ge=1)]
    """Rises by one with each published snapshot."""
    at: str
    """When it was published (RFC 3339, UTC, milliseconds)."""
