"""Where a process's main thread works: a thousand times a second it is interrupted and its stack is looked at
(setitimer(2), ITIMER_REAL: timers of processor time fire no oftener than the kernel's tick). A look counts only when
the thread worked for more than half of the time since the last one; an interruption while the loop waits would be
laid to whatever Python function happens to run next. Time in C code counts for the Python function that called it.
"""

from __future__ import annotations

import signal
import time
from collections import Counter
from types import FrameType

SAMPLE_SECONDS = 0.001
MIN_WORKED_SHARE = 0.5
PARTS: tuple[tuple[str, str], ...] = (
    ("/greenroom/web/middleware", "request id, headers, log line"),
    ("/greenroom/logs", "request id, headers, log line"),
    ("/structlog/", "request id, headers, log line"),
    ("/logging/", "request id, headers, log line"),
    ("/greenroom/web/", "endpoint, guard, bodies"),
    ("/greenroom/serving/", "serving"),
    ("/greenroom/engine/", "link to the host"),
    ("/greenroom/frames", "link to the host"),
    ("/pydantic/", "pydantic: reading and writing JSON"),
    ("/greenroom/protocol/", "pydantic: reading and writing JSON"),
    ("/starlette/", "Starlette: routing, request, response"),
    ("/uvicorn/", "uvicorn: HTTP"),
    ("/asyncio/streams", "link to the host"),
    ("/asyncio/runners", "the event loop itself"),
    ("/asyncio/", "asyncio: tasks, timeouts, futures"),
)
"""(part of a file's path, what it counts for); the first that fits."""


class Sampler:
    """Counts since it was last taken."""

    def __init__(self) -> None:
        self._functions: Counter[str] = Counter()
        self._parts: Counter[str] = Counter()
        self._worked = self._passed = 0.0

    def start(self) -> None:
        """In the main thread, once."""
        signal.signal(signal.SIGALRM, self._look)
        signal.siginterrupt(signal.SIGALRM, False)
        signal.setitimer(signal.ITIMER_REAL, SAMPLE_SECONDS, SAMPLE_SECONDS)

    def take(self) -> dict[str, dict[str, int]]:
        """Samples by part and by function, most first."""
        taken = {"parts": dict(self._parts.most_common()), "functions": dict(self._functions.most_common())}
        self._parts, self._functions = Counter(), Counter()
        return taken

    def _look(self, number: int, frame: FrameType | None) -> None:
        worked, passed = self._worked, self._passed
        self._worked, self._passed = time.thread_time(), time.perf_counter()
        if frame is None or self._worked - worked < MIN_WORKED_SHARE * (self._passed - passed):
            return
        self._parts[part_of(frame.f_code.co_filename)] += 1
        self._functions[f"{_module(frame)}.{frame.f_code.co_qualname}"] += 1


def part_of(file: str) -> str:
    """What a file's time counts for."""
    return next((part for piece, part in PARTS if piece in file), "other")


def _module(frame: FrameType) -> str:
    name: str = frame.f_globals.get("__name__", "?")
    return name
