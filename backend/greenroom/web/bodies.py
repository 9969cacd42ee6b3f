"""Bodies in and out: JSON within the limits, or a typed refusal."""

from __future__ import annotations

from typing import TypeVar

from pydantic import BaseModel, ValidationError
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from greenroom.protocol.base import Message
from greenroom.words import InputFault, InvalidInputError, PayloadTooLargeError, UnsupportedMediaTypeError

M = TypeVar("M", bound=BaseModel)
MAX_FAULTS = 20


def json_answer(message: Message, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """`message` as an `application/json` response."""
    return Response(message.to_json(), status, headers, "application/json")


async def read_json(request: Request, model: type[M]) -> M:
    """The request's JSON body as `model`.

    Raises UnsupportedMediaTypeError (415), PayloadTooLargeError (413), InvalidInputError (422, a fault each)."""
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type != "application/json" and not media_type.endswith("+json"):
        raise UnsupportedMediaTypeError(f"Send the body as application/json, not {media_type or 'without a type'!r}.")
    body = await _read_body(request, request.app.state.greenroom.settings.max_body_bytes)
    try:
        return model.model_validate_json(body)
    except ValidationError as error:
        found = error.errors(include_url=False, include_context=False, include_input=False)[:MAX_FAULTS]
        faults = tuple(InputFault(_pointer(fault["loc"]), _plain(fault["msg"])) for fault in found)
        summary = "; ".join(f"{fault.pointer.lstrip('/') or 'body'}: {fault.detail}" for fault in faults[:5])
        raise InvalidInputError(summary, faults) from error


async def _read_body(request: Request, limit: int) -> bytes:
    too_large = PayloadTooLargeError(f"A body may have {limit} bytes. Send fewer or shorter texts per call.")
    declared = request.headers.get("content-length", "0")
    if declared.isdigit() and int(declared) > limit:
        raise too_large
    body = bytearray()
    try:
        async for chunk in request.stream():
            body += chunk
            if len(body) > limit:
                raise too_large
    except ClientDisconnect as error:
        raise InvalidInputError("The connection ended before the body was complete.") from error
    return bytes(body)


def _pointer(location: tuple[int | str, ...]) -> str:
    """RFC 6901 §3: `~` and `/` are escaped."""
    return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in location)


def _plain(text: str) -> str:
    return text.removeprefix("Value error, ")
