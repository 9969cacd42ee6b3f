"""`WS /ws/init/{client_id}`: the endpoint. What is sent is the hub's business; here the client is let in, and read.
The sockets of jobs let in and read in the same way.

The reading exists so that a client who leaves is noticed, and so that one who talks too much, or nonsense, is told.
Connections are kept by connection, never by `client_id`: a reconnect cannot unregister its successor.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import time
from collections.abc import Sequence
from dataclasses import dataclass

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.websockets import WebSocket, WebSocketDisconnect

from greenroom.protocol.base import SUBPROTOCOL
from greenroom.protocol.socket import CloseCode, ErrorFrame
from greenroom.serving.greenroom import Greenroom
from greenroom.settings import Settings
from greenroom.web.hub import MAX_MESSAGE_BYTES, Hub
from greenroom.web.line import PUSH_EXTENSION, AsgiLine, Line
from greenroom.web.origin import origin_is_allowed
from greenroom.web.problems import on_greenroom_error, problem_answer
from greenroom.web.rates import address_of
from greenroom.words import ErrorCode, GreenroomError, InvalidInputError, OriginRefusedError

MESSAGES_PER_SECOND = 5
GOODBYE_SECONDS = 1.0
_CLIENT_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")


async def init_socket(socket: WebSocket) -> None:
    """The endpoint. Refusals come before accept, as plain HTTP answers; a browser shows them as 1006."""
    greenroom: Greenroom = socket.app.state.greenroom
    hub: Hub = socket.app.state.greenroom_hub
    try:
        subprotocol = subprotocol_of(socket, greenroom.settings)
        scope = _admit(socket, greenroom)
        with hub.seat(address_of(socket)):
            await socket.accept(subprotocol)
            await _converse(socket, hub, scope)
    except GreenroomError as error:
        await socket.send_denial_response(await denial(socket, error))


def _admit(socket: WebSocket, greenroom: Greenroom) -> tuple[str, ...]:
    """The scope that this socket asks about. Raises the refusal."""
    if not _CLIENT_ID.fullmatch(socket.path_params["client_id"]):
        raise InvalidInputError("client_id: 1-64 of A-Z a-z 0-9 _ - are needed.")
    return greenroom.scope(wanted_models(socket.query_params.get("models")))


def subprotocol_of(socket: WebSocket, settings: Settings) -> str | None:
    """What to accept a handshake with. Raises the refusal of one that may not be."""
    if not origin_is_allowed(socket.headers, settings.allowed_origins):
        raise OriginRefusedError("This origin may not connect; the operator can add it to GREENROOM_ALLOWED_ORIGINS.")
    offered = socket.scope.get("subprotocols") or []
    if offered and SUBPROTOCOL not in offered:
        raise _SubprotocolError(f"Offer the subprotocol {SUBPROTOCOL}, or none.")
    return SUBPROTOCOL if offered else None


class _SubprotocolError(GreenroomError):
    code = ErrorCode.BAD_REQUEST
    status = 400
    title = "The subprotocol is not known"


def wanted_models(value: str | None) -> Sequence[str] | None:
    """The names of `?models=a,b`; None when nothing was asked for."""
    names = [name.strip() for name in (value or "").split(",") if name.strip()]
    return names or None


async def denial(socket: WebSocket, error: GreenroomError) -> Response:
    request = Request({**socket.scope, "type": "http", "method": "GET"})
    if isinstance(error, _SubprotocolError):
        return problem_answer(request, error.code, error.title, error.status, str(error))
    return await on_greenroom_error(request, error)


async def _converse(socket: WebSocket, hub: Hub, scope: tuple[str, ...]) -> None:
    """Serve an accepted socket until either side ends it."""
    line: Line | None = socket.scope["extensions"].get(PUSH_EXTENSION)
    if line is not None:
        with hub.joined(line, scope):
            refusal = await read_until_over(socket)
    else:
        refusal = await _converse_over_asgi(socket, hub, scope)
    if refusal is not None:
        await end(socket, refusal)


async def _converse_over_asgi(socket: WebSocket, hub: Hub, scope: tuple[str, ...]) -> Refusal | None:
    line = AsgiLine(socket)
    writing, reading = asyncio.create_task(line.run()), asyncio.create_task(read_until_over(socket))
    try:
        with hub.joined(line, scope):
            await asyncio.wait((writing, reading), return_when=asyncio.FIRST_COMPLETED)
        return reading.result() if reading.done() else Refusal(CloseCode.TOO_SLOW)
    finally:
        for task in (writing, reading):
            task.cancel()
        await asyncio.gather(writing, reading, return_exceptions=True)


@dataclass(frozen=True)
class Refusal:
    """Why the server ends a conversation; `error` is told before the close, where it can be."""

    close_code: CloseCode
    error: ErrorFrame | None = None


def because(close_code: CloseCode, code: ErrorCode, message: str) -> Refusal:
    return Refusal(close_code, ErrorFrame(code=code, message=message))


async def read_until_over(socket: WebSocket) -> Refusal | None:
    """Read until the client leaves (None) or says what ends the conversation."""
    arrivals: list[float] = []  # not a deque: most clients say nothing, and an empty list weighs a tenth
    while True:
        message = await socket.receive()
        if message["type"] == "websocket.disconnect":
            return None
        arrivals = [*arrivals[-MESSAGES_PER_SECOND:], time.monotonic()]
        if len(arrivals) > MESSAGES_PER_SECOND and arrivals[-1] - arrivals[0] < 1.0:
            text = f"More than {MESSAGES_PER_SECOND} messages in one second. Send nothing: the server speaks by itself."
            return because(CloseCode.TOO_MANY, ErrorCode.TOO_MANY_MESSAGES, text)
        if refusal := _fault_of(message.get("text"), message.get("bytes")):
            return refusal


def _fault_of(text: str | None, data: bytes | None) -> Refusal | None:
    """What is wrong with a client's message. A `pong` and types that are not known yet are ignored."""
    body = data or b"" if text is None else text.encode()
    if len(body) > MAX_MESSAGE_BYTES:
        explanation = f"A message may have {MAX_MESSAGE_BYTES} bytes."
        return because(CloseCode.TOO_BIG, ErrorCode.PAYLOAD_TOO_LARGE, explanation)
    try:
        known = text is not None and isinstance(msgspec.json.decode(body, type=dict[str, object]).get("type"), str)
    except (msgspec.DecodeError, RecursionError):
        known = False
    if known:
        return None
    explanation = 'A message is a JSON object with a "type", as text. Send nothing: the server speaks by itself.'
    return because(CloseCode.MALFORMED, ErrorCode.MALFORMED_MESSAGE, explanation)


async def end(socket: WebSocket, refusal: Refusal) -> None:
    """Tell why, and close; a client that does not read is left alone after GOODBYE_SECONDS, one that left at once."""
    with contextlib.suppress(WebSocketDisconnect, RuntimeError, OSError, TimeoutError):
        async with asyncio.timeout(GOODBYE_SECONDS):
            if refusal.error is not None:
                await socket.send_text(refusal.error.to_json().decode())
            await socket.close(refusal.close_code)
            return
    if line := socket.scope["extensions"].get(PUSH_EXTENSION):
        line.abort()
