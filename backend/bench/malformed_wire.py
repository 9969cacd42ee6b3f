"""A TCP connection on which anything can be said, and what comes back in one word."""

from __future__ import annotations

import contextlib
import re
import socket
import struct
import time
from collections.abc import Callable
from random import Random

QUIET_SECONDS = 0.2
"""Nothing for so long: nothing will come."""
LONGEST_SECONDS = 5.0
_STATUS = re.compile(rb"HTTP/1\.[01] (\d{3}) ")
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)


class Wire:
    """One connection to a server on this machine."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.received = b""
        self.ended = False
        self._left = False
        self._socket = socket.create_connection(("127.0.0.1", port), LONGEST_SECONDS)

    def send(self, data: bytes) -> None:
        """Say it; a server that has hung up already need not hear it."""
        with contextlib.suppress(OSError):
            self._socket.sendall(data)

    def open_socket(self, path: str = "/ws/init/malformed") -> bool:
        """Upgrade to a WebSocket; False when that was refused."""
        self.send(upgrade(self.port, path))
        while b"\r\n\r\n" not in self.received and self._receive(LONGEST_SECONDS):
            pass
        head, _, self.received = self.received.partition(b"\r\n\r\n")
        if head.startswith(b"HTTP/1.1 101"):
            return True
        self.received = head + b"\r\n\r\n" + self.received
        return False

    def half_close(self) -> None:
        """Say that nothing more will be said."""
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_WR)

    def reset(self) -> None:
        """Be gone at once, with what was not read yet."""
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close()

    def close(self) -> None:
        self._left = True
        self._socket.close()

    def outcome(self) -> str:
        """What the server made of it: HTTP status, close code, or how it ended."""
        if self._left:
            return "we left"
        until = time.monotonic() + LONGEST_SECONDS
        while not self._is_whole() and time.monotonic() < until and self._receive(QUIET_SECONDS):
            pass
        if statuses := _STATUS.findall(self.received):
            return str(statuses[-1].decode())
        if (code := close_code(self.received)) is not None:
            return f"close {code}"
        return "hung up" if self.ended else "no answer"

    def is_hung_up(self) -> bool:
        """Whether the server ends the connection, too, and soon."""
        while not self.ended and self._receive(LONGEST_SECONDS):
            pass
        return self.ended

    def _receive(self, seconds: float) -> bool:
        """Take what comes within `seconds`; False when it is nothing."""
        self._socket.settimeout(seconds)
        try:
            data = self._socket.recv(65536)
        except TimeoutError:
            return False
        except OSError:
            data = b""
        self.ended = self.ended or not data
        self.received += data
        return bool(data)

    def _is_whole(self) -> bool:
        """Whether a whole HTTP answer is there (the first one is enough)."""
        head, found, body = self.received.partition(b"\r\n\r\n")
        length = _LENGTH.search(head)
        return bool(found and length and len(body) >= int(length[1]))


Case = Callable[[Wire, Random], None]
"""Says something wrong on a wire."""


def upgrade(port: int, path: str, **headers: str) -> bytes:
    """A request for a WebSocket; `headers` (with `_` for `-`) replace ours, an empty one removes it."""
    given = {
        "Host": f"127.0.0.1:{port}", "Upgrade": "websocket", "Connection": "Upgrade",
        "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==", "Sec-WebSocket-Version": "13",
        **{name.replace("_", "-"): value for name, value in headers.items()},
    }  # fmt: skip
    lines = [f"{name}: {value}" for name, value in given.items() if value]
    return "\r\n".join([f"GET {path} HTTP/1.1", *lines, "", ""]).encode("utf-8", "surrogatepass")


def frame(opcode: int, payload: bytes = b"", *, final: bool = True, reserved: int = 0, mask: bool = True) -> bytes:
    """A frame as clients send it (RFC 6455 §5.2); a mask of zeros changes nothing."""
    first = (0x80 if final else 0) | reserved << 4 | opcode
    return bytes([first]) + _length(len(payload), mask) + payload


def _length(length: int, mask: bool) -> bytes:
    masked, key = (0x80, bytes(4)) if mask else (0, b"")
    if length < 126:
        return bytes([masked | length]) + key
    if length < 65536:
        return bytes([masked | 126]) + length.to_bytes(2, "big") + key
    return bytes([masked | 127]) + length.to_bytes(8, "big") + key


def close_code(data: bytes) -> int | None:
    """The code of the first close frame among the server's frames; 1005 when it has none."""
    while len(data) >= 2:
        opcode, length, start = data[0] & 15, data[1] & 127, 2
        if length == 126:
            length, start = int.from_bytes(data[2:4], "big"), 4
        if opcode == 8:
            return int.from_bytes(data[start : start + 2], "big") if length >= 2 else 1005
        data = data[start + length :]
    return None
