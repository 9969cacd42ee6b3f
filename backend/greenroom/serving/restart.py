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

    def died(self, *, explained: bool = False) -> Decision:
        """A host ended without being asked to. `explained`: by an input that is refused from now on; neither this
        death nor the one before, of the same input, counts against the model (who is to blame: `serving.suspects`)."""
        if explained:
            self._deaths = max(0, self._deaths - 1)
            return Decision(0.0, crash_loop=False)
        self._deaths += 1
        if self._deaths >= len(DELAYS_SECONDS):
            return Decision(CRASH_LOOP_RETRY_SECONDS, crash_loop=True)
        return Decision(DELAYS_SECONDS[self._deaths - 1], crash_loop=False)

    def answered(self) -> None:
        """A host answered a call."""
        self._deaths = 0
