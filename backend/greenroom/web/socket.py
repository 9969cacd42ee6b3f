"""`WS /ws/init/{client_id}`: the snapshot, pushed.

A connection is two tasks: the writer sends the newest snapshot whenever the board wakes it (one conflating slot:
whatever came in between is skipped), the reader exists so that a client who leaves is noticed, and counts what it
sends. Connections are kept by connection, never by `client_id`: a reconnect cannot unregister its successor.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections import Counter, deque
from collections.abc import Sequence

import structlog
from starlette.requests import Request
from starlette.responses import Response
from starlette.websockets import WebSocket, WebSocketDisconnect

from greenroom import __version__
from greenroom.protocol.base import SUBPROTOCOL, Message, timestamp
from greenroom.protocol.socket import CloseCode, ErrorFrame, Event, Hello, Ping
from greenroom.serving.greenroom import Greenroom
from greenroom.web.origin import origin_is_allowed
from greenroom.web.problems import on_greenroom_error, problem_answer
from greenroom.words import ErrorCode, GreenroomError, InvalidInputError, OriginRefusedError, OverloadedError

log = structlog.get_logger("greenroom.web")

HEARTBEAT_SECONDS = 10.0
MAX_MESSAGE_BYTES = 4096
MESSAGES_PER_SECOND = 5
SEND_DEADLINE_SECONDS = 10.0
MAX_WAITING_EVENTS = 32
_CLIENT_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")


class Hub:
    """All open connections, counted for the limits."""

    def __init__(self, greenroom: Greenroom) -> None:
        self._greenroom = greenroom
        self._by_address: Counter[str] = Counter()

    @contextlib.contextmanager
    def seat(self, address: str):  # type: ignore[no-untyped-def]
        """A place for one connection. Raises OverloadedError when there is none."""
        settings = self._greenroom.settings
        if self._by_address.total() >= settings.max_connections:
            raise OverloadedError("All connections are taken. Poll GET /status, or try again later.", 5)
        if self._by_address[address] >= settings.max_connections_per_address:
            raise OverloadedError("Too many connections from this address. Close some, or poll GET /status.", 5)
        self._by_address[address] += 1
        try:
            yield
        finally:
            self._by_address[address] -= 1
            self._by_address += Counter()  # drops zeros: addresses must not pile up


async def init_socket(socket: WebSocket) -> None:
    """The endpoint. Refusals come before accept, as plain HTTP answers; a browser shows them as 1006."""
    greenroom: Greenroom = socket.app.state.greenroom
    try:
        scope = _admit(socket, greenroom)
        with socket.app.state.greenroom_hub.seat(socket.client.host if socket.client else ""):
            subprotocol = SUBPROTOCOL if socket.scope.get("subprotocols") else None
            await socket.accept(subprotocol)
            await _Connection(socket, greenroom, scope).run()
    except GreenroomError as error:
        await socket.send_denial_response(await _refusal(socket, error))


def _admit(socket: WebSocket, greenroom: Greenroom) -> tuple[str, ...]:
    """The scope that this socket asks about. Raises the refusal."""
    if not origin_is_allowed(socket.headers, greenroom.settings.allowed_origins):
        raise OriginRefusedError("This origin may not connect; the operator can add it to GREENROOM_ALLOWED_ORIGINS.")
    if not _CLIENT_ID.fullmatch(socket.path_params["client_id"]):
        raise InvalidInputError("client_id: 1-64 of A-Z a-z 0-9 _ - are needed.")
    offered = socket.scope.get("subprotocols") or []
    if offered and SUBPROTOCOL not in offered:
        raise _SubprotocolError(f"Offer the subprotocol {SUBPROTOCOL}, or none.")
    return greenroom.scope(wanted_models(socket.query_params.get("models")))


class _SubprotocolError(GreenroomError):
    code = ErrorCode.BAD_REQUEST
    status = 400
    title = "The subprotocol is not known"


def wanted_models(value: str | None) -> Sequence[str] | None:
    """The names of `?models=a,b`; None when nothing was asked for."""
    names = [name.strip() for name in (value or "").split(",") if name.strip()]
    return names or None


async def _refusal(socket: WebSocket, error: GreenroomError) -> Response:
    request = Request({**socket.scope, "type": "http", "method": "GET"})
    if isinstance(error, _SubprotocolError):
        return problem_answer(request, error.code, error.title, error.status, str(error))
    return await on_greenroom_error(request, error)


class _Connection:
    def __init__(self, socket: WebSocket, greenroom: Greenroom, scope: tuple[str, ...]) -> None:
        self._socket = socket
        self._board = greenroom.board
        self._scope = scope
        self._events: deque[Event] = deque(maxlen=MAX_WAITING_EVENTS)
        self._close_code: CloseCode | None = None

    async def run(self) -> None:
        """Serve until either side ends it."""
        stop_listening = self._board.listen(self._events.append)
        writer = asyncio.create_task(self._write())
        reader = asyncio.create_task(self._read())
        try:
            await asyncio.wait([writer, reader], return_when=asyncio.FIRST_COMPLETED)
        finally:
            stop_listening()
            for task in (writer, reader):
                task.cancel()
            await asyncio.gather(writer, reader, return_exceptions=True)
            await self._close()

    async def _close(self) -> None:
        if self._close_code is not None:
            with contextlib.suppress(RuntimeError, OSError, TimeoutError):
                async with asyncio.timeout(1.0):
                    await self._socket.close(self._close_code)

    async def _write(self) -> None:
        try:
            await self._greet()
            sent = 0
            while True:
                seen = self._board.rounds
                posted = self._board.posted(self._scope)
                if posted.state.seq != sent:
                    sent = posted.state.seq
                    await self._send_text(posted.text)
                while self._events:
                    await self._send(self._events.popleft())
                await self._next_or_ping(seen)
        except TimeoutError:
            self._close_code = CloseCode.TOO_SLOW
        except (WebSocketDisconnect, RuntimeError, OSError):
            return

    async def _greet(self) -> None:
        await self._send(
            Hello(
                server=f"greenroom/{__version__}", epoch=self._board.epoch,
                heartbeat_ms=int(HEARTBEAT_SECONDS * 1000), max_message_bytes=MAX_MESSAGE_BYTES,
            )
        )  # fmt: skip

    async def _next_or_ping(self, seen: int) -> None:
        try:
            async with asyncio.timeout(HEARTBEAT_SECONDS):
                await self._board.changed(seen)
        except TimeoutError:
            await self._send(Ping(at=timestamp(self._board.clock.unix())))

    async def _send(self, message: Message) -> None:
        await self._send_text(message.to_json().decode())

    async def _send_text(self, text: str) -> None:
        # Not `wait_for`: before Python 3.12 it can swallow the cancellation that ends this task.
        async with asyncio.timeout(SEND_DEADLINE_SECONDS):
            await self._socket.send_text(text)

    async def _read(self) -> None:
        loop = asyncio.get_running_loop()
        arrivals: deque[float] = deque(maxlen=MESSAGES_PER_SECOND + 1)
        while True:
            message = await self._socket.receive()
            if message["type"] == "websocket.disconnect":
                return
            arrivals.append(loop.time())
            data = message.get("text") or message.get("bytes") or ""
            if len(data if isinstance(data, bytes) else data.encode()) > MAX_MESSAGE_BYTES:
                await self._refuse(CloseCode.TOO_BIG, ErrorCode.PAYLOAD_TOO_LARGE, "A message may have 4096 bytes.")
                return
            if len(arrivals) == arrivals.maxlen and arrivals[-1] - arrivals[0] < 1.0:
                text = "More than 5 messages in one second. Send nothing: the server speaks by itself."
                await self._refuse(CloseCode.TOO_MANY, ErrorCode.TOO_MANY_MESSAGES, text)
                return

    async def _refuse(self, close_code: CloseCode, code: ErrorCode, text: str) -> None:
        self._close_code = close_code
        with contextlib.suppress(TimeoutError, RuntimeError, OSError):
            await self._send(ErrorFrame(code=code, message=text))
