"""One client's way out, with room for one write.

The problem: what is sent to a client who reads slowly piles up, in our memory or, hidden from us, in the kernel's,
and once it is read it is stale. The idea: a line takes a write only when everything written before has left this
process, and says when that is so. Who sends keeps nothing in store: it sends the newest when the line is free again.

Under our own server a line is the connection itself (`greenroom.connections`): a message is framed once and the
same bytes go to every client, without a task for each. Under any other ASGI server it is a task that sends.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from typing import Protocol

from starlette.websockets import WebSocket, WebSocketDisconnect

from greenroom.protocol.outgoing import Outgoing

PUSH_EXTENSION = "greenroom.push"
"""ASGI extension under which our own server hands out its side of a connection, a `Line`."""


class Line(Protocol):
    """Where messages for one client go. All on the event loop."""

    free: bool
    """Whether everything written has left this process."""
    on_free: Callable[[], None] | None
    """Called each time that `free` becomes true again."""

    def write(self, messages: Iterable[Outgoing]) -> None:
        """Send some messages, in order. Only when `free`; nothing happens when the client is gone."""

    def abort(self) -> None:
        """Give the connection up at once, and what is still to be sent with it."""


class AsgiLine:
    """A line over ASGI's own `send`. `run` does the sending."""

    def __init__(self, socket: WebSocket) -> None:
        self.free = True
        self.on_free: Callable[[], None] | None = None
        self._socket = socket
        self._messages: tuple[Outgoing, ...] = ()
        self._wake = asyncio.Event()
        self._aborted = False

    def write(self, messages: Iterable[Outgoing]) -> None:
        self._messages = tuple(messages)
        self.free = False
        self._wake.set()

    def abort(self) -> None:
        self._aborted = True
        self._wake.set()

    async def run(self) -> None:
        """Send what is written until the client is gone or given up."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            if self._aborted or not await self._send_all():
                return
            self.free = True
            if self.on_free is not None:
                self.on_free()

    async def _send_all(self) -> bool:
        """Send what was written. False when the client is gone, or was given up while it did not read."""
        sending = asyncio.ensure_future(self._send())
        given_up = asyncio.ensure_future(self._wake.wait())
        try:
            await asyncio.wait((sending, given_up), return_when=asyncio.FIRST_COMPLETED)
            return sending.done() and sending.exception() is None
        finally:
            for task in (sending, given_up):
                task.cancel()
            await asyncio.gather(sending, given_up, return_exceptions=True)

    async def _send(self) -> None:
        try:
            for message in self._messages:
                await self._socket.send_text(message.text)
        except (WebSocketDisconnect, RuntimeError, OSError) as error:
            raise ConnectionError from error
