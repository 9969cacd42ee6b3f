"""Which models there are, when a file, the defaults and variables all have a say."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from greenroom.cli.main import run
from greenroom.settings import DEFAULT_SPEC, SENTIMENT_SPEC, load_settings
from greenroom.specs import configured, replaced
from greenroom.words import ModelSpec, RuntimeName, Task


@pytest.fixture(autouse=True)
def _no_surroundings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    for name in list(os.environ):
        if name.startswith(("GREENROOM_", "MODEL_", "MLFLOW_", "HF_")):
            monkeypatch.delenv(name)


def specs() -> dict[str, ModelSpec]:
    return {spec.name: spec for spec in configured(load_settings())}


def test_a_variable_gives_a_default_model_another_source_and_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MODEL_SENTIMENT_URL", "path:trained/sentiment")
    found = specs()
    assert list(found) == ["minilm", "sentiment"]
    assert found["sentiment"] == ModelSpec(
        "sentiment", "path:trained/sentiment", Task.CLASSIFY, RuntimeName.TEXT_CLASSIFIER, required=False
    )
    assert replaced(load_settings()) == {"sentiment": "MODEL_SENTIMENT_URL"}


def test_hashes_and_trust_were_for_the_files_that_are_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("greenroom.toml").write_text(
        '[models.mine]\nsource = "path:a"\ntrust = true\ndtype = "float32"\nmin_cosine = 0.5\n'
        f'[models.mine.sha256]\na = "{"0" * 64}"\n'
    )
    monkeypatch.setenv("MODEL_MINE_URL", "path:b")
    mine = specs()["mine"]
    assert (mine.source, mine.trust, dict(mine.sha256)) == ("path:b", False, {})
    assert (mine.dtype, mine.min_cosine) == ("float32", 0.5)


def test_what_a_variable_says_wins_over_what_it_replaces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MODEL_SENTIMENT_URL", "path:b")
    monkeypatch.setenv("MODEL_SENTIMENT_TASK", "embed")
    monkeypatch.setenv("MODEL_SENTIMENT_REQUIRED", "true")
    found = specs()["sentiment"]
    assert (found.task, found.runtime, found.required) == (Task.EMBED, RuntimeName.SENTENCE_TRANSFORMERS, True)


def test_a_variable_of_a_new_name_replaces_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MODEL_MOOD_URL", "path:b")
    assert (specs()["mood"], replaced(load_settings())) == (ModelSpec("mood", "path:b"), {})
    assert specs()["minilm"] == DEFAULT_SPEC


def test_the_model_that_ships_is_known_to_classify() -> None:
    Path("greenroom.toml").write_text('[models.sentiment]\nsource = "builtin:sentiment"\nrequired = false\n')
    assert specs() == {"sentiment": SENTIMENT_SPEC}


@pytest.mark.parametrize("source", ["mlflow:sentiment@production", "hf:", "mlflow:models:/mood@production"])
def test_a_wrong_source_is_refused_with_the_place_where_it_stands(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], source: str
) -> None:
    Path("greenroom.toml").write_text(f'[models.mood]\nsource = "{source}"\n')
    assert run(["models", "pull"]) == 2
    assert "greenroom: greenroom.toml: [models.mood]: the source of mood" in capsys.readouterr().err
    Path("greenroom.toml").unlink()
    monkeypatch.setenv("MODEL_MY_MOOD_URL", source)
    assert run(["models", "pull"]) == 2
    assert "greenroom: MODEL_MY_MOOD_URL: the source of my-mood" in capsys.readouterr().err


def test_a_wrong_source_ends_the_start_with_status_2(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MODEL_MOOD_URL", "builtin:nope")
    serve = [sys.executable, "-m", "greenroom", "serve", "--port", "0"]
    ended = subprocess.run(serve, capture_output=True, text=True, timeout=50)
    assert ended.returncode == 2
    assert ended.stderr.endswith("greenroom: MODEL_MOOD_URL: the source of mood has to be one of builtin:sentiment.\n")
