from __future__ import annotations

from pathlib import PurePosixPath

import pytest

from greenroom.sources.marks import model_folder


@pytest.mark.parametrize(
    ("paths", "folder"),
    [
        (["b/config.json", "a/b/modules.json", "README.md"], "b"),
        (["a/config.json", "b/modules.json"], "b"),
        (["b/modules.json", "a/modules.json"], "a"),
        (["config.json", "modules.json/x"], "."),
        (["a/config.json.bak", "config/x"], None),
    ],
)
def test_the_shallowest_folder_with_the_strongest_mark_is_the_model(paths: list[str], folder: str | None) -> None:
    found = model_folder(map(PurePosixPath, paths), ("modules.json", "config.json"))
    assert found == (None if folder is None else PurePosixPath(folder))
