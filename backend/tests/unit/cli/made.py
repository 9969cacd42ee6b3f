"""Answers of a server, made by hand."""

from __future__ import annotations

from greenroom.protocol.answers import ModelReport, ServerStatus
from greenroom.protocol.jobs import JobAnswer
from greenroom.protocol.snapshot import (
    EstimateBasis,
    InitState,
    MessageKey,
    ModelError,
    ModelState,
    Phase,
    Status,
    VersionState,
)  # fmt: skip
from greenroom.words import Task


def model_state(
    name: str = "minilm", phase: str = "ready", progress: int = 100, version: str = "2",
    target: tuple[str | None, int] | None = None, target_error: ModelError | None = None,
    previous: str | None = None, required: bool = True,
) -> ModelState:  # fmt: skip
    coming = Phase.FAILED if target_error else Phase.LOADING
    return ModelState(
        name=name, task=Task.EMBED, required=required, version=version, phase=Phase(phase), progress=progress,
        estimated_seconds=None, estimate_basis=None, attempt=1, retry_at=None, error=None, stages=(), bytes_done=None,
        bytes_total=None, bytes_per_second=None,
        target=VersionState(version=target[0], phase=coming, progress=target[1], error=target_error)
        if target else None,
        previous=VersionState(version=previous, phase=Phase.QUEUED, progress=0) if previous else None,
    )  # fmt: skip


def server_status(*models: ModelState) -> ServerStatus:
    snapshot = InitState(
        status=Status.READY, ready=True, phase=Phase.READY, progress=100, estimated_seconds=0,
        estimate_basis=EstimateBasis.HISTORY, message="All systems ready", message_key=MessageKey.READY,
        models_loaded=True, stalled_seconds=0, scope=tuple(model.name for model in models), models=models,
        epoch="e", round=1, seq=1, at="2026-11-21T15:00:00.000Z",
    )  # fmt: skip
    return ServerStatus(server="greenroom/0.1.0", uptime_seconds=1.0, snapshot=snapshot)


def model_report(state: ModelState, **members: object) -> ModelReport:
    """A report of `state`; `members` replace what is of no interest."""
    plain: dict[str, object] = {
        "state": state, "source": "mlflow:models:/sentiment@production", "runtime": "text-classifier",
        "stage": "production", "source_look": None, "digest": "d" * 64, "space": None,
        "loaded_at": "2026-11-21T15:00:00.000Z",
        "resident": True, "pinned": False, "gate": None, "refused_versions": (), "busy_calls": 0,
        "idle_seconds": None, "device": "cpu", "dtype": "float32", "dimension": 384, "max_tokens": 256,
        "classes": (), "columns": {}, "memory_bytes": 127_000_000, "pid": 4711, "loads": 1, "load_history": (),
        "files": (),
    }  # fmt: skip
    return ModelReport.model_validate({**plain, **members})


def job_answer(**members: object) -> JobAnswer:
    """One of 10 inputs that waits; `members` replace what is of interest."""
    plain: dict[str, object] = {
        "job_uuid": "1eec909b-aabb-49ae-8334-48b26aef6642", "name": None, "status": "pending", "model": "mood",
        "model_version": None, "result_label": None, "result_score": None, "progress": 0, "total": 10, "done": 0,
        "estimated_seconds": None, "attempts": 0, "created_at": "2026-11-21T15:00:00.000Z", "started_at": None,
        "finished_at": None, "retry_at": None, "cancelling": False, "error": None, "bad_lines": (),
        "bad_line_count": 0,
    }  # fmt: skip
    return JobAnswer.model_validate({**plain, **members})
