"""The servers whose sockets are compared: ours and the loop of `opponents/sockets_loop.py`, behind one face."""

from __future__ import annotations

import contextlib
import json
import threading
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Protocol

from bench.meanwhile import meanwhile
from bench.processes import BACKEND, free_port, own_environment, running, until
from greenroom.testing import Control, GreenroomServer

ROOM = {
    "GREENROOM_MAX_CONNECTIONS": "15000", "GREENROOM_MAX_CONNECTIONS_PER_ADDRESS": "15000",
    "GREENROOM_MAX_HTTP_CONNECTIONS": "15000", "GREENROOM_MAX_HTTP_CONNECTIONS_PER_ADDRESS": "15000",
}  # fmt: skip
"""A load comes from one address."""
STEP = 1e-6


class Front(Protocol):
    """A server that is up."""

    port: int
    pid: int

    def pulse(self, hz: float) -> contextlib.AbstractContextManager[None]:
        """Let its state change `hz` times a second."""


@dataclass
class Loop:
    """The opponent."""

    port: int
    pid: int

    @contextlib.contextmanager
    def pulse(self, hz: float) -> Iterator[None]:
        _call(self.port, f"/bench/pulse?hz={hz}")
        try:
            yield
        finally:
            _call(self.port, "/bench/pulse?hz=0")


class Ours:
    """Our own server; its model's load goes on by tiny steps, each a call of the control routes."""

    def __init__(self, server: GreenroomServer) -> None:
        self.port, self.pid = server.port, server.pid
        self._control = Control(server.url)
        self._control.freeze(20)
        self._done = 0.1

    def pulse(self, hz: float) -> contextlib.AbstractContextManager[None]:
        return meanwhile(partial(self._step_until, hz))

    def _step_until(self, hz: float, stop: threading.Event) -> None:
        due = time.monotonic()
        while not stop.is_set():
            self._done += STEP
            self._control.step("weights", self._done)
            due += 1 / hz
            stop.wait(max(0.0, due - time.monotonic()))


@contextlib.contextmanager
def ours() -> Iterator[Front]:
    """`greenroom serve` with the scripted engine."""
    environment = {**ROOM, "PYTHONPATH": str(BACKEND)}
    with GreenroomServer("bench.front_app:make", environment=environment) as server:
        yield Ours(server)


@contextlib.contextmanager
def loop(kind: str) -> Iterator[Front]:
    """The loop over `send_json` (`json`) or `send_text` (`text`)."""
    port = free_port()
    with running(["-m", "bench.opponents.sockets_loop", kind, str(port)], environment=own_environment()) as process:
        until(lambda: _answers(port), "the opponent answers", process=process)
        yield Loop(port, process.pid)


def tasks(front: Front) -> int:
    """How many asyncio tasks it has, its garbage collected."""
    with urllib.request.urlopen(f"http://127.0.0.1:{front.port}/bench/state", timeout=30) as answer:
        count: int = json.load(answer)["tasks"]
    return count


def _call(port: int, path: str) -> None:
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", method="POST")
    urllib.request.urlopen(request, timeout=60).close()  # noqa: S310


def _answers(port: int) -> bool:
    try:
        urllib.request.urlopen(f"http://127.0.0.1:{port}/bench/state", timeout=5).close()
    except OSError:
        return False
    return True
