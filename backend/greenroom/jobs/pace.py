"""How many inputs make a chunk: what a model does in a moment, found out while it works.

Small chunks have their progress soon, and little to do again after a stop; of many inputs at once the host can choose
those of one length, else much of what it computes is padding. So on a quick model chunks are as large as pays, and on a
slow one as large as is done in CHUNK_SECONDS.
"""

from __future__ import annotations

MAX_CHUNK_INPUTS = 128
CHUNKS_AHEAD = 4
"""Chunks of one job with the model at a time: so it has something to do while one of them is saved, and much to choose
from. With the default models, twice as many inputs gained 6 to 8 %, and half as many lost 12 to 22."""
FIRST_CHUNK_INPUTS = 16
"""While nothing is known."""
CHUNK_SECONDS = 2.0
"""With the model, for each of CHUNKS_AHEAD chunks that are done beside each other."""
_SHORTEST_SECONDS = 1e-6


class Pace:
    """Of one model."""

    def __init__(self) -> None:
        self._input_seconds = CHUNK_SECONDS / (CHUNKS_AHEAD * FIRST_CHUNK_INPUTS)
        """What each input that is there adds to the time of all."""

    @property
    def chunk_inputs(self) -> int:
        """How many the next chunk is to have."""
        return max(1, min(MAX_CHUNK_INPUTS, round(CHUNK_SECONDS / (CHUNKS_AHEAD * self._input_seconds))))

    def took(self, seconds: float, inputs: int) -> None:
        """A chunk was done, or given up, so long after it went to the model, beside others: `inputs` in all."""
        one = max(seconds, _SHORTEST_SECONDS) / inputs
        self._input_seconds = (self._input_seconds + one) / 2  # so what held it up once is forgotten soon
