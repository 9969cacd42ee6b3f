"""What the front and the fetch process say to each other: one JSON object a line. Both are our own and of one version,
so a line that cannot be read is a bug."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, TypeAlias

import msgspec

from greenroom.sources.seam import Found
from greenroom.words import ConfigError, GreenroomError, ModelSpec, ModelVersion, SourceError

MAX_LINE_BYTES = 64 * 1024 * 1024
"""A version of a hundred thousand files fits; beyond it something is broken."""


class _Line(msgspec.Struct, tag=True, omit_defaults=True):
    """Base of all; the struct's name travels as its tag."""


# front → fetch process


class Start(_Line):
    """The first line."""

    data: str
    mlflow_tracking_uri: str = ""


class Look(_Line):
    id: int
    spec: ModelSpec


class Fetch(_Line):
    id: int
    spec: ModelSpec
    want: str
    """A value of `Want`, unless `exact`: then a version's key."""
    exact: bool = False


class Clear(_Line):
    id: int
    spec: ModelSpec
    keep: tuple[str, ...] = ()


class Cancel(_Line):
    """Nobody waits for the answer to `id` any more; there will be none."""

    id: int


# fetch process → front


class Progress(_Line):
    id: int
    stage: str
    done: int
    total: int


class Looked(_Line):
    id: int
    found: Found


class Fetched(_Line):
    id: int
    version: ModelVersion


class Cleared(_Line):
    id: int
    bytes_freed: int


class Failed(_Line):
    """`code` is that of a GreenroomError, whose message `detail` is. `trace` is for the log alone: a bug."""

    id: int
    code: str
    detail: str
    temporary: bool = False
    retry_after_seconds: float | None = None
    trace: str = ""


Request: TypeAlias = Look | Fetch | Clear
Question: TypeAlias = Start | Look | Fetch | Clear | Cancel
Answer: TypeAlias = Progress | Looked | Fetched | Cleared | Failed


def _plain(value: object) -> object:
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, Mapping):
        return dict(value)
    raise NotImplementedError


def _rich(kind: type, value: Any) -> object:
    if issubclass(kind, Path):
        return Path(value)
    raise NotImplementedError


_encoder = msgspec.json.Encoder(enc_hook=_plain)
_questions = msgspec.json.Decoder(Question, dec_hook=_rich)
_answers = msgspec.json.Decoder(Answer, dec_hook=_rich)


def encode(line: Question | Answer) -> bytes:
    return _encoder.encode(line) + b"\n"


def read_question(line: bytes) -> Question:
    """Raises msgspec.DecodeError."""
    question: Question = _questions.decode(line)
    return question


def read_answer(line: bytes) -> Answer:
    """Raises msgspec.DecodeError."""
    answer: Answer = _answers.decode(line)
    return answer


def _tree(root: type[GreenroomError]) -> Iterator[type[GreenroomError]]:
    yield root
    for kind in root.__subclasses__():
        yield from _tree(kind)


_ERRORS = {kind.code.value: kind for root in (ConfigError, SourceError) for kind in _tree(root)}


def failure(id: int, error: GreenroomError) -> Failed:
    """How `error` travels."""
    return Failed(
        id, error.code.value, str(error), temporary=error.temporary, retry_after_seconds=retry_after_seconds(error)
    )


def error_of(failed: Failed) -> GreenroomError:
    """The error that `failed` carries; one that can travel no other way is a SourceError."""
    error = _ERRORS.get(failed.code, SourceError)(failed.detail)
    error.temporary = failed.temporary
    return with_retry_after(error, failed.retry_after_seconds)


def with_retry_after(error: GreenroomError, seconds: float | None) -> GreenroomError:
    """`error`, which says from now on when to try again."""
    if seconds is not None:
        error.retry_after_seconds = seconds  # type: ignore[attr-defined]
    return error


def retry_after_seconds(error: GreenroomError) -> float | None:
    seconds: float | None = getattr(error, "retry_after_seconds", None)
    return seconds
