"""Jobs on the wire: what `POST /jobs` takes, and the one object that says how a job stands, in answers and in frames
(`WS /ws/jobs/{id}`, `WS /ws/jobs`)."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from greenroom.protocol.answers import Cell
from greenroom.protocol.base import Message
from greenroom.words import JobState

MAX_JOB_INPUTS = 10_000
"""In one JSON body; more of them are sent as a file."""
MAX_PRIORITY = 10
MAX_NAME_CHARACTERS = 200
MAX_BAD_LINES = 100
"""That are told one by one; all are counted."""

Priority = Annotated[int, Field(ge=-MAX_PRIORITY, le=MAX_PRIORITY)]
_Text = Annotated[str, Field(json_schema_extra={"minLength": 1})]
# As in `answers`: bounds are checked at the endpoint. The body is bounded in bytes before.
_Some = Field(fail_fast=True, json_schema_extra={"minItems": 1, "maxItems": MAX_JOB_INPUTS})


class JobRequest(Message):
    """`POST /jobs` as JSON: `text` or `inputs`, one of them."""

    model_config = ConfigDict(extra="ignore")

    text: _Text | None = None
    inputs: Annotated[list[_Text], _Some] | Annotated[list[dict[str, Cell]], _Some] | None = None
    """Texts, or for a tabular model rows: column name → value."""
    model: str | None = None
    """Name of a spec; null: the first one that classifies texts."""
    name: str | None = None
    """What to call the job in lists: see `JobAnswer`. Longer ones are cut."""
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
    name: Annotated[str, Field(max_length=MAX_NAME_CHARACTERS)] | None
    """What its sender calls it: of a file, its file name. Several may be called the same."""
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
    text: str | None = None
    """The input itself, where it was asked for (`?inputs=true`)."""
    row: dict[str, Cell] | None = None
    """The same of a model that reads rows."""
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
