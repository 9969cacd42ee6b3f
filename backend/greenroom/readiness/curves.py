"""Raw progress is counted in modules, tensors or bytes, and those are not equally long: half of an import's modules
take 43 % of its time. A curve turns the one into the other: entry i is the fraction of the stage's time that had
passed when i · 5 % of its units were through; between entries it is linear.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise
from statistics import median

POINTS = 20
Curve = tuple[float, ...]
"""POINTS + 1 rising numbers from 0 to 1."""

IDENTITY: Curve = tuple(point / POINTS for point in range(POINTS + 1))

IMPORT: Curve = (
    0.0, 0.07, 0.09, 0.11, 0.13, 0.14, 0.23, 0.28, 0.36, 0.38, 0.43,
    0.46, 0.60, 0.63, 0.69, 0.70, 0.75, 0.83, 0.90, 0.98, 1.0,
)  # fmt: skip
"""`import torch, sentence_transformers`, 3 470 modules, median of three runs on two cores. The shape hardly depends
on the disk: the run with a cold cache took 1.4 times as long and is nowhere more than 0.03 away."""


def calibrated(curve: Curve, raw: float) -> float:
    """The fraction of its time that a stage has behind it when `raw` (0–1) of its units are through."""
    position = min(max(raw, 0.0), 1.0) * POINTS
    index = min(int(position), POINTS - 1)
    low, high = curve[index], curve[index + 1]
    return low + (high - low) * (position - index)


def middle(curves: Iterable[Curve]) -> Curve:
    """The pointwise median, which of rising curves is rising again."""
    return tuple(median(values) for values in zip(*curves, strict=True))


def from_marks(marks: Sequence[float], seconds: float) -> Curve:
    """The curve of a stage that reached each grid point `marks[i]` seconds after its start."""
    if seconds <= 0:
        return IDENTITY
    inner = [min(max(mark / seconds, 0.0), 1.0) for mark in marks[1:-1]]
    return (0.0, *inner, 1.0)


def is_curve(curve: Sequence[float]) -> bool:
    ends_right = len(curve) == POINTS + 1 and curve[0] == 0 and curve[-1] == 1
    return ends_right and all(low <= high for low, high in pairwise(curve))
