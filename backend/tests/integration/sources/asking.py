"""Asks as the fetch process does, without the process."""

from __future__ import annotations

import threading
from pathlib import Path

from greenroom.sources.job import Job, Stage
from greenroom.sources.plan import Place
from greenroom.sources.seam import Want
from greenroom.sources.versions import Versions
from greenroom.words import ModelSpec, ModelVersion


class HurriedJob(Job):
    """Takes no break; keeps how long each would have been."""

    def __init__(self, asking: Asking, stopped: threading.Event) -> None:
        super().__init__(asking.told, stopped, monotonic=lambda: 0.0)
        self._asking = asking

    def pause(self, seconds: float) -> None:
        self._asking.pauses.append(seconds)
        self.check()


class Asking:
    def __init__(self, data: Path) -> None:
        self.data = data
        self.pauses: list[float] = []
        self.events: list[tuple[Stage, int, int]] = []
        self.stopped = threading.Event()
        self.begun = threading.Event()
        """Set once the first bytes were counted."""
        self._versions = Versions(Place(data))

    def told(self, stage: Stage, done: int, total: int) -> None:
        self.events.append((stage, done, total))
        self.begun.set()

    def fetch(self, source: str, want: Want | str = Want.LATEST, **spec: object) -> ModelVersion:
        made = ModelSpec("mine", source, **spec)  # type: ignore[arg-type]
        return self._versions.fetch(made, want, HurriedJob(self, self.stopped))

    def clear(self, source: str, keep: tuple[str, ...] = (), **spec: object) -> int:
        return self._versions.clear(ModelSpec("mine", source, **spec), keep)  # type: ignore[arg-type]

    @property
    def shelf(self) -> Path:
        return self.data / "models" / "mine"

    def whole_versions(self) -> list[Path]:
        """Folders that count as versions."""
        return [path for path in self.shelf.glob("*") if path.is_dir() and path.with_name(path.name + ".json").exists()]
