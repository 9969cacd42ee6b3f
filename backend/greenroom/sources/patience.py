"""How long to wait between two tries, and how often to try. Pure; chance is an argument."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Patience:
    """Exponential, with jitter, so that servers that lost the same hub do not come back at the same moment."""

    tries: int = 5
    """In a row, without a byte more than before."""
    tries_in_all: int = 1000
    first_seconds: float = 0.5
    longest_seconds: float = 30.0
    longest_retry_after_seconds: float = 60.0
    """Who asks for more is left alone: the caller hears when to come back."""
    chance: Callable[[], float] = random.random

    def wait_seconds(self, failures: int, retry_after_seconds: float | None = None) -> float:
        """Before the next try, after so many failures in a row; what the server asked for counts, but not too much."""
        if retry_after_seconds is not None:
            return min(retry_after_seconds, self.longest_retry_after_seconds)
        ceiling = min(self.longest_seconds, self.first_seconds * 2.0 ** (failures - 1))
        return ceiling * (0.5 + 0.5 * self.chance())


USUAL = Patience()
