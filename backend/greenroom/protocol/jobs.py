"""Jobs on the wire: what `POST /jobs` takes, and the one object that says how a job stands, in answers and in frames
(`WS /ws/jobs/{id}`, `WS /ws/jobs`)."""

from __future__ import annotations

import math
from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from greenroom.jobs.seam import Job, JobState
from greenroom.protocol.answers import Cell
from greenroom.protocol.base import Message, timestamp

MAX_JOB_INPUTS = 10_000
"""In one JSON body; more of them are sent as a file."""
MAX_PRIORITY = 10
MAX_BAD_LINES = 100
"""That are told one by one; all are counted."""

Priority = Annotated[int, Field(ge=-MAX_PRIORITY, le=MAX_PRIORITY)]
_Text = Annotated[str, Field(json_schema_extra={"minLength": 1})]
_Some = Field(fail_fast=True, max_length=MAX_JOB_INPUTS, json_schema_extra={"minItems": 1})


class JobRequest(Message):
    """`POST /jobs` as JSON: `text` or `inputs`, one of them."""

    model_config = ConfigDict(extra="ignore")

    text: _Text | None = None
    inputs: Annotated[list[_Text], _Some] | Annotated[list[dict[str, Cell]], _Some] | None = None
    """Texts, or for a tabular model rows: column name → value."""
    model: str | None = None
    """Name of a spec; null: the first one that classifies texts."""
    priority: Priority = 0
    """Higher goes first; among equals the older."""


class JobError(Message):
    """Why a job has failed, or why it is tried again. The codes of problem documents, and `lease-lost`: the worker that
    ran it ended, or stood still."""

    code: str
    message: str


class JobLine(Message):
    """A line of the uploaded file that is no input; the others are."""

    line: Annotated[int, Field(ge=1)]
    message: str


class JobAnswer(Message):
    """How a job stands."""

    job_uuid: str
    status: JobState
    model: str
    model_version: str | None
    """The version that made the last results."""
    result_label: str | None
    """Of the only input, once there is a result."""
    result_score: float | None
    progress: Annotated[int, Field(ge=0, le=100)]
    """100 only when completed."""
    total: Annotated[int, Field(ge=0)]
    """How many inputs."""
    done: Annotated[int, Field(ge=0)]
    """How many of them have a result."""
    estimated_seconds: Annotated[int, Field(ge=1)] | None
    """Until it is completed, at the rate so far; null when nothing is known, and once it has ended."""
    attempts: Annotated[int, Field(ge=0)]
    """Runs in a row that ended badly."""
    created_at: str
    started_at: str | None
    finished_at: str | None
    retry_at: str | None
    """It is tried again then."""
    cancelling: bool
    """It still runs, and ends at its next chunk."""
    error: JobError | None
    bad_lines: tuple[JobLine, ...]
    """The first hundred."""
    bad_line_count: Annotated[int, Field(ge=0)]
    """All of them."""


class JobResult(Message):
    """`GET /jobs/{id}/results`: what became of one input. What a model does not give is left out."""

    model_config = ConfigDict(json_schema_serialization_defaults_required=False)

    index: Annotated[int, Field(ge=0)]
    """Of the input, in the order they were sent; bad lines do not count."""
    label: str | None = None
    score: float | None = None
    """Probability of `label`."""
    scores: dict[str, float] | None = None
    """Probability of each class."""
    embedding: str | None = None
    """base64 of little-endian float32."""
    truncated: Literal[True] | None = None
    """The text was longer than the model's window and was cut."""
    error: JobError | None = None
    """This input has no result; the others have."""


def job_answer(job: Job, now: float) -> JobAnswer:
    """`job` as a client sees it at `now`, in unix seconds."""
    return JobAnswer(
        job_uuid=job.id, status=job.state, model=job.model, model_version=job.version,
        result_label=job.label, result_score=job.score, progress=_progress(job), total=job.total, done=job.done,
        estimated_seconds=_estimate(job, now), attempts=job.attempts, created_at=timestamp(job.created_at),
        started_at=_when(job.started_at), finished_at=_when(job.finished_at), retry_at=_when(job.retry_at),
        cancelling=job.cancelling,
        error=JobError(code=job.fault.code, message=job.fault.message) if job.fault else None,
        bad_lines=tuple(JobLine(line=bad.line, message=bad.message) for bad in job.bad_lines[:MAX_BAD_LINES]),
        bad_line_count=max(job.bad_line_count, len(job.bad_lines)),
    )  # fmt: skip


def _progress(job: Job) -> int:
    if job.state is JobState.COMPLETED:
        return 100
    return min(99, 100 * job.done // job.total) if job.total else 0


def _estimate(job: Job, now: float) -> int | None:
    """A job that was interrupted counts the interruption: it may well be interrupted again."""
    if job.is_terminal or job.started_at is None or not job.done or now <= job.started_at:
        return None
    return max(1, math.ceil((job.total - job.done) * (now - job.started_at) / job.done))


def _when(at: float | None) -> str | None:
    return None if at is None else timestamp(at)
