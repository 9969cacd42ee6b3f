"""A WebSocket with limits, and with a way out of its own for what the server pushes."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, cast

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.frames import Close, Frame, Opcode
from websockets.frames import CloseCode as Rfc6455

from greenroom.protocol.outgoing import Outgoing
from greenroom.protocol.socket import CloseCode, ErrorFrame
from greenroom.web.line import PUSH_EXTENSION
from greenroom.words import ErrorCode

if TYPE_CHECKING:
    from websockets.http11 import Request

SOCKET_SEND_BUFFER_BYTES = 16 * 1024
"""Kernel send buffer of a WebSocket: the default would hide megabytes of stale snapshots from a slow reader. The
kernel doubles it, for its own bookkeeping."""
MAX_FRAGMENTS = 64
"""Of one message. Empty ones count for nothing in its size, and without end they would fill the memory."""
FRAMES_PER_SECOND = 50
"""Pings, pongs and fragments among them; messages have a lower limit in `greenroom.web.socket`."""
SLICE_BYTES = 1024
"""Parsed at a time: frames are counted only after that. Before this limit and that on frames, 1.9 MB of empty pings
kept `/livez` waiting for 1.12 s."""
GOODBYE_SECONDS = 1.0
"""For a client to read why it was ended. Closing at once, with more of it to read, would reset that away."""
_BAD_HANDSHAKE = b"HTTP/1.1 400 Bad Request\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)


class Inbox:
    """The part of asyncio.Queue that uvicorn needs for one reader, without its three deques: 3 KiB a connection."""

    __slots__ = ("_messages", "_waiting")

    def __init__(self) -> None:
        self._messages: list[Any] = []
        self._waiting: asyncio.Future[None] | None = None

    def put_nowait(self, message: Any) -> None:
        self._messages.append(message)
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(None)

    def empty(self) -> bool:
        return not self._messages

    def end(self, message: Any) -> None:
        """`message` is the last one, and those before it are not wanted any more."""
        self._messages.clear()
        self.put_nowait(message)

    async def get(self) -> Any:
        """The oldest message, once there is one. Cancelling loses none."""
        while not self._messages:
            self._waiting = asyncio.get_running_loop().create_future()
            await self._waiting
        return self._messages.pop(0)


class PushSocket(WebSocketsSansIOProtocol):
    """A WebSocket that is its own `greenroom.web.line.Line`, handed to the app as an ASGI extension."""

    on_free: Callable[[], None] | None = None
    _deaf = False
    """Whether what the client says is dropped unread."""
    _frames = 0
    _second = 0

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._inbox = Inbox()
        self.queue = cast("asyncio.Queue[Any]", self._inbox)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self.transport.set_write_buffer_limits(high=0)  # "not writable" then means: something is still in our memory
        self._set_option(socket.SOL_SOCKET, socket.SO_SNDBUF, SOCKET_SEND_BUFFER_BYTES)

    def data_received(self, data: bytes) -> None:
        for begin in range(0, len(data), SLICE_BYTES):
            if self._deaf or self.transport.is_closing():
                return
            super().data_received(data[begin : begin + SLICE_BYTES])
        if not self.handshake_initiated and not self.close_sent:
            # uvicorn hands over the whole head at once, and waits for ever where websockets cannot read it.
            self.handshake_complete = self.close_sent = True
            self.transport.write(b"".join(self.conn.data_to_send()) or _BAD_HANDSHAKE)
            self.transport.close()

    def handle_events(self) -> None:
        """At most FRAMES_PER_SECOND are looked at."""
        second = int(self.loop.time())
        self._frames = len(self.conn.events) + (self._frames if second == self._second else 0)
        self._second = second
        if self._frames > FRAMES_PER_SECOND:
            text = f"More than {FRAMES_PER_SECOND} frames in one second. Send nothing: the server speaks by itself."
            self._fail(CloseCode.TOO_MANY, ErrorCode.TOO_MANY_MESSAGES, text)
        else:
            super().handle_events()

    def handle_connect(self, event: Request) -> None:
        super().handle_connect(event)
        if hasattr(self, "scope"):  # not when the handshake was refused
            extensions = cast("dict[str, Any]", self.scope["extensions"])
            extensions[PUSH_EXTENSION] = self

    def start_keepalive(self) -> None:
        """The handshake is over: let go of its two messages, a little under 2 KiB a connection."""
        super().start_keepalive()
        del self.request, self.response

    async def send(self, message: Any) -> None:
        """A refusal ends the handshake, too; uvicorn would log an error for each."""
        await super().send(message)
        if message["type"] == "websocket.http.response.body" and not message.get("more_body", False):
            self.handshake_complete = True

    @property
    def free(self) -> bool:
        return self.writable.is_set()

    def write(self, messages: Iterable[Outgoing]) -> None:
        if not self.close_sent and not self.transport.is_closing():
            self.transport.write(b"".join([message.frame for message in messages]))

    def abort(self) -> None:
        self._set_option(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)  # or the kernel keeps its buffer
        self.transport.abort()

    def resume_writing(self) -> None:
        super().resume_writing()
        if self.on_free is not None:
            self.on_free()

    def handle_cont(self, event: Frame) -> None:
        if len(self.frames) < MAX_FRAGMENTS:
            super().handle_cont(event)
        else:
            text = f"A message may have {MAX_FRAGMENTS} fragments."
            self._fail(CloseCode.TOO_BIG, ErrorCode.PAYLOAD_TOO_LARGE, text)

    def send_receive_event_to_app(self) -> None:
        """uvicorn would log text that is no UTF-8 with a trace, as if the fault were ours."""
        if self.curr_msg_data_type == "text" and not _is_utf8(b"".join(self.frames)):
            self._fail(CloseCode.MALFORMED, ErrorCode.MALFORMED_MESSAGE, "Text must be UTF-8.")
        else:
            super().send_receive_event_to_app()

    def handle_parser_exception(self) -> None:
        """A breach of RFC 6455, which has codes for them. A message too big is none: it gets the code of those."""
        if self.conn.close_sent is not None and self.conn.close_sent.code == Rfc6455.MESSAGE_TOO_BIG:
            self.conn.data_to_send()  # drops the close frame that waits there
            self._fail(CloseCode.TOO_BIG, ErrorCode.PAYLOAD_TOO_LARGE, "The message is too big.")
        else:
            super().handle_parser_exception()

    def _fail(self, code: CloseCode, error: ErrorCode, why: str) -> None:
        """Say why and close; what the client still says is dropped until it has gone, GOODBYE_SECONDS at most."""
        self.frames = []
        self._deaf = True
        if self.close_sent or self.transport.is_closing():
            return
        if not self.handshake_complete:  # nothing may be said yet
            self.abort()
            return
        goodbye = Frame(Opcode.CLOSE, Close(code, "").serialize()).serialize(mask=False)
        self.transport.write(Outgoing.of(ErrorFrame(code=error, message=why)).frame + goodbye)
        self._inbox.end({"type": "websocket.disconnect", "code": code})
        self.close_sent = True
        self.close_timer = self.loop.call_later(GOODBYE_SECONDS, self.abort)

    def handle_ping(self) -> None:
        """Answer, unless earlier answers still wait: pings without end must not become pongs without end."""
        pongs = self.conn.data_to_send()
        if self.free:
            self.transport.write(b"".join(pongs))

    def shutdown(self) -> None:
        """End it, with code 1012. A client that does not read must not keep the server from ending.

        Where the end is under way already, only that client's reading is still waited for; it is not waited for."""
        if self.transport.is_closing():
            self.stop_keepalive()
            self.abort()
            return
        super().shutdown()
        if not self.free:
            self.abort()

    def _set_option(self, level: int, option: int, value: int | bytes) -> None:
        connection = self.transport.get_extra_info("socket")
        if connection is not None and connection.fileno() >= 0:
            connection.setsockopt(level, option, value)


def _is_utf8(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True
