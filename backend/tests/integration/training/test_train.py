"""`greenroom train` as a user runs it: a real encoder, a real registry, and the bytes that come out."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib.resources import files
from pathlib import Path

import pytest

pytestmark = pytest.mark.model

TRAIN_SECONDS = 120
ROWS = 120
"""Of the data set that ships, whose labels alternate."""


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small CSV file with three labels."""
    file = tmp_path_factory.mktemp("data") / "few.csv"
    whole = (files("greenroom.data_sets") / "sentiment.csv").read_text(encoding="utf-8")
    file.write_text("\n".join(whole.splitlines()[: ROWS + 1]), encoding="utf-8")
    return file


def train(place: Path, data: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """Run in `place`; the version goes to `data/trained/moods` there."""
    surroundings = {name: value for name, value in os.environ.items() if not name.startswith(("GREENROOM_", "MLFLOW_"))}
    command = [sys.executable, "-m", "greenroom", "train", "moods", "--data", str(data), *options]
    return subprocess.run(command, cwd=place, env=surroundings, capture_output=True, text=True, timeout=TRAIN_SECONDS)


def bytes_of(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in folder.iterdir()}


@pytest.mark.timeout(2 * TRAIN_SECONDS)
def test_the_same_command_gives_the_same_bytes_and_only_a_good_version_gets_the_alias(
    tmp_path: Path, data: Path
) -> None:
    registry = ("--tracking-uri", f"sqlite:///{tmp_path}/registry.db", "--alias", "production")
    good = train(tmp_path, data, *registry, "--min-accuracy", "0.2")
    assert good.returncode == 0, good.stderr
    assert "Registered as version 1 of moods; the alias production names it now" in good.stdout
    first = bytes_of(tmp_path / "data" / "trained" / "moods")
    assert set(first) == {"classifier.json", "head.safetensors", "metrics.json", "SHA256SUMS"}

    poor = train(tmp_path, data, *registry, "--min-accuracy", "1")
    assert poor.returncode == 3, poor.stderr
    assert "The accuracy is below 1: no alias is moved." in poor.stderr
    assert poor.stdout.splitlines()[-1] == "Registered as version 2 of moods"
    assert bytes_of(tmp_path / "data" / "trained" / "moods") == first


def test_figures_and_steps_are_shown_in_plain_lines_where_nobody_watches(tmp_path: Path, data: Path) -> None:
    done = train(tmp_path, data, "--min-accuracy", "0", "--mistakes", "wrong.csv")
    assert done.returncode == 0, done.stderr
    metrics = json.loads((tmp_path / "data" / "trained" / "moods" / "metrics.json").read_text())
    held_out = metrics["held_out"]
    assert held_out["rows"] == sum(map(sum, held_out["confusion"])) == ROWS // 5
    assert f"Held-out texts: {ROWS // 5} rows, accuracy {held_out['accuracy']:.3f}" in done.stdout
    assert [line.split(":")[0] for line in done.stderr.splitlines()][-3:] == [
        "Loading the encoder", "Reading the texts", "Fitting",
    ]  # fmt: skip
    assert (done.stdout + done.stderr).isascii()
    right = sum(held_out["confusion"][place][place] for place in range(3))
    assert len((tmp_path / "wrong.csv").read_text().splitlines()) == 1 + held_out["rows"] - right


def test_an_encoder_that_cannot_be_used_fails_with_a_sentence(tmp_path: Path, data: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / "notes.txt").write_text("no model")
    failed = train(tmp_path, data, "--encoder", "path:empty")
    assert failed.returncode == 1
    assert "greenroom: The training failed: " in failed.stderr
    assert "Traceback" not in failed.stderr
