from __future__ import annotations

import pytest

from greenroom.serving.origin import is_followed, is_local, origin
from greenroom.words import ModelSpec


@pytest.mark.parametrize(
    ("source", "followed"),
    [
        ("mlflow:models:/a", True),
        ("mlflow:models:/a@production", True),
        ("mlflow:models:/a/Production", True),
        ("mlflow:models:/123", True),
        ("mlflow:models:/a/3", False),
        ("hf:org/name", False),
        ("path:/a", False),
    ],
)
def test_only_what_moves_by_itself_is_followed(source: str, followed: bool) -> None:
    assert is_followed(ModelSpec("a", source)) is followed


def test_people_are_told_where_a_model_comes_from() -> None:
    assert origin(ModelSpec("a", "mlflow:models:/a")) == "MLflow"
    assert origin(ModelSpec("a", "package:a")) == "this machine"
    assert is_local(ModelSpec("a", "builtin:sentiment"))
