"""The host's end of the socket to the front."""

from __future__ import annotations

import contextlib
import socket
import threading

from greenroom import frames
from greenroom.frames import AnyMessage, Log

_RECEIVE_BYTES = 256 * 1024


class Link:
    """The socket to the front, written to from any thread."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._lock = threading.Lock()

    def send(self, message: AnyMessage, body: bytes | memoryview = b"") -> None:
        self.send_frames(frames.encode(message, body))

    def send_frames(self, data: bytes) -> None:
        """Send frames that are encoded already: several in one write wake the front once."""
        with self._lock, contextlib.suppress(BrokenPipeError, ConnectionResetError):  # the listener sees the end
            self._connection.sendall(data)

    def log(self, level: str, text: str) -> None:
        self.send(Log(level, text))

    def receive(self) -> bytes:
        """What has arrived; empty at the end."""
        try:
            return self._connection.recv(_RECEIVE_BYTES)
        except ConnectionResetError:
            return b""
