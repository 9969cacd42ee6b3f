"""Folders and packages made for one test."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from greenroom.sources.plan import Place
from greenroom.sources.table import source_of, split
from greenroom.sources.verify import verify
from greenroom.words import ModelSpec, ModelVersion
from tests.unit.sources.made import FILES, Build, Resolve, record_hash, write


@pytest.fixture
def run() -> Resolve:
    """`run(source)` finds and verifies a spec with that source; further arguments go to the spec."""

    def run(source: str, report: Callable[[int, int], None] = lambda done, total: None, **spec: object) -> ModelVersion:
        made = ModelSpec("minilm", source, **spec)  # type: ignore[arg-type]
        scheme, rest = split(source)
        claim = source_of(scheme).find(made, rest, Place(Path())).claim
        assert claim is not None
        return verify(made, claim, report)

    return run


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A model's folder with the files of FILES and no manifest."""
    return write(tmp_path / "my-model", FILES)


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Build:
    """`package(files, name=…, version=…)` installs a wheel's worth of files on sys.path and returns site-packages."""
    site = tmp_path / "site-packages"
    site.mkdir()
    monkeypatch.setattr(sys, "path", [str(site), *sys.path])

    def package(
        files: Mapping[str, bytes], name: str = "toy-model", version: str = "1.2.0", record: str | None = None
    ) -> Path:
        info = f"{name.replace('-', '_')}-{version}.dist-info"
        write(site, files)
        rows = [f"{path},{record_hash(data)},{len(data)}" for path, data in files.items()]
        lines = record if record is not None else "\n".join([*rows, f"{info}/RECORD,,"])
        metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
        write(site, {f"{info}/METADATA": metadata.encode(), f"{info}/RECORD": lines.encode()})
        return site

    return package
