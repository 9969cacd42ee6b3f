"""A version that has just taken over is on trial: when too many of its first minute's calls fail, it is taken back.
Pure: time is an argument.

The gate before it saw fixed inputs only; this sees what callers really send. A few failures prove nothing, and a share
of few calls proves nothing either, so both a number and a share have to be passed.
"""

from __future__ import annotations

TRIAL_SECONDS = 60.0
MIN_FAILURES = 5
MAX_FAILED_SHARE = 0.2


class Trial:
    """One version's first minute. `began`: when it took over, on the clock of every `now`."""

    def __init__(self, began: float) -> None:
        self._ends = began + TRIAL_SECONDS
        self.answered = 0
        self.failed = 0

    def over(self, now: float) -> bool:
        return now >= self._ends

    def count(self, failed: bool, now: float) -> bool:
        """Take in the end of a call; True when the version is to be taken back."""
        if self.over(now):
            return False
        self.answered += not failed
        self.failed += failed
        return failed and self.failed >= MIN_FAILURES and self.failed > MAX_FAILED_SHARE * (self.failed + self.answered)
