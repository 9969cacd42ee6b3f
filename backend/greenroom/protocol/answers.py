"""Bodies of the HTTP calls that are neither a snapshot nor a problem."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from greenroom.protocol.base import Message
from greenroom.protocol.snapshot import InitState, ModelState, Phase

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


class ModelReport(Message):
    """One model of `GET /models/status`."""

    state: ModelState
    source: str
    runtime: str
    device: str | None
    dtype: str | None
    dimension: int | None
    max_tokens: int | None
    """The model's window; longer texts are cut to it."""
    memory_bytes: int | None
    """Resident memory of its host, shared pages included; null when there is none."""
    pid: int | None
    loads: Annotated[int, Field(ge=0)]
    """How often it became ready since the server started."""
    files: tuple[FileState, ...]


class ModelsStatus(Message):
    """`GET /models/status`."""

    epoch: str
    models: tuple[ModelReport, ...]


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
    """OpenAI's shape, plus `version` and `truncated`."""

    object: Literal["list"] = "list"
    data: list[Embedding]
    model: str
    version: str
    usage: Usage
    truncated: list[int]
    """Indices of the texts that were longer than the model's window and were cut."""


class PredictRequest(Message):
    """`POST /predict`: `text` or `inputs`, one of them. No server answers this call yet; the shape is settled, so
    that clients can be written."""

    model_config = ConfigDict(extra="ignore")

    text: _Text | None = None
    inputs: _Texts | None = None
    """The server may allow fewer (setting)."""
    model: str | None = None
    """Name of a spec; null: the server's own choice."""


class PredictAnswer(Message):
    """`POST /predict`. No server answers this call yet."""

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
