"""Whether a child process is alive, stopped (SIGSTOP, a debugger, a freezer) or stuck. Pure: time comes in ticks.

The problem: a process that hangs closes no socket and sends no error; only what it leaves unsaid tells. The idea: once
a tick the front sends a ping, and a thread that never computes answers; where it has more to do than to answer (a host
tokenises), it says unasked and in time that it lives. Three signs of a hang:

- *silence*: several ticks in a row in which nothing at all arrived;
- *being stuck*: it answers pings and owes an answer, but one of its threads has not come back from one and the same
  batch for longer than the longest deadline among the calls it has, and a grace;
- (a load that does not end has its own deadline in the spec.)

Ticks of the front's own event loop count, not seconds on a clock: a laptop that slept, or a front that was itself
stopped, finds one tick gone by, not an hour, and kills no healthy host.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Patience:
    """How long to bear with a process that says nothing."""

    tick_seconds: float = 2.0
    silent_ticks: int = 5
    """A host or zygote at work: 10 to 12 s. Its answering thread needs a free moment of Python's lock only; callers'
    default deadline is 30 s, which leaves time for a successor."""
    loading_ticks: int = 30
    """A host that loads: reading weights from a slow disk may hold Python's lock for long."""
    importing_ticks: int = 90
    """A process that imports the runtime: one library of more than a gigabyte is read by a single call."""
    grace_seconds: float = 10.0
    """How long beyond its callers' deadlines a batch may take."""


DEFAULT_PATIENCE = Patience()


class Pulse:
    """What one process lets hear of itself."""

    def __init__(self, patience: Patience, silent_ticks: int) -> None:
        """`silent_ticks`: how many to bear, which may change as the process gets on."""
        self.silent_ticks = silent_ticks
        self._patience = patience
        self._silent = 0
        self._rounds = 0
        self._seen_rounds = 0
        self._stuck = 0

    def heard(self) -> None:
        """Something arrived."""
        self._silent = 0

    def came_back(self, rounds: int) -> None:
        """A number that changes as long as none of its threads is stuck."""
        self._rounds = rounds

    def tick(self, owing: bool = False, longest_deadline: float = 0.0) -> str | None:
        """A tick has passed; why the process counts as hung, or None. `owing`: whether it owes an answer."""
        self._silent += 1
        if self._silent > self.silent_ticks:
            return f"it gave no sign of life for {self.silent_ticks * self._patience.tick_seconds:g} s"
        self._stuck = self._stuck + 1 if owing and self._rounds == self._seen_rounds else 0
        self._seen_rounds = self._rounds
        limit = longest_deadline + self._patience.grace_seconds
        if self._stuck * self._patience.tick_seconds > limit:
            return f"it was stuck in one batch for more than {limit:g} s"
        return None
