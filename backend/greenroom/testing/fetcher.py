"""A fetcher whose versions a test publishes: no network, no process, and every failure at will."""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from dataclasses import replace
from pathlib import Path

from greenroom.protocol.snapshot import StageName
from greenroom.sources.inline import InlineFetcher
from greenroom.sources.seam import Found, Report, Want
from greenroom.sources.table import LOCAL, split
from greenroom.words import GreenroomError, ModelFile, ModelSpec, ModelVersion, RuntimeName, SourceNotFoundError


class ScriptedFetcher:
    """A `Fetcher`. A model of which nothing was published is resolved for real if its source is local; any other
    source names a version "1" then."""

    def __init__(self, folder: Path) -> None:
        """`folder`: where to put the files of published versions."""
        self._folder = folder
        self._local = InlineFetcher(folder)
        self._versions: dict[str, dict[str, ModelVersion]] = {}
        self._latest: dict[str, ModelVersion] = {}
        self._fetched: set[str] = set()
        self._failure: GreenroomError | None = None
        self.looks = 0
        self.fetches: list[tuple[str, str]] = []
        """(model, key or want) of every fetch."""

    def publish(self, name: str, label: str, *, space: str = "scripted", stage: str | None = "production") -> None:
        """Let the source name version `label` from now on; its files are made of its name and label."""
        folder = self._folder / name / label
        folder.mkdir(parents=True, exist_ok=True)
        content = f"{name} {label}\n".encode()
        (folder / "script.txt").write_bytes(content)
        file = ModelFile("script.txt", len(content), hashlib.sha256(content).hexdigest())
        version = ModelVersion(
            name=name, digest=file.sha256, folder=folder, files=(file,), identity=f"{name}/{label}", label=label,
            stage=stage, space=space,
        )  # fmt: skip
        self._versions.setdefault(name, {})[version.key] = version
        self._latest[name] = version

    def known(self, name: str) -> set[str]:
        """Labels of the versions of `name` that are on this machine."""
        return {version.id for version in self._versions.get(name, {}).values()}

    def fail(self, error: GreenroomError | None) -> None:
        """Let every look and fetch of the latest raise `error`, until None is given."""
        self._failure = error

    async def look(self, spec: ModelSpec) -> Found:
        self.looks += 1
        self._require_reachable()
        self._begin(spec)
        version = self._latest.get(spec.name) or await self._resolved(spec)
        return Found(version.key, version.id, version.stage)

    async def fetch(self, spec: ModelSpec, want: Want | str, report: Report) -> ModelVersion:
        self.fetches.append((spec.name, str(want)))
        self._begin(spec)
        if spec.name not in self._latest:
            self._require_reachable()
            return await self._resolved(spec)
        if isinstance(want, Want):
            if want is Want.LATEST or spec.name not in self._fetched:
                self._require_reachable()
            version = self._latest[spec.name]
        elif want in self._versions[spec.name]:
            version = self._versions[spec.name][want]
        else:
            raise SourceNotFoundError(f"This version of {spec.name} is not on this machine any more.")
        self._fetched.add(spec.name)
        report(StageName.RESOLVE, version.bytes_total, version.bytes_total)
        return version

    async def clear(self, spec: ModelSpec, keep: Collection[str]) -> int:
        kept = {key: version for key, version in self._versions.get(spec.name, {}).items() if key in keep}
        gone = [version for key, version in self._versions.get(spec.name, {}).items() if key not in kept]
        self._versions[spec.name] = kept
        return sum(version.bytes_total for version in gone)

    async def close(self) -> None:
        """There is no process."""

    def _begin(self, spec: ModelSpec) -> None:
        if spec.name not in self._latest and split(spec.source)[0] not in LOCAL:
            self.publish(spec.name, "1")

    def _require_reachable(self) -> None:
        if self._failure is not None:
            raise self._failure

    async def _resolved(self, spec: ModelSpec) -> ModelVersion:
        as_found = replace(spec, runtime=RuntimeName.SENTENCE_TRANSFORMERS)  # a scripted classifier needs no encoder
        return await self._local.fetch(as_found, Want.LATEST, lambda stage, done, total: None)
