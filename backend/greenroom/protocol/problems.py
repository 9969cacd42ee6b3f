"""Every error that is not a snapshot: RFC 9457 problem documents, `application/problem+json`."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from greenroom.protocol.base import Message
from greenroom.words import ErrorCode

PROBLEM_MEDIA_TYPE = "application/problem+json"


class ProblemFault(Message):
    """One broken rule of the input. `pointer` is an RFC 6901 JSON pointer into the body."""

    pointer: str
    detail: str


class OpenAIError(Message):
    """OpenAI's error member, so that its clients show something sensible."""

    message: str
    type: str
    param: str | None = None
    code: str | None = None


class Problem(Message):
    """RFC 9457 §3. `error` is there only under `/v1/`."""

    type: str
    """`/problems/<error code>`."""
    title: str
    status: Annotated[int, Field(ge=400, le=599)]
    detail: str
    instance: str
    """Path that was asked for."""
    request_id: str
    errors: tuple[ProblemFault, ...] = ()
    error: OpenAIError | None = None


def problem_type(code: ErrorCode) -> str:
    """The `type` of a problem with this code."""
    return f"/problems/{code}"
