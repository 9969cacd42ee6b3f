from __future__ import annotations

from pathlib import Path

import pytest

from greenroom.sources.seam import Want
from greenroom.testing import ScriptedFetcher
from greenroom.words import ModelSpec, RuntimeName, Task


@pytest.mark.anyio
async def test_a_model_of_which_nothing_was_published_is_what_its_folder_holds(tmp_path: Path) -> None:
    (tmp_path / "mood").mkdir()
    (tmp_path / "mood/head.bin").write_bytes(b"no classifier that any runtime could read")
    fetcher = ScriptedFetcher(tmp_path / "published")
    spec = ModelSpec("mood", f"path:{tmp_path}/mood", Task.CLASSIFY, RuntimeName.TEXT_CLASSIFIER)
    version = await fetcher.fetch(spec, Want.CACHED, lambda stage, done, total: None)
    assert [file.path for file in version.files] == ["head.bin"]
    assert (await fetcher.look(spec)).key == version.key


@pytest.mark.anyio
async def test_a_source_that_would_be_downloaded_names_a_first_version_by_itself(tmp_path: Path) -> None:
    fetcher, spec = ScriptedFetcher(tmp_path), ModelSpec("mood", "hf:org/mood")
    first = await fetcher.fetch(spec, Want.CACHED, lambda stage, done, total: None)
    assert (await fetcher.look(spec)).key == first.key
    fetcher.publish("mood", "2")
    assert (await fetcher.look(spec)).key != first.key
    assert await fetcher.fetch(spec, first.key, lambda stage, done, total: None) == first
