"""What clients who do not read cost, seen from the server's side: its own memory, and what waits in the kernel."""

from __future__ import annotations

import threading
import time
from collections.abc import Collection
from pathlib import Path
from types import TracebackType
from typing import Self

from bench.proc import memory_of
from bench.sockets_fronts import Front

SAMPLE_SECONDS = 0.5


class Backlog:
    """Looks twice a second at a server's connections to the clients at `ports`; use it in a `with` block."""

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
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._stop.wait(SAMPLE_SECONDS):
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


def _resident_kib(pid: int) -> float:
    return memory_of(pid).resident / 1024
