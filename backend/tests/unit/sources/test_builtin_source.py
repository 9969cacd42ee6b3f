"""`builtin:`: what ships inside Greenroom is held against its own sums, however Greenroom was installed."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from greenroom.sources import builtin
from greenroom.words import ConfigError, FileCorruptError, SourceNotFoundError
from tests.unit.sources.made import Resolve


def test_the_sentiment_model_is_there_and_whole(run: Resolve) -> None:
    version = run("builtin:sentiment")
    assert {file.path for file in version.files} == {"classifier.json", "head.safetensors", "metrics.json"}
    assert version.bytes_total < 50 * 1024


def test_a_file_that_was_changed_is_refused(run: Resolve, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(builtin.SHELF, tmp_path / "models")
    monkeypatch.setattr(builtin, "SHELF", tmp_path / "models")
    (tmp_path / "models" / "sentiment" / "classifier.json").write_text("{}")
    with pytest.raises(FileCorruptError, match=r"classifier\.json in the built-in model sentiment is damaged"):
        run("builtin:sentiment")


def test_a_model_that_does_not_ship_is_named(run: Resolve) -> None:
    with pytest.raises(SourceNotFoundError, match="Greenroom ships no model weather"):
        run("builtin:weather")


@pytest.mark.parametrize("name", ["", "..", "../models/sentiment", "a/b"])
def test_a_name_that_is_none_is_refused(run: Resolve, name: str) -> None:
    with pytest.raises(ConfigError, match="has to be builtin:<name>"):
        run(f"builtin:{name}")
