"""Golden pairs: requests with the replies that they deserved, and which of them are closest to a new request.

Vectors of two versions must never meet: they can lie in different spaces and still give plausible scores. So the
vectors of the pairs are kept under the digest of the version that made them, and where a version changes between
two calls, one call embeds the new request together with all pairs.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from operator import mul
from pathlib import Path
from typing import Protocol, TypeAlias

from greenroom import Embedded, Message

PAIRS_FILE = Path(__file__).with_name("golden_pairs.jsonl")
MAX_PAIRS = 63
"""With the new request they still fit in one call of 64 texts."""
MAX_VERSIONS_KEPT = 2
"""The version that serves, and the one that it replaces or that replaces it."""

Row: TypeAlias = "memoryview[float]"
"""One embedding: float32, `dimension` numbers, of unit length."""


class GoldenPair(Message):
    """A request for quotation as a buyer wrote it, and the reply that a good supplier gave."""

    id: str
    trade: str
    request: str
    response: str


@dataclass(frozen=True)
class Match:
    """A pair and its cosine similarity to the request that was asked, -1 to 1, four decimals."""

    pair: GoldenPair
    score: float


@dataclass(frozen=True)
class Closest:
    """The best matches, best first, and what the model said about the text that was asked."""

    matches: tuple[Match, ...]
    version: str
    truncated: bool
    """Whether only the beginning of the text was read."""
    max_tokens: int


class Embedder(Protocol):
    """The part of `greenroom.Greenroom` that is needed here."""

    async def embed(self, name: str, texts: Sequence[str], deadline_seconds: float | None = None) -> Embedded: ...


def load_pairs(file: Path) -> tuple[GoldenPair, ...]:
    """The pairs of a JSON Lines file. Raises ValueError: not valid, an id twice, or not 1 to MAX_PAIRS pairs."""
    lines = file.read_text(encoding="utf-8").splitlines()
    pairs = tuple(GoldenPair.model_validate_json(line) for line in lines if line.strip())
    if not 1 <= len(pairs) <= MAX_PAIRS:
        raise ValueError(f"{file.name} has {len(pairs)} pairs, and 1 to {MAX_PAIRS} are allowed")
    if len({pair.id for pair in pairs}) != len(pairs):
        raise ValueError(f"{file.name} has an id twice")
    return pairs


def rows(data: bytes, dimension: int) -> tuple[Row, ...]:
    """Cut `data` (float32, C order, shape (n, dimension)) into n rows, without a copy."""
    numbers = memoryview(data).cast("f")
    return tuple(numbers[start : start + dimension] for start in range(0, len(numbers), dimension))


def cosine(a: Row, b: Row) -> float:
    """Cosine of two rows of unit length, which is their dot product; rounding cannot lift it beyond ±1."""
    product: float = sum(map(mul, a, b))
    return max(-1.0, min(1.0, product))


def rank(pairs: Sequence[GoldenPair], vectors: Sequence[Row], asked: Row, k: int) -> tuple[Match, ...]:
    """The `k` pairs closest to `asked`, best first; pairs with the same score in the order of their ids.

    `vectors` holds one row per pair, from the same version as `asked`."""
    matches = (Match(p, round(cosine(v, asked), 4)) for p, v in zip(pairs, vectors, strict=True))
    return tuple(sorted(matches, key=lambda match: (-match.score, match.pair.id))[:k])


class GoldenPairs:
    """The pairs, and their vectors by version. One object per app, used on its event loop only."""

    def __init__(self, pairs: Sequence[GoldenPair], model: str) -> None:
        self.pairs = tuple(pairs)
        self.model = model
        self._kept: dict[str, tuple[Row, ...]] = {}
        self._flight: asyncio.Task[str] | None = None

    @property
    def kept(self) -> Mapping[str, tuple[Row, ...]]:
        """Version digest → one row per pair."""
        return self._kept

    async def closest(self, embedder: Embedder, text: str, k: int) -> Closest:
        """The `k` pairs whose requests are closest in meaning to `text`. Raises what `Greenroom.embed` raises."""
        asked = await embedder.embed(self.model, [text])
        if asked.digest not in self._kept:
            await self._fill(embedder)
        if asked.digest not in self._kept:  # the version changed between the two calls
            asked = await self._embed_with(embedder, text)
        vectors = self._kept[asked.digest]
        matches = rank(self.pairs, vectors, rows(asked.data, asked.dimension)[0], k)
        return Closest(matches, asked.version, 0 in asked.truncated, asked.max_tokens)

    async def _fill(self, embedder: Embedder) -> None:
        """Embed all pairs once, however many callers wait; a caller who leaves takes nobody else along."""
        if self._flight is None:
            self._flight = asyncio.create_task(self._embed_pairs(embedder), name="embed golden pairs")
            self._flight.add_done_callback(self._landed)
        await asyncio.shield(self._flight)

    def _landed(self, flight: asyncio.Task[str]) -> None:
        self._flight = None
        if not flight.cancelled():
            flight.exception()  # every caller may have left: then nobody else looks at it

    async def _embed_pairs(self, embedder: Embedder) -> str:
        made = await embedder.embed(self.model, [pair.request for pair in self.pairs])
        self._keep(made.digest, rows(made.data, made.dimension))
        return made.digest

    async def _embed_with(self, embedder: Embedder, text: str) -> Embedded:
        """Embed `text` and all pairs in one call, which one version answers; row 0 is `text`."""
        made = await embedder.embed(self.model, [text, *(pair.request for pair in self.pairs)])
        self._keep(made.digest, rows(made.data, made.dimension)[1:])
        return made

    def _keep(self, digest: str, vectors: tuple[Row, ...]) -> None:
        self._kept.pop(digest, None)
        self._kept[digest] = vectors
        while len(self._kept) > MAX_VERSIONS_KEPT:
            self._kept.pop(next(iter(self._kept)))
