"""When to make the next host after one has died. Pure.

A host that dies once should be replaced at once; one that keeps dying must not eat the machine. The counter goes
back to zero when a host has answered a call, not when it became ready: a host that dies of its first call would
otherwise be restarted for ever (the rule and its numbers: DESIGN §5).
"""

from __future__ import annotations

from dataclasses import dataclass

DELAYS_SECONDS = (0.0, 5.0, 10.0, 30.0, 60.0)
CRASH_LOOP_RETRY_SECONDS = 300.0


@dataclass(frozen=True)
class Decision:
    """What follows a death. `crash_loop`: the model counts as failed until the retry."""

    delay_seconds: float
    crash_loop: bool


class RestartPolicy:
    def __init__(self) -> None:
        self._deaths = 0

    def died(self, *, culprit_found: bool = False) -> Decision:
        """A host ended without being asked to. `culprit_found`: of an input that is refused from now on, so that the
        next host need not wait for a machine to recover; it counts all the same (why: `serving.suspects`)."""
        self._deaths += 1
        if self._deaths >= len(DELAYS_SECONDS):
            return Decision(CRASH_LOOP_RETRY_SECONDS, crash_loop=True)
        return Decision(0.0 if culprit_found else DELAYS_SECONDS[self._deaths - 1], crash_loop=False)

    def answered(self) -> None:
        """A host answered a call."""
        self._deaths = 0
