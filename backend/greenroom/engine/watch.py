"""Watches one child process: pings it once a tick, ends it when its pulse says that it hangs, and lets go of it when
even that does not end it (a process can be stuck inside the kernel). What follows is what follows any death.

A timer rather than a task: nothing here ever waits.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import structlog

from greenroom.engine.pulse import Patience, Pulse

log = structlog.get_logger("greenroom.host")
Act = Callable[[], object]


class Watch:
    """Begins when it is made, until `stop`.

    `kill` sends SIGKILL, which is all that a stopped or stuck process hears; `let_go` closes our end of its socket."""

    def __init__(self, name: str, pulse: Pulse, patience: Patience, *, ping: Act, kill: Act, let_go: Act) -> None:
        self.pulse = pulse
        self.patience = patience
        self.owes: Callable[[], tuple[bool, float]] = lambda: (False, 0.0)
        """Whether the process owes an answer, and the longest deadline (seconds) that a caller gave it."""
        self.reason: str | None = None
        """Why the process was ended, in words for people; None while it was not."""
        self._name = name
        self._ping, self._kill, self._let_go = ping, kill, let_go
        self._schedule()

    def stop(self) -> None:
        self._timer.cancel()

    def _schedule(self) -> None:
        self._timer = asyncio.get_running_loop().call_later(self.patience.tick_seconds, self._tick)

    def _tick(self) -> None:
        if self.reason is not None:
            log.error("process_does_not_end", name=self._name)
            self._let_go()
            return
        self._ping()
        self.reason = self.pulse.tick(*self.owes())
        if self.reason is not None:
            log.error("process_hangs", name=self._name, reason=self.reason)
            self._kill()
        self._schedule()
