"""Played loads for the tests of readiness: a made-up model, and a load that takes the times it is told to."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from greenroom.protocol.snapshot import InitState, ModelError, StageName
from greenroom.readiness.history import LoadHistory, LoadRecord
from greenroom.readiness.readiness import Readiness
from greenroom.words import ErrorCode, ModelFile, ModelSpec, ModelVersion

BYTES = 90_868_376
UNIX = 1_795_000_000.0
FIRST = (StageName.RESOLVE, StageName.IMPORT, StageName.WEIGHTS, StageName.WARMUP, StageName.CHECK)
AGAIN = tuple(stage for stage in FIRST if stage is not StageName.IMPORT)
SECONDS: Mapping[StageName, float] = {
    StageName.RESOLVE: 0.15,
    StageName.IMPORT: 4.0,
    StageName.WEIGHTS: 0.4,
    StageName.WARMUP: 0.4,
    StageName.CHECK: 0.3,
}
DIED = ModelError(code=ErrorCode.HOST_LOST, message="The model's process ended (killed by SIGKILL).", temporary=True)
DAMAGED = ModelError(code=ErrorCode.FILE_CORRUPT, message="model.safetensors is damaged.", temporary=False)


def spec(name: str = "minilm", *, required: bool = True) -> ModelSpec:
    return ModelSpec(name=name, source=f"path:{name}", required=required, sha256={})


def version(name: str = "minilm", mark: str = "1") -> ModelVersion:
    return ModelVersion(name, mark * 64, Path("/models") / name, (ModelFile("model.safetensors", BYTES, "0" * 64),))


def one(history: LoadHistory | None = None) -> Readiness:
    """Readiness of the one model `minilm`."""
    return Readiness([spec()], "0f3c9a1e", history or LoadHistory())


def look(readiness: Readiness, now: float, at: float = UNIX) -> InitState:
    return readiness.snapshot(readiness.default_scope, seq=1, at=at, now=now)


class Play:
    """Plays a first load in ten steps a stage, each stage `slowness` times as long as shipped, the import from
    `head_start` on, and keeps the snapshot after each step."""

    def __init__(self, readiness: Readiness, slowness: float = 1.0, head_start: float = 0.0) -> None:
        self.readiness = readiness
        self.slowness = slowness
        self.head_start = head_start
        self.seen: list[tuple[float, InitState]] = []

    def run(self, now: float = 100.0) -> LoadRecord:
        self.readiness.begin("minilm", FIRST, now)
        resolved_at = now + SECONDS[StageName.RESOLVE] * self.slowness
        for at, stage, step in self._score(now):
            if at >= resolved_at and now < resolved_at:
                self.readiness.resolved("minilm", version(), resolved_at)
            now = at
            self.readiness.step("minilm", stage, step, 10, "modules", now)
            self.seen.append((now, look(self.readiness, now)))
        return self.readiness.ready("minilm", now)

    def _score(self, began: float) -> Iterator[tuple[float, StageName, int]]:
        for stage in FIRST[1:]:
            skipped = round(self.head_start * 10) if stage is StageName.IMPORT else 0
            pace = SECONDS[stage] * self.slowness / 10
            yield from ((began + pace * (step - skipped), stage, step) for step in range(skipped, 11))
            began += pace * (10 - skipped)
