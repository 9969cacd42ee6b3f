"""Embeddings without a model: similar texts get similar vectors, the same text the same vector on every machine."""

from __future__ import annotations

import hashlib
import math
import re
from array import array
from collections import Counter

DIMENSION = 384
_WORD = re.compile(r"\w+")


def words_of(text: str) -> list[str]:
    """The words of `text` in lower case; they play the part of tokens."""
    return _WORD.findall(text.lower())


def bag_of_words(text: str, max_words: int | None = None) -> bytes:
    """A vector of unit length, float32, shape (384,): each of the first `max_words` words counts in the place that
    its hash names, so that the cosine of two texts grows with the words they share. Never negative; a text
    without a word counts as one word of its own."""
    counts = Counter(map(_place, words_of(text)[:max_words] or [text]))
    length = math.sqrt(sum(count * count for count in counts.values()))
    return array("f", (counts[place] / length for place in range(DIMENSION))).tobytes()


def _place(word: str) -> int:
    return int.from_bytes(hashlib.blake2b(word.encode(errors="replace"), digest_size=4).digest(), "big") % DIMENSION
