"""From files to a host that may say ready: weights, warm-up, check.

A reduced number format (bfloat16, float16) is used only after a check on this machine: fixed texts are embedded in
float32 and in the reduced format, and every pair of vectors must point the same way (cosine ≥ 0.999). The float32
vectors come from the first warm-up pass, before the weights are converted, so that the version is never twice in
memory. The verdict travels back with `Ready`, is kept by the front, and saves the float32 pass next time.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from greenroom.frames import Load, StageStep
from greenroom.host.runtime import Runtime, RuntimeModule
from greenroom.words import DType

MIN_COSINE = 0.999
MAX_NORM_ERROR = 1e-3
REPORT_SHARE = 0.01
"""Weights are reported at most once for each hundredth."""

CHECK_TEXTS: tuple[str, ...] = (
    "pump",
    "Stainless steel gate valve, DN 80, PN 16.",
    "How long does delivery take?",
    "Bitte senden Sie uns ein Angebot über 250 Stück bis Ende Mai.",
    "请报价五十个不锈钢法兰。",
    "12345 67890 !?#",
    "We need a replacement bearing for a conveyor that runs in a wet, salty place; the old one lasted four months.",
    " ".join(["The quotation must list price, lead time, incoterms and the warranty of each position."] * 6),
)
_SENTENCE = "a request for quotation of twenty pumps with spare parts "
_WARMUP: tuple[tuple[int, int], ...] = ((1, 1), (4, 2), (32, 2), (8, 8))
"""(texts, sentences in each): several batch sizes and lengths, so that the first caller finds kernels prepared."""

Report = Callable[[StageStep], None]


class CheckFailedError(Exception):
    """The model's vectors are not what they must be; `str()` says how."""


@dataclass(frozen=True)
class Prepared:
    """A runtime that is ready, and what its check found."""

    runtime: Runtime
    verdicts: Mapping[str, bool]


def prepare(module: RuntimeModule, load: Load, report: Report) -> Prepared:
    """Load, warm up and check what `load` asks for, reporting each step.

    Raises UnusableFilesError, CheckFailedError, and whatever the libraries raise."""
    runtime = module.load(Path(load.folder), _weights_reporter(report))
    dtype = load.dtype if load.dtype != DType.AUTO else runtime.preferred_dtype()
    verdicts = dict(load.verdicts)
    if dtype != DType.FLOAT32 and verdicts.get(dtype) is False:
        dtype = _fall_back(load, dtype)
    reference = _warm_up(runtime, dtype, dtype != DType.FLOAT32 and dtype not in verdicts, report)
    close = _check(runtime, reference, report)
    if reference is not None:
        verdicts[dtype] = close
    if not close:
        _fall_back(load, dtype)
        runtime = module.load(Path(load.folder), lambda done, total: None)
        _require_sound(embed_texts(runtime, CHECK_TEXTS), runtime.dimension)
    return Prepared(runtime, verdicts)


def embed_texts(runtime: Runtime, texts: Sequence[str]) -> NDArray[np.float32]:
    """Shape (texts, dimension)."""
    return runtime.embed(runtime.tokenise(texts))


def _weights_reporter(report: Report) -> Callable[[int, int], None]:
    reported: int | None = None

    def take(done: int, total: int) -> None:
        nonlocal reported
        if reported is None or done == total or done - reported >= REPORT_SHARE * total:
            reported = done
            report(StageStep("weights", done, total, "bytes"))

    return take


def _fall_back(load: Load, dtype: str) -> str:
    """float32 for an operator who let us choose; one who asked for `dtype` is told instead."""
    if load.dtype == DType.AUTO:
        return DType.FLOAT32
    raise CheckFailedError(f"in {dtype} its answers stray from float32; configure dtype auto or float32")


def _warm_up(runtime: Runtime, dtype: str, compare: bool, report: Report) -> NDArray[np.float32] | None:
    """Convert to `dtype` and run a few passes; with `compare`, the first one is the float32 pass to compare with."""
    total = len(_WARMUP) + compare
    report(StageStep("warmup", 0, total, "passes"))
    reference = embed_texts(runtime, CHECK_TEXTS) if compare else None
    if compare:
        report(StageStep("warmup", 1, total, "passes"))
    if dtype != DType.FLOAT32:
        runtime.convert(dtype)
    for done, (texts, sentences) in enumerate(_WARMUP, start=1 + compare):
        embed_texts(runtime, [_SENTENCE * sentences] * texts)
        report(StageStep("warmup", done, total, "passes"))
    return reference


def _check(runtime: Runtime, reference: NDArray[np.float32] | None, report: Report) -> bool:
    """Whether the answers agree with `reference` (always, without one).

    Raises CheckFailedError when float32 itself answers nonsense."""
    report(StageStep("check", 0, 1, "passes"))
    vectors = embed_texts(runtime, CHECK_TEXTS)
    if reference is None:
        _require_sound(vectors, runtime.dimension)
        close = True
    else:
        _require_sound(reference, runtime.dimension)
        close = is_sound(vectors, runtime.dimension) and bool(np.all(cosines(vectors, reference) >= MIN_COSINE))
    report(StageStep("check", 1, 1, "passes"))
    return close


def cosines(left: NDArray[np.float32], right: NDArray[np.float32]) -> NDArray[np.float32]:
    """Cosine of each pair of rows; the rows are of unit length. Shape (rows,)."""
    product: NDArray[np.float32] = np.einsum("ij,ij->i", left, right)
    return product


def is_sound(vectors: NDArray[np.float32], dimension: int) -> bool:
    """Finite, of unit length, and as wide as promised."""
    if vectors.ndim != 2 or vectors.shape[1] != dimension or not np.all(np.isfinite(vectors)):
        return False
    return bool(np.all(np.abs(np.linalg.norm(vectors, axis=1) - 1) <= MAX_NORM_ERROR))


def _require_sound(vectors: NDArray[np.float32], dimension: int) -> None:
    if not is_sound(vectors, dimension):
        raise CheckFailedError("its answers to fixed texts are not vectors of unit length")
