"""`python -m bench.sockets_clients PORT`: thousands of socket clients in one process; orders on stdin, JSON lines.

The problem: a load generator that costs as much as the server measures itself. The idea: no WebSocket library and no
event loop: one `epoll`, the upgrade written by hand, of each frame only the 2-4 bytes that say how long it is and the
stamp at its end. It answers pings, because a server hangs up on clients that do not.

Orders, each answered by one line:
    {"do": "connect", "count": 10, "stalled": false}    → {"ports": […]}; stalled clients never read
    {"do": "measure", "seconds": 5}                     → frames, cpu_seconds, p50_ms, p99_ms, max_ms, lost
    {"do": "storm", "obey": true, "seconds": 60}        → at once {"watching": n}, then see `bench.sockets_storm`
End of file ends it.
"""

from __future__ import annotations

import json
import os
import resource
import select
import socket
import statistics
import sys
import time
from array import array
from collections import Counter
from collections.abc import Callable
from datetime import datetime
from typing import Any

BUFFER_BYTES = 256 * 1024
STALLED_BUFFER_BYTES = 4096
CONNECTING_AT_ONCE = 200
EVENTS_AT_ONCE = 256
OPEN_WITHIN_SECONDS = 60.0
STAMP_MARK, STAMP_BEGIN, STAMP_END = b'"at":"', -26, -2
"""A snapshot ends in `"at":"2026-11-21T03:10:22.104Z"}`."""


class Client:
    """One connection. `rest`: the beginning of a frame whose end has not come yet."""

    __slots__ = ("number", "open", "rest", "socket", "stalled")

    def __init__(self, link: socket.socket, number: int, stalled: bool = False) -> None:
        self.socket = link
        self.number = number
        self.stalled = stalled
        self.open = False
        self.rest = b""


class Clients:
    """All connections to one port of this machine."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.by_descriptor: dict[int, Client] = {}
        self.open = 0
        self.lost = 0
        self.refusals: Counter[str] = Counter()
        self.frames = 0
        self.on_text: Callable[[Client, memoryview], None] = self._count
        self.on_lost: Callable[[Client], None] = lambda client: None
        self.latencies: array[float] | None = None
        self._epoll = select.epoll()
        self._buffer = bytearray(BUFFER_BYTES)
        self._view = memoryview(self._buffer)
        self._stamps: dict[bytes, float | None] = {}
        self._now = 0.0

    def begin(self, number: int, stalled: bool = False) -> None:
        """Connect and ask for the upgrade; `turn` sees the answer. Raises OSError when nobody listens."""
        link = socket.socket()
        if stalled:
            link.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, STALLED_BUFFER_BYTES)
        try:
            link.connect(("127.0.0.1", self.port))
            link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            link.sendall(_upgrade(self.port, number))
        except OSError:
            link.close()
            raise
        link.setblocking(False)
        self.by_descriptor[link.fileno()] = Client(link, number, stalled)
        self._epoll.register(link.fileno(), select.EPOLLIN)

    def turn(self, seconds: float) -> None:
        """Take what has come, waiting for it at most `seconds`."""
        for descriptor, events in self._epoll.poll(max(seconds, 0.0), EVENTS_AT_ONCE):
            client = self.by_descriptor.get(descriptor)
            if client is None:
                continue
            if client.stalled and events & (select.EPOLLHUP | select.EPOLLERR):
                self._lose(client)
            else:
                self._receive(client)

    def connect(self, count: int, stalled: bool) -> list[int]:
        """`count` more clients, numbered on; returns their ports. Raises TimeoutError."""
        first, lost, until = len(self.by_descriptor), self.lost, time.monotonic() + OPEN_WITHIN_SECONDS
        for number in range(first, first + count):
            self.begin(number, stalled)
            while len(self.by_descriptor) - self.open >= CONNECTING_AT_ONCE:
                self._turn_until(until, lost)
        while self.open < first + count:
            self._turn_until(until, lost)
        links = list(self.by_descriptor.values())[first:]
        return [int(client.socket.getsockname()[1]) for client in links]

    def _turn_until(self, until: float, lost: int) -> None:
        if self.lost > lost or time.monotonic() > until:
            raise TimeoutError(f"{self.open} clients are open, {self.lost - lost} were lost, {dict(self.refusals)}")
        self.turn(0.05)

    def measure(self, seconds: float) -> dict[str, float]:
        """What comes in during `seconds`. Latency: from the stamp in a snapshot (milliseconds) to its receipt."""
        self.latencies = array("d")
        frames, lost, begun, cpu = self.frames, self.lost, time.monotonic(), time.process_time()
        while (left := seconds - (time.monotonic() - begun)) > 0:
            self.turn(left)
        taken, self.latencies = sorted(self.latencies), None
        return {
            "frames": self.frames - frames, "lost": self.lost - lost, "seconds": time.monotonic() - begun,
            "cpu_seconds": time.process_time() - cpu, **quantiles(taken),
        }  # fmt: skip

    def _receive(self, client: Client) -> None:
        try:
            count = client.socket.recv_into(self._buffer)
        except BlockingIOError:
            return
        except OSError:
            count = 0
        if count == 0:
            self._lose(client)
            return
        self._now = time.time()
        if client.rest:
            data = client.rest + self._view[:count]
            client.rest = self._take(client, memoryview(data))
        else:
            client.rest = self._take(client, self._view[:count])

    def _take(self, client: Client, data: memoryview) -> bytes:
        """Every whole frame of `data`; returns what is left over."""
        position, size = 0, len(data)
        if not client.open and not (position := self._opening(client, data)):
            return bytes(data)
        while size - position >= 2:
            length, start = data[position + 1], position + 2
            if length == 126:
                if size - position < 4:
                    break
                length, start = data[position + 2] << 8 | data[position + 3], position + 4
            if (end := start + length) > size:
                break
            opcode = data[position] & 15
            if opcode == 1:
                self.on_text(client, data[start:end])
            elif opcode == 9:
                client.socket.send(_pong(bytes(data[start:end])))
            position = end
        return bytes(data[position:])

    def _opening(self, client: Client, data: memoryview) -> int:
        """Where the frames begin, behind the answer to the upgrade; 0 while that is not complete."""
        head, found, _ = bytes(data).partition(b"\r\n\r\n")
        if not found:
            return 0
        if not head.startswith(b"HTTP/1.1 101"):
            self.refusals[head[9:12].decode(errors="replace")] += 1
            self._lose(client)
            return len(data)
        client.open = True
        self.open += 1
        if client.stalled:
            self._epoll.modify(client.socket.fileno(), 0)
        return len(head) + 4

    def _count(self, client: Client, text: memoryview) -> None:
        self.frames += 1
        if self.latencies is not None:
            stamp = bytes(text[STAMP_BEGIN:STAMP_END])
            sent = self._stamps[stamp] if stamp in self._stamps else self._read_stamp(text, stamp)
            if sent is not None:
                self.latencies.append(self._now - sent)

    def _read_stamp(self, text: memoryview, stamp: bytes) -> float | None:
        mark = bytes(text[STAMP_BEGIN - len(STAMP_MARK) : STAMP_BEGIN])
        sent = datetime.fromisoformat(stamp.decode()).timestamp() if mark == STAMP_MARK else None
        self._stamps[stamp] = sent
        return sent

    def _lose(self, client: Client) -> None:
        self._epoll.unregister(client.socket.fileno())
        del self.by_descriptor[client.socket.fileno()]
        client.socket.close()
        self.open -= client.open
        self.lost += 1
        self.on_lost(client)


def quantiles(seconds: list[float]) -> dict[str, float]:
    """Median, 99 % and highest of sorted `seconds`, in ms; nothing when there are none."""
    if not seconds:
        return {}
    return {
        "p50_ms": statistics.median(seconds) * 1000,
        "p99_ms": seconds[min(len(seconds) - 1, len(seconds) * 99 // 100)] * 1000,
        "max_ms": seconds[-1] * 1000,
    }


def _upgrade(port: int, number: int) -> bytes:
    return (
        f"GET /ws/init/bench-{number} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade"
        "\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
    ).encode()


def _pong(payload: bytes) -> bytes:
    """A masked frame; a mask of zeros changes nothing (RFC 6455 §5.3)."""
    return bytes((0x8A, 0x80 | len(payload), 0, 0, 0, 0)) + payload


def _obey(clients: Clients, order: dict[str, Any]) -> dict[str, Any]:
    match order["do"]:
        case "connect":
            return {"ports": clients.connect(order["count"], order["stalled"])}
        case "measure":
            return clients.measure(order["seconds"])
        case "storm":
            from bench.sockets_storm import Storm

            storm = Storm(clients, order["obey"])
            print(json.dumps({"watching": len(clients.by_descriptor)}), flush=True)
            return storm.outlast(order["seconds"])
        case unknown:
            raise ValueError(f"unknown order: {unknown}")


def _next_order(clients: Clients, waiting: bytearray) -> bytes | None:
    """The next line of stdin, serving the clients meanwhile; None at the end of file."""
    stdin = sys.stdin.fileno()
    while b"\n" not in waiting:
        if select.select([stdin], [], [], 0)[0]:
            if not (data := os.read(stdin, 4096)):
                return None
            waiting += data
        clients.turn(0.01)
    line, _, rest = bytes(waiting).partition(b"\n")
    waiting[:] = rest
    return line


def main(port: int) -> None:
    """Serve orders until stdin ends."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    clients = Clients(port)
    waiting = bytearray()
    while (line := _next_order(clients, waiting)) is not None:
        try:
            answer = _obey(clients, json.loads(line))
        except (OSError, ValueError) as error:
            answer = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]))
