"""Bodies of the HTTP calls that are neither a snapshot nor a problem."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from greenroom.protocol.base import Message
from greenroom.protocol.snapshot import InitState, ModelError, ModelState, Phase, StageName

MAX_INPUTS = 2048
"""Texts that any server may allow in one call, as in OpenAI's API."""


class Health(Message):
    """`GET /health`: the process answers. Says nothing about whether predictions can be made."""

    status: Literal["healthy"] = "healthy"
    model_loaded: bool
    models: dict[str, Phase]


class Probe(Message):
    """`GET /livez`, `GET /readyz`."""

    status: Literal["ok", "not ready"]


class Welcome(Message):
    """`GET /` for programs."""

    message: Literal["Greenroom is running"] = "Greenroom is running"
    version: str
    docs: str
    socket: str
    status: str


class ServerStatus(Message):
    """`GET /status`: what a browser polls when it has no socket."""

    server: str
    uptime_seconds: Annotated[float, Field(ge=0)]
    snapshot: InitState


class PredictState(StrEnum):
    READY = "ready"
    LOADING = "loading"
    ERROR = "error"
    NOT_STARTED = "not_started"


class PredictStatus(Message):
    """`GET /predict/status`."""

    status: PredictState
    snapshot: InitState


class FileState(Message):
    """One file of the version in use."""

    path: str
    bytes: Annotated[int, Field(ge=0)]
    sha256: str
    cached: bool
    """Whether it lies on this machine."""


class GateCheck(Message):
    """One rule of the promotion gate, and what was measured."""

    name: Literal["dimension", "classes", "finite", "norm", "cosine", "space"]
    passed: bool
    detail: str


class GateReport(Message):
    """What the promotion gate found when a version was about to take over."""

    version: str
    against: str
    """The version that served then."""
    passed: bool
    checks: tuple[GateCheck, ...]
    at: str


class RefusedVersion(Message):
    """A version that could not take over, or had to be taken back."""

    version: str
    error: ModelError
    tries: Annotated[int, Field(ge=1)]
    retry_at: str | None
    """When it is tried again; null: not before the source names another one."""
    at: str


class LoadSeconds(Message):
    """How long a load took, stage by stage."""

    version: str
    at: str | None
    """When it became ready; null for loads of an earlier server whose time was not kept."""
    seconds: dict[StageName, Annotated[float, Field(ge=0)]]


class SourceLook(Message):
    """The last time that a followed source was asked what it names."""

    at: str
    error: ModelError | None
    """Why it did not say; the version that serves goes on."""
    failing_since: str | None
    """When it first did not, without an answer since."""


class ModelReport(Message):
    """One model of `GET /models/status`."""

    state: ModelState
    source: str
    runtime: str
    stage: str | None
    """The alias or stage that is followed; null for sources that know neither."""
    source_look: SourceLook | None
    """Null until the source was first looked at; sources that do not move are not."""
    digest: str | None
    space: str | None
    """Id of the embedding space; null for models that embed nothing, and before a version is known."""
    loaded_at: str | None
    """When the serving version became ready."""
    resident: bool
    """Whether a process holds it."""
    pinned: bool
    """Whether a rollback holds the version fast until the source names another one, or somebody unpins it."""
    gate: GateReport | None
    """The gate's last report."""
    refused_versions: tuple[RefusedVersion, ...]
    busy_calls: Annotated[int, Field(ge=0)]
    """Calls that use it now, waiting ones included."""
    idle_seconds: Annotated[float, Field(ge=0)] | None
    """Since its last call was answered; null while there is one, and before the first."""
    device: str | None
    dtype: str | None
    dimension: int | None
    max_tokens: int | None
    """The model's window; longer texts are cut to it."""
    classes: tuple[str, ...]
    """Of a classifier."""
    columns: dict[str, str]
    """Of a tabular model: column name → `number` or `text`."""
    memory_bytes: int | None
    """Resident memory of its host, shared pages included; null when there is none."""
    pid: int | None
    loads: Annotated[int, Field(ge=0)]
    """How often it became ready since the server started."""
    load_history: tuple[LoadSeconds, ...]
    """The latest last; earlier server lives included."""
    files: tuple[FileState, ...]


class ModelsStatus(Message):
    """`GET /models/status`."""

    epoch: str
    models: tuple[ModelReport, ...]
    max_resident: Annotated[int, Field(ge=1)]
    """How many models may be in memory at a time (`MODEL_CACHE_SIZE`)."""
    updated_every_seconds: float
    """How often followed sources are looked at (`MODEL_UPDATE_INTERVAL`)."""


class CurrentModel(Message):
    """`GET /models/current`."""

    name: str
    version: str
    stage: str | None
    loaded_at: str


class ReloadAnswer(Message):
    """`POST /models/reload`, once the outcome is known."""

    status: Literal["reloaded", "unchanged", "failed"]
    model: str
    model_version: str | None
    """The version that serves now; null when none does."""
    previous_version: str | None = None
    error: ModelError | None = None
    """Why it failed."""


class RollbackAnswer(Message):
    """`POST /models/{name}/rollback`."""

    status: Literal["rolled_back", "failed"]
    model: str
    model_version: str | None
    """The version that serves now."""
    previous_version: str | None
    pinned: bool
    error: ModelError | None = None


class UnpinAnswer(Message):
    """`POST /models/{name}/unpin`."""

    model: str
    was_pinned: bool


class ClearAnswer(Message):
    """`DELETE /models/clear`."""

    freed_bytes: dict[str, Annotated[int, Field(ge=0)]]
    """Model → bytes of the files that were deleted."""


class RetryAnswer(Message):
    """`POST /models/{name}/retry`."""

    status: Literal["retrying"] = "retrying"
    model: str


class RefusedInputs(Message):
    """`GET /models/{name}/refused`: inputs of which the model's process ended twice."""

    model: str
    refused: tuple[str, ...]
    """SHA-256 of the version's digest and the text, hexadecimal, the newest last; no text is kept."""


class ForgivenInputs(Message):
    """`DELETE /models/{name}/refused`."""

    model: str
    forgiven: Annotated[int, Field(ge=0)]
    """How many there were."""


# Lower bounds are published here and checked at the endpoint, which says so in one sentence; pydantic would in two.
_Text = Annotated[str, Field(json_schema_extra={"minLength": 1})]
_Texts = Annotated[list[_Text], Field(fail_fast=True, max_length=MAX_INPUTS, json_schema_extra={"minItems": 1})]


class EmbeddingsRequest(Message):
    """`POST /v1/embeddings`, OpenAI's shape. Unknown members are ignored, as OpenAI's clients expect."""

    model_config = ConfigDict(extra="ignore")

    input: _Text | _Texts
    """One text or a list of texts; the server may allow fewer (setting)."""
    model: str
    encoding_format: Literal["float", "base64"] = "float"
    """`base64`: little-endian float32."""
    dimensions: Annotated[int, Field(gt=0)] | None = None
    """Keep the first so many numbers, normalised again; only for models trained for it, else 422."""
    user: str | None = None


class Embedding(Message):
    object: Literal["embedding"] = "embedding"
    index: Annotated[int, Field(ge=0)]
    embedding: list[float] | str


class Usage(Message):
    prompt_tokens: Annotated[int, Field(ge=0)]
    total_tokens: Annotated[int, Field(ge=0)]


class EmbeddingsAnswer(Message):
    """OpenAI's shape, plus `version`, `space` and `truncated`."""

    object: Literal["list"] = "list"
    data: list[Embedding]
    model: str
    version: str
    space: str
    """Id of the embedding space: vectors of different spaces are not to be compared. Also in `x-embedding-space`."""
    usage: Usage
    truncated: list[int]
    """Indices of the texts that were longer than the model's window and were cut."""


Cell = float | int | bool | str | None
_Row = dict[str, Cell]
_Rows = Annotated[list[_Row], Field(fail_fast=True, max_length=MAX_INPUTS, json_schema_extra={"minItems": 1})]


class PredictRequest(Message):
    """`POST /predict`: `text` or `inputs`, one of them."""

    model_config = ConfigDict(extra="ignore")

    text: _Text | None = None
    inputs: _Texts | _Rows | None = None
    """Texts, or for a tabular model rows: column name → value. The server may allow fewer (setting)."""
    model: str | None = None
    """Name of a spec; null: the first one that classifies texts."""


class Prediction(Message):
    """What a classifier says of one input."""

    label: str
    score: Annotated[float, Field(ge=0, le=1)]
    """Probability of `label`."""
    scores: dict[str, Annotated[float, Field(ge=0, le=1)]]
    """Probability of each class; together 1."""


class PredictAnswer(Message):
    """`POST /predict`. `label` and `score` are those of the first input."""

    label: str
    score: float
    model: str
    version: str
    """The version that answered."""
    cached: bool
    """Whether the answer was kept from an earlier call."""
    result_label: str
    """The same as `label`, under the name that jobs use."""
    result_score: float
    """The same as `score`."""
    results: list[Prediction]
    """One for each input, in the order asked."""
    truncated: list[int]
    """Indices of the texts that were longer than the model's window and were cut."""
