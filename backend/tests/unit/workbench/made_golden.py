"""A few pairs, and an embedder whose vectors and versions a test decides."""

from __future__ import annotations

import asyncio
from array import array
from collections.abc import Mapping, Sequence

from greenroom import Embedded
from workbench.golden import GoldenPair


def pair(name: str, request: str = "") -> GoldenPair:
    return GoldenPair(id=name, trade=f"trade of {name}", request=request or f"request {name}", response=f"reply {name}")


class FakeEmbedder:
    """Answers `vectors[text]`; `digests` are used up one a call, the last one stays. `gate` holds calls of
    several texts, `held` says that one came. `calls` remembers the texts of each call."""

    def __init__(self, vectors: Mapping[str, Sequence[float]], digests: Sequence[str] = ("aaaa1111rest",)) -> None:
        self.vectors = vectors
        self.digests = list(digests)
        self.calls: list[list[str]] = []
        self.gate = asyncio.Event()
        self.gate.set()
        self.held = asyncio.Event()
        self.error: Exception | None = None
        self.truncated: tuple[int, ...] = ()

    async def embed(self, name: str, texts: Sequence[str], deadline_seconds: float | None = None) -> Embedded:
        self.calls.append(list(texts))
        digest = self.digests.pop(0) if len(self.digests) > 1 else self.digests[0]
        if len(texts) > 1:
            self.held.set()
            await self.gate.wait()
            if self.error:
                raise self.error
        numbers = [self.vectors[text] for text in texts]
        return Embedded(
            data=b"".join(array("f", row).tobytes() for row in numbers),
            dimension=len(numbers[0]),
            tokens=tuple(len(text) for text in texts),
            truncated=self.truncated,
            version=digest[:8],
            digest=digest,
            max_tokens=256,
        )
