"""Clients that each wait for an answer before they ask again, in one thread and one process of their own.

It shares the machine's cores with what it measures, so it does as little as possible: whole requests are made
beforehand, one selector serves all sockets, and an answer is only searched for its length. It tells its own processor
time, so that a bench can say what the measuring cost. `python -m bench.load_generator` reads its orders on standard
input, one JSON object a line, and answers each with one: so it is started once, and idle in between.
"""

from __future__ import annotations

import json
import selectors
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from types import TracebackType
from typing import Any, Self

from bench.http import answer_length, request_bytes
from bench.processes import BACKEND, end, own_environment

_RECEIVE_BYTES = 1 << 20


@dataclass(frozen=True)
class Order:
    """`clients` connections ask for `seconds`, each with every body in turn."""

    port: int
    path: str
    bodies: Sequence[dict[str, Any]]
    clients: int
    seconds: float


@dataclass(frozen=True)
class Outcome:
    """What the clients saw. Latencies in seconds, in order of arrival; `cpu_seconds` are the generator's own."""

    answers: int
    refused: int
    seconds: float
    cpu_seconds: float
    latencies: Sequence[float]
    bytes_received: int


class LoadGenerator:
    """A generator process; use it in a `with` block."""

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "bench.load_generator"], env=own_environment(), cwd=BACKEND,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True,
        )  # fmt: skip
        return self

    def run(self, order: Order) -> Outcome:
        """Raises RuntimeError when the generator ended."""
        assert self._process.stdin is not None  # noqa: S101 - asked for above
        assert self._process.stdout is not None  # noqa: S101
        self._process.stdin.write(json.dumps(asdict(order)).encode() + b"\n")
        self._process.stdin.flush()
        if not (line := self._process.stdout.readline()):
            raise RuntimeError("the load generator ended")
        return Outcome(**json.loads(line))

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        end(self._process)


class _Client:
    """One connection: which request is next, when it was sent, what of the answer is here."""

    def __init__(self, order: Order, requests: Sequence[bytes], place: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", order.port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._requests = requests
        self._next = place * len(requests) // order.clients  # so that not all ask the same at once
        self._arrived = bytearray()
        self._length = 0
        self.sent_at = 0.0

    def send(self) -> None:
        self.sent_at = time.perf_counter()
        self.socket.sendall(self._requests[self._next % len(self._requests)])
        self._next += 1

    def receive(self) -> tuple[int, int] | None:
        """(status, bytes) of the answer once it is whole. Raises ConnectionError at the connection's end."""
        if not (data := self.socket.recv(_RECEIVE_BYTES)):
            raise ConnectionError("the server closed a connection")
        self._arrived += data
        self._length = self._length or answer_length(self._arrived)
        if not self._length or len(self._arrived) < self._length:
            return None
        whole = int(self._arrived[9:12]), self._length
        self._arrived.clear()
        self._length = 0
        return whole


def drive(order: Order) -> Outcome:
    """Carry out one order. Raises OSError when the server cannot be reached."""
    requests = [request_bytes(order.port, order.path, body) for body in order.bodies]
    clients = [_Client(order, requests, place) for place in range(order.clients)]
    with selectors.DefaultSelector() as selector:
        for client in clients:
            selector.register(client.socket, selectors.EVENT_READ, client)
        try:
            return _drive(order, clients, selector)
        finally:
            for client in clients:
                client.socket.close()


def _drive(order: Order, clients: Sequence[_Client], selector: selectors.BaseSelector) -> Outcome:
    """Ask until the time is up. What is still under way then is waited for and not counted: whoever is measured next
    shall find an idle machine."""
    latencies: list[float] = []
    refused = received = 0
    cpu, begun = time.process_time(), time.perf_counter()
    end, cpu_end = begun, cpu
    for client in clients:
        client.send()
    waiting = len(clients)
    while waiting:
        for key, _ in selector.select(1.0):
            client = key.data
            if (whole := client.receive()) is None:
                continue
            now = time.perf_counter()
            if now - begun > order.seconds and latencies:
                waiting -= 1
                continue
            latencies.append(now - client.sent_at)
            refused += not 200 <= whole[0] < 300
            received += whole[1]
            end, cpu_end = now, time.process_time()
            client.send()
    return Outcome(len(latencies), refused, end - begun, cpu_end - cpu, latencies, received)


def main() -> None:
    for line in sys.stdin:
        outcome = drive(Order(**json.loads(line)))
        print(json.dumps(asdict(outcome)), flush=True)


if __name__ == "__main__":
    main()
