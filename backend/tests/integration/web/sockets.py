"""A WebSocket client down to the bytes, for what a polite library never does."""

from __future__ import annotations

import base64
import os
import socket
from urllib.parse import urlsplit


def upgrade(url: str, path: str = "/ws/init/raw", receive_buffer: int | None = None) -> socket.socket:
    """A connected TCP socket on which the server accepted a WebSocket."""
    parts = urlsplit(url)
    assert parts.hostname is not None
    assert parts.port is not None
    connection = socket.socket()
    connection.settimeout(10)
    if receive_buffer is not None:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    connection.connect((parts.hostname, parts.port))
    key = base64.b64encode(os.urandom(16)).decode()
    connection.sendall(
        f"GET {path} HTTP/1.1\r\nHost: {parts.netloc}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n".encode()
    )
    answer = b""
    while b"\r\n\r\n" not in answer:
        answer += connection.recv(1)
    assert b" 101 " in answer.splitlines()[0], answer
    return connection


def masked_frame(opcode: int, data: bytes = b"", *, final: bool = True, length: int | None = None) -> bytes:
    """A client's frame (RFC 6455 §5.2) with the mask 0; `length`: what it claims, when that is not the truth."""
    length = len(data) if length is None else length
    first = (0x80 if final else 0) | opcode
    if length < 126:
        head = bytes((first, 0x80 | length))
    elif length < 1 << 16:
        head = bytes((first, 0x80 | 126)) + length.to_bytes(2, "big")
    else:
        head = bytes((first, 0x80 | 127)) + length.to_bytes(8, "big")
    return head + bytes(4) + data
