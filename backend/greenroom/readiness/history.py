"""What earlier loads took, per version. A pure container: the caller keeps the records.

Losing it costs only precision, so damage is never an error: what does not parse or makes no sense is left out.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from statistics import median
from typing import Annotated

import msgspec
from msgspec import Meta

from greenroom.protocol.snapshot import StageName
from greenroom.readiness.curves import Curve, is_curve

LOADS_PER_DIGEST = 10
DIGESTS = 50
ETA_JUDGED_FROM_PERCENT = 20

Seconds = Annotated[float, Meta(ge=0)]


@dataclass(frozen=True)
class StageRecord:
    """One measured stage. `curve`: `curves.Curve`; `max_gap`: longest time between two of its steps, in seconds."""

    seconds: Seconds
    curve: Curve
    max_gap: Seconds


@dataclass(frozen=True)
class Sample:
    """What was foretold on the way: at `elapsed` seconds, with `progress` per cent done, `estimated` seconds were
    expected to remain (not rounded)."""

    elapsed: Seconds
    progress: Annotated[int, Meta(ge=0, le=100)]
    estimated: Seconds


@dataclass(frozen=True)
class LoadRecord:
    """One finished load: the last, successful try. `stages` are those that applied, in protocol order."""

    digest: str
    """Digest of the version; empty when it never became known (such a record is not kept)."""
    stages: Mapping[StageName, StageRecord]
    total_seconds: Seconds
    predictions: tuple[Sample, ...] = ()
    """One sample at each 10 % of progress."""
    name: str = ""
    """Of the model; for charts. Empty in records of an older server."""
    version: str = ""
    """Short id of the version, as people know it."""
    at: float | None = None
    """When it became ready, in unix seconds."""


def eta_error(record: LoadRecord) -> float | None:
    """How wrong the estimates of a load were: median of |predicted − actual finish| / total over the samples after
    20 % progress; None without any (FIELD: at most 0.15 from the second load on, 0.35 on a first)."""
    if record.total_seconds <= 0:
        return None
    errors = [
        abs(sample.elapsed + sample.estimated - record.total_seconds) / record.total_seconds
        for sample in record.predictions
        if sample.progress >= ETA_JUDGED_FROM_PERCENT
    ]
    return median(errors) if errors else None


class LoadHistory:
    """The newest `LOADS_PER_DIGEST` records of each of the `DIGESTS` versions loaded last."""

    def __init__(self) -> None:
        self._loads: dict[str, list[LoadRecord]] = {}

    def add(self, record: LoadRecord) -> None:
        if not record.digest:
            return
        loads = self._loads.pop(record.digest, [])
        self._loads[record.digest] = [*loads, record][-LOADS_PER_DIGEST:]
        while len(self._loads) > DIGESTS:
            del self._loads[next(iter(self._loads))]

    def loads(self, digest: str) -> tuple[LoadRecord, ...]:
        """The kept loads of a version, oldest first."""
        return tuple(self._loads.get(digest, ()))

    def of_model(self, name: str, most: int) -> tuple[LoadRecord, ...]:
        """The newest `most` kept loads of one model over all its versions, oldest first."""
        loads = [load for loads in self._loads.values() for load in loads if load.name == name]
        return tuple(sorted(loads, key=lambda load: load.at or 0.0)[-most:])

    def stage_records(self, digest: str, stage: StageName, applied: Collection[StageName]) -> tuple[StageRecord, ...]:
        """Records of `stage` from loads that went through the same stages; from any load where there is none."""
        loads = [load for load in self.loads(digest) if stage in load.stages]
        alike = [load for load in loads if load.stages.keys() == set(applied)]
        return tuple(load.stages[stage] for load in alike or loads)


def encoded(record: LoadRecord) -> bytes:
    """As JSON, to be kept."""
    return msgspec.json.encode(record)


def decoded(record: bytes) -> LoadRecord | None:
    """What `encoded` made; None when it is damaged."""
    try:
        load = msgspec.json.decode(record, type=LoadRecord)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return None
    return load if all(is_curve(stage.curve) for stage in load.stages.values()) else None
