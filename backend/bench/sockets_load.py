"""The bench's end of `bench.sockets_clients`: a process with many clients."""

from __future__ import annotations

import json
import subprocess
import sys
from types import TracebackType
from typing import Any, Self

from bench.processes import end, own_environment


class Load:
    """Clients of the server at `port`; use it in a `with` block."""

    def __init__(self, port: int) -> None:
        self._process = subprocess.Popen(  # noqa: S603 - our own interpreter and module
            [sys.executable, "-m", "bench.sockets_clients", str(port)], env=own_environment(),
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True,
        )  # fmt: skip

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._process.stdin is not None and self._process.stdout is not None  # noqa: S101, PT018 - both piped
        self._process.stdin.close()
        end(self._process)
        self._process.stdout.close()

    def connect(self, count: int, *, stalled: bool = False) -> list[int]:
        """`count` more clients; their ports. Raises RuntimeError when they do not get in."""
        ports: list[int] = self.order(do="connect", count=count, stalled=stalled)["ports"]
        return ports

    def measure(self, seconds: float) -> dict[str, float]:
        """What comes in during `seconds`: see `Clients.measure`."""
        return self.order(do="measure", seconds=seconds)

    def order(self, **order: object) -> dict[str, Any]:
        """Give an order and wait for its (first) answer. Raises RuntimeError when it was refused."""
        assert self._process.stdin is not None  # noqa: S101 - piped
        self._process.stdin.write(json.dumps(order).encode() + b"\n")
        self._process.stdin.flush()
        return self.answer()

    def answer(self) -> dict[str, Any]:
        """The next answer. Raises RuntimeError when an order was refused."""
        assert self._process.stdout is not None  # noqa: S101 - piped
        answer: dict[str, Any] = json.loads(self._process.stdout.readline() or '{"error": "the clients ended"}')
        if "error" in answer:
            raise RuntimeError(f"clients: {answer['error']}")
        return answer
