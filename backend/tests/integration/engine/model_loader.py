"""Loads the real model in an engine, with what a test wants otherwise."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from greenroom.engine.local import LocalEngine
from greenroom.engine.local_host import LocalHost
from greenroom.engine.seam import Report, Step
from greenroom.words import DType, ModelSpec, ModelVersion


@dataclass(frozen=True)
class Loader:
    engine: LocalEngine
    folder: Path

    async def load(
        self,
        report: Report | None = None,
        dtype: DType = DType.FLOAT32,
        limit_seconds: float = 60.0,
        folder: Path | None = None,
    ) -> LocalHost:
        spec = ModelSpec("minilm", "path:model", dtype=dtype, load_timeout_seconds=limit_seconds)
        version = ModelVersion("minilm", "0" * 64, folder or self.folder, ())
        host = await self.engine.load(spec, version, {}, report or _ignore)
        assert isinstance(host, LocalHost)
        return host


def _ignore(step: Step) -> None:
    return
