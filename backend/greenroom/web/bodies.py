"""Bodies in and out: JSON within the limits, or a typed refusal."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import from_json
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from greenroom.protocol.base import Message
from greenroom.wording import sized
from greenroom.words import (
    BodyTooSlowError,
    InputFault,
    InvalidInputError,
    PayloadTooLargeError,
    UnsupportedMediaTypeError,
)  # fmt: skip

M = TypeVar("M", bound=BaseModel)
Location = tuple[int | str, ...]
MAX_FAULTS = 20
MAX_LOOKED_AT = 10 * MAX_FAULTS
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
    body = await _read_body(request)
    request.scope[BODY_READ] = True
    try:
        return model.model_validate_json(body)
    except ValidationError as error:
        faults = _faults(error, body)
        summary = "; ".join(f"{fault.pointer.lstrip('/') or 'body'}: {fault.detail}" for fault in faults[:5])
        raise InvalidInputError(summary, faults) from error


def _require_plain_json(request: Request) -> None:
    media_type = media_type_of(request)
    if media_type != "application/json" and not media_type.endswith("+json"):
        raise UnsupportedMediaTypeError(f"Send the body as application/json, not {media_type or 'without a type'!r}.")
    require_not_packed(request)


def media_type_of(request: Request) -> str:
    """Of the body, in lower case and without parameters; empty when it is not said."""
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


def require_not_packed(request: Request) -> None:
    """Bodies are not unpacked, ever: a few kilobytes can unpack to gigabytes. Raises UnsupportedMediaTypeError."""
    if request.headers.get("content-encoding", "identity").strip().lower() != "identity":
        raise UnsupportedMediaTypeError("Send the body as it is, without a Content-Encoding.")


async def _read_body(request: Request) -> bytes:
    settings = request.app.state.greenroom.settings
    body = bytearray()

    async def keep(chunk: bytes) -> None:
        body.extend(chunk)

    too_large = f"A body may have {sized(settings.max_body_bytes)}. Send fewer or shorter texts per call."
    await receive_body(request, keep, settings.max_body_bytes, settings.body_timeout_seconds, too_large)
    return bytes(body)


async def receive_body(
    request: Request, keep: Callable[[bytes], Awaitable[None]], most_bytes: int, seconds: float, too_large: str
) -> None:
    """Give the body to `keep`, piece by piece, none of it twice. `too_large`: what to say of one of more bytes.

    Raises PayloadTooLargeError (413), BodyTooSlowError (408), InvalidInputError (422) when it ends too soon."""
    received = 0
    if declared_bytes(request) > most_bytes:
        raise PayloadTooLargeError(too_large)
    try:
        async with asyncio.timeout(seconds):
            async for chunk in request.stream():
                received += len(chunk)
                if received > most_bytes:
                    raise PayloadTooLargeError(too_large)
                await keep(chunk)
    except ClientDisconnect as error:
        raise InvalidInputError("The connection ended before the body was complete.") from error
    except TimeoutError as error:
        raise BodyTooSlowError(f"The body was not complete after {seconds:g} s.") from error


def declared_bytes(request: Request) -> int:
    """What Content-Length promises, 0 when it says nothing sensible: what arrives is counted anyway."""
    declared = request.headers.get("content-length", "")
    return int(declared) if declared.isascii() and declared.isdigit() and len(declared) < 20 else 0


def _faults(error: ValidationError, body: bytes) -> tuple[InputFault, ...]:
    """Each broken rule with its place in `body`. Where a union failed each branch complains; those stay that got
    farthest: of `[1]` it helps to know that 1 is no text, and not that a list is none."""
    found = error.errors(include_url=False, include_context=False, include_input=False)[:MAX_LOOKED_AT]
    whole = None if any(fault["type"] == "json_invalid" for fault in found) else from_json(body)
    faults = [(_place(fault["loc"], whole, fault["type"] == "missing"), fault["msg"]) for fault in found]
    outdone = {place[:length] for place, _ in faults for length in range(len(place))}
    kept = [InputFault(_pointer(place), _plain(text)) for place, text in faults if place not in outdone]
    return tuple(kept[:MAX_FAULTS])


def _place(location: Location, whole: Any, missing: bool) -> Location:
    """`location` without what is not in the body: pydantic puts the names of a union's branches among its parts. Only
    the last part of something `missing` cannot be there."""
    place: list[int | str] = []
    for depth, part in enumerate(location, 1):
        try:
            whole = whole[part]
        except (TypeError, LookupError):
            if not missing or depth < len(location):
                continue
        place.append(part)
    return tuple(place)


def _pointer(location: Location) -> str:
    """RFC 6901 §3: `~` and `/` are escaped."""
    return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in location)


def _plain(text: str) -> str:
    return text.removeprefix("Value error, ")
