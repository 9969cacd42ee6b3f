"""A runtime without a model: vectors from the text's characters, faults on request."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from greenroom.frames import Load
from greenroom.host.runtime import ReportBytes, Tokens

DIMENSION = 8


class FakeRuntime:
    """`strays`: how far its vectors turn once it is converted. A text with "boom" raises, one with "nan" answers it."""

    dimension = DIMENSION
    max_tokens = 16
    device = "cpu"
    classes: tuple[str, ...] = ()
    columns: Mapping[str, str] = MappingProxyType({})
    samples: tuple[str, ...] = ()

    def __init__(self, preferred: str = "bfloat16", strays: float = 0.0, broken: bool = False) -> None:
        self.dtype = "float32"
        self.workers = 1
        self.batches: list[list[str]] = []
        self.room: int | None = None
        """Texts of a batch that there is memory for."""
        self._preferred = preferred
        self._strays = strays
        self._broken = broken

    def preferred_dtype(self) -> str:
        return self._preferred

    def convert(self, dtype: str) -> None:
        self.dtype = dtype

    def tokenise(self, texts: Sequence[str]) -> list[Tokens]:
        return [Tokens(text, range(max(1, min(len(text), 16))), (), len(text) > 16) for text in texts]

    def embed(self, batch: Sequence[Tokens], alone: bool = True) -> NDArray[np.float32]:
        self.batches.append([one.text for one in batch])
        if self.room is not None and len(batch) > self.room:
            raise MemoryError
        if any("boom" in one.text for one in batch):
            raise RuntimeError("boom")
        rows = np.stack([vector_of(one.text) for one in batch])
        if self.dtype != "float32":
            rows[:, 0] += self._strays
        rows /= np.linalg.norm(rows, axis=1, keepdims=True)
        rows[[index for index, one in enumerate(batch) if self._broken or "nan" in one.text]] = np.nan
        return rows


class FakeClassifier(FakeRuntime):
    """Two classes: a text's vector, cut to two numbers that sum to 1. `strays` as in FakeRuntime."""

    dimension = 2
    classes = ("no", "yes")

    def embed(self, batch: Sequence[Tokens], alone: bool = True) -> NDArray[np.float32]:
        rows = super().embed(batch, alone)[:, :2]
        share: NDArray[np.float32] = rows / rows.sum(axis=1, keepdims=True)
        return share


def vector_of(text: str) -> NDArray[np.float32]:
    """A unit vector that differs from text to text."""
    vector = np.ones(DIMENSION, np.float32)
    for place, character in enumerate(text):
        vector[place % DIMENSION] += ord(character) % 31
    return vector / np.float32(np.linalg.norm(vector))


class FakeModule:
    """Stands where a runtime's module would; hands out the given runtimes, one a load."""

    def __init__(self, *runtimes: FakeRuntime) -> None:
        self._runtimes = list(runtimes)

    def load(self, order: Load, report: ReportBytes) -> FakeRuntime:
        for done in range(0, 1001):
            report(done, 1000)
        return self._runtimes.pop(0)
