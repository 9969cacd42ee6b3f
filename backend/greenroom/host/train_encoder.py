"""The frozen encoder of a training: the very code that a host answers with, so that a head learns from what it will
see later."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial

import numpy as np
from numpy.typing import NDArray

from greenroom.frames import Load
from greenroom.host.runtime import ReportBytes, Tokens
from greenroom.host.runtimes import sentence_transformers
from greenroom.host.runtimes.sentence_transformers import SentenceTransformersRuntime
from greenroom.words import DType, RuntimeName

TEXTS_PER_PASS = 32
NEAREST_SHARE = 3
"""Nothing is read before a third of the layers: there, a vector is hardly more than the words' own."""


def load_encoder(folder: str, report: ReportBytes) -> SentenceTransformersRuntime:
    """In float32. Raises UnusableFilesError."""
    order = Load("encoder", folder, RuntimeName.SENTENCE_TRANSFORMERS, DType.FLOAT32, TEXTS_PER_PASS)
    return sentence_transformers.load(order, report)


def views(
    encoder: SentenceTransformersRuntime, texts: Sequence[str], count: Callable[[int, int], None]
) -> Iterator[tuple[int, NDArray[np.float32]]]:
    """Layers read through → vectors, float32 of shape (texts, dimension); from all layers on down, which the encoder
    loses on the way. One view, under 0, where the encoder's layers cannot be told.

    `count` takes (texts done, texts in total), over all views."""
    tokens, layers = encoder.tokenise(texts), encoder.layers
    depths = range(layers, max(1, layers // NEAREST_SHARE) - 1, -1) if layers else (0,)
    total = len(depths) * len(texts)
    for place, depth in enumerate(depths):
        if depth:
            encoder.keep_layers(depth)
        yield depth, _encode(encoder, tokens, partial(_counted, count, place * len(texts), total))


def _counted(count: Callable[[int, int], None], before: int, total: int, done: int) -> None:
    count(before + done, total)


def _encode(
    encoder: SentenceTransformersRuntime, tokens: Sequence[Tokens], count: Callable[[int], None]
) -> NDArray[np.float32]:
    """Texts of like length share a pass, in an order that only they decide."""
    order = sorted(range(len(tokens)), key=lambda row: len(tokens[row].ids))
    vectors = np.empty((len(tokens), encoder.dimension), dtype=np.float32)
    for start in range(0, len(order), TEXTS_PER_PASS):
        rows = order[start : start + TEXTS_PER_PASS]
        vectors[rows] = encoder.embed([tokens[row] for row in rows])
        count(start + len(rows))
    return vectors
