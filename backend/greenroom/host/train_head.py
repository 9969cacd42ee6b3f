"""Fits a linear head to an encoder's vectors, and measures it. Pure: arrays in, a head and its figures out.

The head is multinomial logistic regression. How closely it follows its texts (`C`) and after how many layers it reads
the encoder are chosen by cross-validation on the log loss, not on the accuracy: a score of 0.9 shall be right nine
times in ten. What is measured is the float32 head that is written. The one that the held-out rows are
measured with has not seen them; then the same recipe makes the final one from all rows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, confusion_matrix, f1_score, log_loss, precision_score, recall_score
from sklearn.model_selection import StratifiedKFold, train_test_split

from greenroom.lesson import Figures

STRENGTHS: tuple[float, ...] = (0.3, 1.0, 3.0, 10.0, 30.0)
FOLDS = 5
_ITERATIONS = 5000
_BINS = 10
_DIGITS = 4

Floats = NDArray[np.float32]
Names = NDArray[np.str_]
Count = Callable[[int, int], None]
"""Takes (fits done, fits in total)."""


@dataclass(frozen=True)
class Head:
    """`weight` (labels, dimension) and `bias` (labels) give logits; their softmax is the scores."""

    labels: tuple[str, ...]
    weight: Floats
    bias: Floats

    def scores(self, vectors: Floats) -> Floats:
        """Shape (rows, labels); each row sums to 1."""
        logits = vectors @ self.weight.T + self.bias
        exponents = np.exp(logits - logits.max(axis=1, keepdims=True))
        shares: Floats = exponents / exponents.sum(axis=1, keepdims=True)
        return shares


def hold_out(labels: Names, share: float, seed: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Rows to fit to and rows to hold out, each in ascending order, with every label's share in both."""
    kept, held = train_test_split(np.arange(len(labels)), test_size=share, random_state=seed, stratify=labels)
    return np.sort(kept), np.sort(held)


def choose(views: Mapping[int, Floats], labels: Names, seed: int, count: Count) -> tuple[int, float]:
    """The view and the strength (`C`) with the least log loss in cross-validation. The same arguments, the same choice.

    `views`: for each number of layers the vectors, row by row. Each label needs at least FOLDS rows."""
    folds = list(StratifiedKFold(FOLDS, shuffle=True, random_state=seed).split(labels, labels))
    done, total = 0, len(views) * FOLDS * len(STRENGTHS)
    losses: dict[tuple[int, float], float] = {}
    for layers, vectors in views.items():
        for kept, held in folds:
            for strength, head in _path(vectors[kept], labels[kept]):
                loss = log_loss(labels[held], head.scores(vectors[held]), labels=head.labels)
                losses[layers, strength] = losses.get((layers, strength), 0.0) + loss
                done += 1
                count(done, total)
    return min(losses, key=lambda choice: losses[choice])


def _path(vectors: Floats, labels: Names) -> Iterator[tuple[float, Head]]:
    """A head for each strength, each found from the one before: they are near each other."""
    model = LogisticRegression(max_iter=_ITERATIONS, warm_start=True)
    for strength in STRENGTHS:
        model.set_params(C=strength).fit(vectors.astype(np.float64), labels)
        yield strength, _head(model)


def fit(vectors: Floats, labels: Names, strength: float) -> Head:
    """The same arguments give the same head."""
    return _head(LogisticRegression(C=strength, max_iter=_ITERATIONS).fit(vectors.astype(np.float64), labels))


def _head(model: LogisticRegression) -> Head:
    weight, bias = model.coef_, model.intercept_
    if len(model.classes_) == 2:  # one row of logits for the second label: the same scores as a softmax over ± half
        weight, bias = np.vstack([-weight, weight]) / 2, np.concatenate([-bias, bias]) / 2
    return Head(tuple(map(str, model.classes_)), weight.astype(np.float32), bias.astype(np.float32))


def measure(head: Head, vectors: Floats, labels: Names) -> Figures:
    """Every label of `labels` has to be one of the head's."""
    scores, names = head.scores(vectors), list(head.labels)
    given = np.array(names)[scores.argmax(axis=1)]
    recall = recall_score(labels, given, labels=names, average=None, zero_division=0)
    precision = precision_score(labels, given, labels=names, average=None, zero_division=0)
    return Figures(
        rows=len(labels),
        accuracy=_rounded(accuracy_score(labels, given)),
        macro_f1=_rounded(f1_score(labels, given, labels=names, average="macro", zero_division=0)),
        log_loss=_rounded(log_loss(labels, scores, labels=names)),
        calibration_error=_rounded(_calibration_error(scores.max(axis=1), given == labels)),
        recall=dict(zip(names, map(_rounded, recall), strict=True)),
        precision=dict(zip(names, map(_rounded, precision), strict=True)),
        confusion=confusion_matrix(labels, given, labels=names).tolist(),
    )


def _calibration_error(winning: Floats, right: NDArray[np.bool_]) -> float:
    ranges = np.minimum((winning * _BINS).astype(int), _BINS - 1)
    gaps = np.bincount(ranges, weights=winning - right, minlength=_BINS)  # of each range: rows times mean distance
    return float(np.abs(gaps).sum() / len(winning))


def _rounded(value: float) -> float:
    return round(float(value), _DIGITS)
