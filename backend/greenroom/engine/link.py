"""Frames to and from one host, over asyncio streams.

What bounds the buffers: towards the host, `local_host` (it lets no more texts in than the host may hold, so the write
buffer holds those at most); from the host, the stream reader's limit and `frames.MAX_FRAME_BYTES` of a frame.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator

from greenroom import frames
from greenroom.engine.pulse import Pulse
from greenroom.frames import AnyMessage, Frame, Pong

_READ_BYTES = 256 * 1024
_BUFFER_BYTES = 1024 * 1024


class HostLink:
    """One host's socket. `frames()` may be left and taken up again: nothing that arrived is lost. Signs of life go to
    `pulse`; its pongs are seen by nobody else."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, pulse: Pulse) -> None:
        self.pulse = pulse
        self._reader = reader
        self._writer = writer
        self._decoder = frames.Decoder()
        self._arrived: list[Frame] = []

    @classmethod
    async def open(cls, connection: socket.socket, pulse: Pulse) -> HostLink:
        """Take over `connection`, the front's end."""
        connection.setblocking(False)
        return cls(*await asyncio.open_connection(sock=connection, limit=_BUFFER_BYTES), pulse)

    def send(self, message: AnyMessage) -> None:
        """Queue a frame; nothing happens when the host is gone."""
        if not self._writer.transport.is_closing():
            self._writer.write(frames.encode(message))

    async def drain(self) -> None:
        """Wait until the host has taken most of what was sent."""
        try:
            await self._writer.drain()
        except ConnectionError:
            return

    async def frames(self) -> AsyncIterator[Frame]:
        """Each frame that arrives, until the host's end closes. Raises FrameError when the host talks nonsense."""
        while True:
            while self._arrived:
                frame = self._arrived.pop(0)
                if isinstance(frame.message, Pong):
                    self.pulse.came_back(frame.message.rounds)
                else:
                    yield frame
            try:
                data = await self._reader.read(_READ_BYTES)
            except ConnectionError:
                return
            if not data:
                return
            self.pulse.heard()
            self._arrived.extend(self._decoder.feed(data))

    def close(self) -> None:
        """Close at once; a host that still runs ends by it."""
        self._writer.transport.abort()
