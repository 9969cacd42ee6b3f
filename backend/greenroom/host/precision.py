"""From files to a host that may say ready: weights, warm-up, check.

A reduced number format (bfloat16, float16) is used only after a check on this machine: fixed texts are answered in
float32 and in the reduced format, and every pair of rows must agree (`soundness`). The float32 rows come from the first
warm-up pass, before the weights are converted, so that the version is never twice in memory. The verdict
travels back with `Ready`, is kept by the front, and saves the float32 pass next time.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from greenroom.frames import Load, StageStep
from greenroom.host.runtime import Runtime, RuntimeModule
from greenroom.host.soundness import agree, is_sound, what_is_sound
from greenroom.words import DType

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
    """The model's answers are not what they must be; `str()` says how."""


@dataclass(frozen=True)
class Prepared:
    """A runtime that is ready, and what its check found."""

    runtime: Runtime
    verdicts: Mapping[str, bool]


def prepare(module: RuntimeModule, load: Load, report: Report) -> Prepared:
    """Load, warm up and check what `load` asks for, reporting each step.

    Raises UnusableFilesError, CheckFailedError, and whatever the libraries raise."""
    runtime = module.load(load, _weights_reporter(report))
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
        runtime = module.load(load, lambda done, total: None)
        _require_sound(runtime, embed_texts(runtime, check_inputs(runtime)))
    return Prepared(runtime, verdicts)


def embed_texts(runtime: Runtime, texts: Sequence[str]) -> NDArray[np.float32]:
    """Shape (texts, dimension)."""
    alone = threading.current_thread() is threading.main_thread()
    return runtime.embed(runtime.tokenise(texts), alone)


def check_inputs(runtime: Runtime) -> Sequence[str]:
    return runtime.samples or CHECK_TEXTS


def _warmup_inputs(runtime: Runtime, texts: int, sentences: int) -> Sequence[str]:
    return [*runtime.samples[:1] * texts] or [_SENTENCE * sentences] * texts


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
    reference = embed_texts(runtime, check_inputs(runtime)) if compare else None
    if compare:
        report(StageStep("warmup", 1, total, "passes"))
    if dtype != DType.FLOAT32:
        runtime.convert(dtype)
    for done, (texts, sentences) in enumerate(_WARMUP, start=1 + compare):
        embed_texts(runtime, _warmup_inputs(runtime, texts, sentences))
        report(StageStep("warmup", done, total, "passes"))
    return reference


def _check(runtime: Runtime, reference: NDArray[np.float32] | None, report: Report) -> bool:
    """Whether the answers agree with `reference` (always, without one).

    Raises CheckFailedError when float32 itself answers nonsense."""
    report(StageStep("check", 0, 1, "passes"))
    rows = embed_texts(runtime, check_inputs(runtime))
    if reference is None:
        _require_sound(runtime, rows)
        close = True
    else:
        _require_sound(runtime, reference)
        close = is_sound(runtime, rows) and agree(runtime, rows, reference)
    report(StageStep("check", 1, 1, "passes"))
    return close


def _require_sound(runtime: Runtime, rows: NDArray[np.float32]) -> None:
    if not is_sound(runtime, rows):
        raise CheckFailedError(f"its answers to fixed inputs are not {what_is_sound(runtime)}")
