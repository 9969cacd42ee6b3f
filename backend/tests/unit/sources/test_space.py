from __future__ import annotations

from pathlib import Path

import pytest

from greenroom.sources.space import embedding_space
from greenroom.words import ModelFile, ModelVersion, SourceError


def version(folder: Path, **files: str) -> ModelVersion:
    """Keyword: the path with __ for the dot; value: the hash's only digit."""
    made = tuple(ModelFile(name.replace("__", "."), 1, digit * 64) for name, digit in files.items())
    return ModelVersion("mine", "0" * 64, folder, made)


def test_a_folder_may_declare_its_space(tmp_path: Path) -> None:
    (tmp_path / "greenroom.json").write_text('{"embedding_space": "my-space/1", "other": 1}')
    assert embedding_space(version(tmp_path)) == "my-space/1"


def test_a_declaration_that_no_header_could_carry_is_refused(tmp_path: Path) -> None:
    for content in ('{"embedding_space": "a b"}', '{"embedding_space": "a\\r\\nb"}', '{"embedding_space": 7}', "{"):
        (tmp_path / "greenroom.json").write_text(content)
        with pytest.raises(SourceError, match=r"greenroom\.json"):
            embedding_space(version(tmp_path))


def test_without_one_the_space_follows_from_the_files_but_not_from_documents(tmp_path: Path) -> None:
    space = embedding_space(version(tmp_path, model__bin="a", README__md="b", LICENSE="c"))
    assert len(space) == 16
    assert embedding_space(version(tmp_path, model__bin="a", README__md="d", LICENSE__txt="e")) == space
    assert embedding_space(version(tmp_path, model__bin="f")) != space
    assert embedding_space(version(tmp_path, other__bin="a")) != space
