"""The promotion gate: a version that wants to take over answers fixed inputs first, beside the one that serves.

What is held against the serving version: the dimension or the classes, and for vectors of one embedding space their
direction. What has to be true by itself: numbers that are finite, rows of unit length or of sum 1. A version of another
space is let through only where the operator allows it; then its vectors have nothing to be compared with.
"""

from __future__ import annotations

import asyncio
import json
import math
from collections.abc import Iterator, Sequence

from greenroom.engine.seam import Host, Vectors
from greenroom.protocol.answers import GateCheck, GateReport
from greenroom.protocol.base import timestamp
from greenroom.words import (
    GreenroomError,
    ModelSpec,
    ModelVersion,
    OverloadedError,
    RuntimeName,
    Task,
    VersionRefusedError,
)  # fmt: skip

GATE_SECONDS = 30.0
"""For one pass over the fixed inputs; a version that takes longer hangs."""
FULL_PAUSE_SECONDS = 0.1
"""Between two tries to have the fixed inputs answered by a host that is full."""
MAX_NORM_ERROR = 1e-2
FIXED_TEXTS: tuple[str, ...] = (
    "ok",
    "Please quote 40 metres of cable tray, hot-dip galvanised.",
    "The delivery was late and nobody called back.",
    "Wann kann die Anlage in Betrieb gehen?",
    "3 x 400 V, 50 Hz, IP 65",
    "We were very happy with the work, and would ask you again at once.",
    " ".join(["A longer request that names each position with its quantity, unit and date of delivery."] * 5),
)

Rows = list["memoryview[float]"]


async def judge(
    spec: ModelSpec, candidate: Host, version: ModelVersion, serving: Host, served: ModelVersion, at: float
) -> GateReport:
    """Ask both and compare; `at` is unix seconds. A candidate that fails to answer fails the gate.

    Raises what the serving host raises when it is that one which cannot answer."""
    texts = _inputs(spec, serving)
    wanted = await _asked_patiently(serving, texts)
    checks = tuple(_checks_before(spec, candidate, version, serving, served))
    try:
        given = await candidate.embed(texts, GATE_SECONDS)
    except GreenroomError as error:
        detail = f"it could not answer fixed inputs: {error}"
        checks = (*checks, GateCheck(name="finite", passed=False, detail=detail))
    else:
        same_space = spec.task is Task.EMBED and version.space == served.space
        checks = (*checks, *_checks_of_answers(spec, given, wanted, same_space))
    passed = all(check.passed for check in checks)
    return GateReport(version=version.id, against=served.id, passed=passed, checks=checks, at=timestamp(at))


async def _asked_patiently(serving: Host, texts: Sequence[str]) -> Vectors:
    """It may be full: a busy server is no reason to refuse a version."""
    until = asyncio.get_running_loop().time() + GATE_SECONDS
    while True:
        try:
            return await serving.embed(texts, GATE_SECONDS)
        except OverloadedError:
            if asyncio.get_running_loop().time() >= until:
                raise
            await asyncio.sleep(FULL_PAUSE_SECONDS)


def _inputs(spec: ModelSpec, host: Host) -> Sequence[str]:
    if spec.runtime is not RuntimeName.TABULAR:
        return FIXED_TEXTS
    kinds = host.info.columns.items()
    return [json.dumps({name: float(n) if kind == "number" else "a" for name, kind in kinds}) for n in (0, 1, 10)]


def _checks_before(
    spec: ModelSpec, candidate: Host, version: ModelVersion, serving: Host, served: ModelVersion
) -> Iterator[GateCheck]:
    """What can be told without an answer."""
    if spec.task is Task.CLASSIFY:
        given, wanted = (", ".join(sorted(host.info.classes)) for host in (candidate, serving))
        detail = given if given == wanted else f"{given}, and {wanted} before; publish such a version as another model"
        yield GateCheck(name="classes", passed=given == wanted, detail=detail)
    else:
        yield _space_check(spec, version, served.space)


def _checks_of_answers(spec: ModelSpec, given: Vectors, wanted: Vectors, same_space: bool) -> Iterator[GateCheck]:
    rows, before = _rows(given), _rows(wanted)
    if spec.task is Task.EMBED:
        passed = given.dimension == wanted.dimension or not same_space
        yield GateCheck(name="dimension", passed=passed, detail=f"{given.dimension}, and {wanted.dimension} before")
    finite = len(rows) == len(before) and all(math.isfinite(value) for row in rows for value in row)
    yield GateCheck(name="finite", passed=finite, detail=f"{len(rows)} answers to {len(before)} inputs")
    worst = max((abs(_length(spec, row) - 1.0) for row in rows), default=math.inf)
    yield GateCheck(name="norm", passed=worst <= MAX_NORM_ERROR, detail=f"off by {worst:.2g} at most")
    if same_space and given.dimension == wanted.dimension:
        least = min(map(_cosine, rows, before), default=-1.0)
        detail = f"{least:.4f} at least, {spec.min_cosine:g} is wanted"
        yield GateCheck(name="cosine", passed=least >= spec.min_cosine, detail=detail)


def require_space(spec: ModelSpec, version: ModelVersion, served: str) -> None:
    """The same check without an answer, before a load that would be in vain; `served`: id of the embedding space.

    Raises VersionRefusedError."""
    if spec.task is Task.EMBED and not _space_check(spec, version, served).passed:
        raise VersionRefusedError(
            f"Version {version.id} has another embedding space ({version.space}) than the one that serves "
            f"({served}): stored vectors could not be compared any more. Allow it with allow_space_change = true for "
            "this model, and embed again what you have stored."
        )


def _space_check(spec: ModelSpec, version: ModelVersion, served: str) -> GateCheck:
    """Whether vectors of the two may be compared, or the operator has said that they need not."""
    if version.space == served:
        return GateCheck(name="space", passed=True, detail=f"the same, {version.space}")
    detail = f"{version.space}, and {served} before"
    return GateCheck(name="space", passed=spec.allow_space_change, detail=f"{detail} (allow_space_change)")


def why_not(report: GateReport) -> str:
    """The failed checks, for people."""
    failed = [f"{check.name}: {check.detail}" for check in report.checks if not check.passed]
    return f"It did not pass the promotion gate ({'; '.join(failed)})."


def _rows(vectors: Vectors) -> Rows:
    numbers: memoryview[float] = memoryview(vectors.data).cast("f")
    return [numbers[start : start + vectors.dimension] for start in range(0, len(numbers), vectors.dimension or 1)]


def _length(spec: ModelSpec, row: memoryview[float]) -> float:
    """What has to be 1: a vector's Euclidean length, or the sum of a classifier's probabilities."""
    return math.fsum(row) if spec.task is Task.CLASSIFY else math.hypot(*row)


def _cosine(left: memoryview[float], right: memoryview[float]) -> float:
    norms = math.hypot(*left) * math.hypot(*right)
    return math.fsum(a * b for a, b in zip(left, right, strict=True)) / norms if norms else -1.0
