"""A restart as clients see it: all are disconnected, all come back. Part of `bench.sockets_clients`.

Two kinds of clients. Those that `obey` wait for as long as the server's `draining` told each of them, and back off
as our own client does while nobody listens. The others come back at once, and again every 0.2 s: the worst that a
page with a bare `new WebSocket` in `onclose` does.
"""

from __future__ import annotations

import heapq
import json
import random
import time
from collections import Counter
from typing import Any

from bench.sockets_clients import Client, Clients, quantiles

AT_ONCE_AGAIN_SECONDS = 0.2
BACKOFF_SECONDS = 0.5
MAX_BACKOFF_SECONDS = 8.0
CONNECTS_PER_TURN = 20


class Storm:
    """Watches `clients` from now on; every one that is lost comes back by itself."""

    def __init__(self, clients: Clients, obey: bool) -> None:
        self._clients = clients
        self._obey = obey
        self._due: list[tuple[float, int]] = []
        self._told: dict[int, float] = {}
        """When a client shall come back, by its number."""
        self._lost: dict[int, float] = {}
        self._back: dict[int, float] = {}
        self._attempts: Counter[int] = Counter()
        self._refusals: Counter[str] = Counter()
        clients.on_text, clients.on_lost = self._on_text, self._on_lost

    def outlast(self, seconds: float) -> dict[str, Any]:
        """Wait until every client was lost and shows a snapshot again, at most `seconds`; all moments in Unix time."""
        count, until = len(self._clients.by_descriptor), time.time() + seconds
        cpu = time.process_time()
        while len(self._back) < count and time.time() < until:
            self._connect_due()
            self._clients.turn(0.005)
        waits = sorted(back - self._lost[number] for number, back in self._back.items())
        return {
            "clients": count, "back": len(self._back), "told": len(self._told),
            "lost_first": min(self._lost.values(), default=0.0), "lost_last": max(self._lost.values(), default=0.0),
            "back_first": min(self._back.values(), default=0.0), "back_last": max(self._back.values(), default=0.0),
            "attempts": self._attempts.total(), "refusals": dict(self._refusals),
            "cpu_seconds": time.process_time() - cpu, **quantiles(waits),
        }  # fmt: skip

    def _connect_due(self) -> None:
        for _ in range(CONNECTS_PER_TURN):
            if not self._due or self._due[0][0] > time.time():
                return
            _, number = heapq.heappop(self._due)
            self._attempts[number] += 1
            try:
                self._clients.begin(number)
            except OSError as error:
                self._refuse(number, type(error).__name__)

    def _refuse(self, number: int, why: str) -> None:
        self._refusals[why] += 1
        heapq.heappush(self._due, (time.time() + self._delay(number), number))

    def _delay(self, number: int) -> float:
        """Seconds until the next attempt."""
        if not self._obey:
            return AT_ONCE_AGAIN_SECONDS
        longest: float = min(BACKOFF_SECONDS * 2 ** self._attempts[number], MAX_BACKOFF_SECONDS)
        return longest * random.uniform(0.5, 1.0)  # noqa: S311 - spreads load

    def _on_text(self, client: Client, text: memoryview) -> None:
        if bytes(text[:18]) == b'{"type":"draining"':
            self._told[client.number] = time.time() + json.loads(bytes(text))["reconnect_in_ms"] / 1000
        elif client.number in self._lost and bytes(text[:24]) == b'{"type":"initialization"':
            self._back.setdefault(client.number, time.time())

    def _on_lost(self, client: Client) -> None:
        if client.number in self._lost:
            self._refuse(client.number, "lost again" if client.open else "lost before it was open")
            return
        self._lost[client.number] = now = time.time()
        heapq.heappush(self._due, (self._told.get(client.number, now) if self._obey else now, client.number))
