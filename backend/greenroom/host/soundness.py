"""What rows must be, and when two number formats agree on them: by kind of model.

An encoder's rows are vectors of unit length, and agree when they point the same way. A classifier's are probabilities,
and agree when none differs by much and the same class wins.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from greenroom.host.runtime import Runtime

MIN_COSINE = 0.999
MAX_NORM_ERROR = 1e-3
MAX_SUM_ERROR = 1e-3
MAX_PROBABILITY_ERROR = 0.02

Rows = NDArray[np.float32]


def is_sound(runtime: Runtime, rows: Rows) -> bool:
    """Whether rows of `runtime` are as wide as promised, finite, and of its kind."""
    if rows.ndim != 2 or rows.shape[1] != runtime.dimension or not np.all(np.isfinite(rows)):
        return False
    if runtime.classes:
        return bool(np.all(rows >= 0) and np.all(np.abs(rows.sum(axis=1) - 1) <= MAX_SUM_ERROR))
    return bool(np.all(np.abs(np.linalg.norm(rows, axis=1) - 1) <= MAX_NORM_ERROR))


def what_is_sound(runtime: Runtime) -> str:
    """In words."""
    return "probabilities that sum to 1" if runtime.classes else "vectors of unit length"


def agree(runtime: Runtime, rows: Rows, reference: Rows) -> bool:
    """Whether sound `rows` say the same as `reference`."""
    if not runtime.classes:
        return bool(np.all(cosines(rows, reference) >= MIN_COSINE))
    same = bool(np.all(rows.argmax(axis=1) == reference.argmax(axis=1)))
    return same and float(np.abs(rows - reference).max()) <= MAX_PROBABILITY_ERROR


def cosines(left: Rows, right: Rows) -> Rows:
    """Cosine of each pair of rows; the rows are of unit length. Shape (rows,)."""
    product: Rows = np.einsum("ij,ij->i", left, right)
    return product
