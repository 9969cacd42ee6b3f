"""What clients who do not read cost, seen from the server's side: its own memory, and what waits in the kernel."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Collection, Iterator
from pathlib import Path

from bench.meanwhile import meanwhile
from bench.proc import memory_of
from bench.sockets_fronts import Front

SAMPLE_SECONDS = 0.5


class Backlog:
    """What was seen of a server's connections to the clients at `ports`."""

    def __init__(self, front: Front, ports: Collection[int]) -> None:
        self.queued_kib = 0.0
        """The most that was in their send queues together."""
        self.grown_kib = 0.0
        """The most that the server's resident memory grew by until they were gone."""
        self.grew_at = time.monotonic()
        """When the queues grew last: later, nobody took anything and no byte more had room."""
        self.gone_at: float | None = None
        """When the last of the connections was gone."""
        self._pid = front.pid
        self._begin_kib = _resident_kib(front.pid)
        self._local = f":{front.port:04X}"
        self._remote = {f"0100007F:{port:04X}" for port in ports}

    def watch(self, stop: threading.Event) -> None:
        """Look twice a second until told to stop, or until all of the connections are gone."""
        while not stop.wait(SAMPLE_SECONDS):
            queued, now = self._queued(), time.monotonic()
            if not queued:
                self.gone_at = now
                return
            self.grown_kib = max(self.grown_kib, _resident_kib(self._pid) - self._begin_kib)
            if sum(queued) > self.queued_kib:
                self.queued_kib, self.grew_at = sum(queued), now

    def _queued(self) -> list[float]:
        """KiB in the send queue of each; proc(5): fields are local and remote address, state (1: established) and
        tx_queue:rx_queue, all in hexadecimal."""
        lines = Path("/proc/net/tcp").read_text().splitlines()[1:]
        fields = (line.split()[1:5] for line in lines)
        return [
            int(queues.partition(":")[0], 16) / 1024
            for local, remote, state, queues in fields
            if local.endswith(self._local) and remote in self._remote and state == "01"
        ]


@contextlib.contextmanager
def watched(front: Front, ports: Collection[int]) -> Iterator[Backlog]:
    """The backlog of the clients at `ports`, kept up to date in the block."""
    backlog = Backlog(front, ports)
    with meanwhile(backlog.watch):
        yield backlog


def _resident_kib(pid: int) -> float:
    return memory_of(pid).resident / 1024
