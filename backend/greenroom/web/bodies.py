"""Bodies in and out: JSON within the limits, or a typed refusal."""

from __future__ import annotations

import asyncio
from typing import TypeVar

from pydantic import BaseModel, ValidationError
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from greenroom.protocol.base import Message
from greenroom.settings import Settings
from greenroom.words import (
    BodyTooSlowError,
    InputFault,
    InvalidInputError,
    PayloadTooLargeError,
    UnsupportedMediaTypeError,
)  # fmt: skip

M = TypeVar("M", bound=BaseModel)
MAX_FAULTS = 20
BODY_READ = "greenroom.body_read"
"""In a request's scope once its body has been read: from then on whatever still arrives says that the caller left."""


def json_answer(message: Message, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """`message` as an `application/json` response."""
    return Response(message.to_json(), status, headers, "application/json")


async def read_json(request: Request, model: type[M]) -> M:
    """The request's JSON body as `model`.

    Raises UnsupportedMediaTypeError (415), PayloadTooLargeError (413), BodyTooSlowError (408),
    InvalidInputError (422, a fault each)."""
    _require_plain_json(request)
    body = await _read_body(request, request.app.state.greenroom.settings)
    request.scope[BODY_READ] = True
    try:
        return model.model_validate_json(body)
    except ValidationError as error:
        found = error.errors(include_url=False, include_context=False, include_input=False)[:MAX_FAULTS]
        faults = tuple(InputFault(_pointer(fault["loc"]), _plain(fault["msg"])) for fault in found)
        summary = "; ".join(f"{fault.pointer.lstrip('/') or 'body'}: {fault.detail}" for fault in faults[:5])
        raise InvalidInputError(summary, faults) from error


def _require_plain_json(request: Request) -> None:
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type != "application/json" and not media_type.endswith("+json"):
        raise UnsupportedMediaTypeError(f"Send the body as application/json, not {media_type or 'without a type'!r}.")
    # Not unpacked, ever: a few kilobytes can unpack to gigabytes.
    if request.headers.get("content-encoding", "identity").strip().lower() != "identity":
        raise UnsupportedMediaTypeError("Send the body as it is, without a Content-Encoding.")


async def _read_body(request: Request, settings: Settings) -> bytes:
    limit, seconds = settings.max_body_bytes, settings.body_timeout_seconds
    too_large = PayloadTooLargeError(f"A body may have {limit} bytes. Send fewer or shorter texts per call.")
    if _declared_bytes(request) > limit:
        raise too_large
    body = bytearray()
    try:
        async with asyncio.timeout(seconds):
            async for chunk in request.stream():
                body += chunk
                if len(body) > limit:
                    raise too_large
    except ClientDisconnect as error:
        raise InvalidInputError("The connection ended before the body was complete.") from error
    except TimeoutError as error:
        raise BodyTooSlowError(f"The body was not complete after {seconds:g} s.") from error
    return bytes(body)


def _declared_bytes(request: Request) -> int:
    """What Content-Length promises, 0 when it says nothing sensible: what arrives is counted anyway."""
    declared = request.headers.get("content-length", "")
    return int(declared) if declared.isascii() and declared.isdigit() and len(declared) < 20 else 0


def _pointer(location: tuple[int | str, ...]) -> str:
    """RFC 6901 §3: `~` and `/` are escaped."""
    return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in location)


def _plain(text: str) -> str:
    return text.removeprefix("Value error, ")
