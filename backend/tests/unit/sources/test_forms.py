"""A source that no load could have is refused at the start, by the words of the source itself and without asking."""

from __future__ import annotations

from pathlib import Path

import pytest

from greenroom.settings import DEFAULT_SPECS, SENTIMENT_SPEC
from greenroom.sources.forms import require_form
from greenroom.sources.plan import Place
from greenroom.sources.table import SOURCES, source_of
from greenroom.words import ConfigError, GreenroomError, ModelSpec

URI = "http://127.0.0.1:1"
SHA256 = "0123456789abcdefABCDEF" + "0" * 42
WRONG = {
    "package:": "package:<name>",
    "package:a b": "package:<name>",
    "package:a==": "package:<name>",
    "path:": "path:<folder>",
    "builtin:": "builtin:sentiment",
    "builtin:nope": "builtin:sentiment",
    "builtin:../models": "builtin:sentiment",
    "hf:": "hf:<owner>/<name>",
    "hf:a/b/c": "hf:<owner>/<name>",
    "hf:a/b@": "hf:<owner>/<name>",
    "https://models.example": "https://<host>/<file>",
    "https:///a.zip": "https://<host>/<file>",
    "https://[::1/a.zip": "https://<host>/<file>",
    "https://models.example/a.zip#sha256=abc": "64 hexadecimal digits",
    f"https://models.example/a.zip#md5={SHA256}": "64 hexadecimal digits",
    "http://models.example/a.zip": "https:",
    "gdrive:https://drive.google.com/foo": "share link",
    "gdrive:https://drive.google.com/drive/folders/0123456789abc": "share link",
    "gdrive:x": "share link",
    "mlflow:sentiment@production": "mlflow:models:/<name>@<alias>",
    "mlflow:models:/": "mlflow:models:/<name>@<alias>",
    "mlflow:models:/a@": "mlflow:models:/<name>@<alias>",
    "mlflow:models:/a/prod": "mlflow:models:/<name>@<alias>",
}
RIGHT = (
    *(spec.source for spec in DEFAULT_SPECS), "package:some.model-x == 1.0+cpu", "path:../a b",
    "hf:gpt2", "hf:a/b@refs/pr/1",
    "https://models.example/a.zip", f"https://models.example/a.zip?signature=1#sha256={SHA256}",
    "http://127.0.0.1:8000/a.zip", "http://[::1]/a.zip", "http://localhost/a.zip", "gdrive:0123456789a",
    "gdrive:https://drive.google.com/file/d/0123456789a/view?usp=sharing", "mlflow:models:/a", "mlflow:models:/a@b",
    "mlflow:models:/a b/3", "mlflow:models:/a/Production", "mlflow:models:/a/staging",
)  # fmt: skip


@pytest.mark.parametrize("source", WRONG)
def test_a_source_of_a_wrong_form_is_refused_with_its_place_and_the_right_form(source: str) -> None:
    with pytest.raises(ConfigError) as refused:
        require_form(ModelSpec("mood", source), "greenroom.toml: [models.mood]", URI)
    assert str(refused.value).startswith("greenroom.toml: [models.mood]: the source of mood ")
    assert WRONG[source] in str(refused.value)


@pytest.mark.parametrize("source", [source for source in WRONG if "[::1/" not in source])
def test_what_the_start_refuses_its_source_would_refuse(source: str, tmp_path: Path) -> None:
    scheme, _, rest = source.partition(":")
    with pytest.raises(GreenroomError):
        source_of(scheme).find(ModelSpec("mood", source), rest, Place(tmp_path, ""))


@pytest.mark.parametrize("source", RIGHT)
def test_a_source_of_the_right_form_is_left_to_the_load(source: str) -> None:
    require_form(ModelSpec("mood", source), "there", URI)


@pytest.mark.parametrize("source", ["", "mine", "ftp://models.example/a.zip", "C:/models", "models:/a@b"])
def test_a_source_that_begins_with_no_scheme_of_ours_is_told_all_of_them(source: str) -> None:
    with pytest.raises(ConfigError) as refused:
        require_form(ModelSpec("mood", source), "MODEL_MOOD_URL", URI)
    said = str(refused.value)
    assert said.startswith("MODEL_MOOD_URL: the source of mood has to begin with one of ")
    assert {part.strip(" .:") for part in said.rpartition(" of ")[2].split(",")} == set(SOURCES) - {"http"}


def test_a_registered_model_needs_a_registry() -> None:
    with pytest.raises(ConfigError, match=r"the source of mood needs MLFLOW_TRACKING_URI, such as http://"):
        require_form(ModelSpec("mood", "mlflow:models:/a@b"), "MODEL_MOOD_URL", "")
    require_form(SENTIMENT_SPEC, "there", "")
