"""Classifiers in real hosts: a head on the real encoder, and tables, with what is refused."""

from __future__ import annotations

import asyncio
import json
import pickle
import shutil
import struct
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save_file

from greenroom.engine.seam import Host, Vectors
from greenroom.words import (
    DType,
    InvalidInputError,
    LoadError,
    ModelSpec,
    ModelVersion,
    RuntimeName,
    Task,
)  # fmt: skip
from tests.integration.engine.model_loader import Loader

pytestmark = [pytest.mark.anyio, pytest.mark.model]
ROOT = Path(__file__).parents[4]
MOODS = {
    "negative": ["This is terrible and I hate it!", "Awful, it broke on the first day.", "Never again."],
    "positive": ["This product is amazing! I love it!", "Excellent work, thank you.", "I am so happy with it."],
}


def rows_of(vectors: Vectors) -> list[tuple[float, ...]]:
    return list(struct.iter_unpack(f"<{vectors.dimension}f", vectors.data))


async def load(loader: Loader, folder: Path, runtime: RuntimeName, encoder: Path | None = None, **spec: Any) -> Host:
    version = ModelVersion("m", "0" * 64, folder, (), encoder=encoder)
    background = spec.pop("background", False)
    made = ModelSpec("m", "path:m", task=Task.CLASSIFY, runtime=runtime, **spec)
    return await loader.engine.load(made, version, {}, lambda step: None, background)


def write_head(folder: Path, weight: Any, labels: Sequence[str] = tuple(MOODS), **members: Any) -> Path:
    folder.mkdir(exist_ok=True)
    bias = np.zeros(len(weight), np.float32)
    save_file({"weight": np.asarray(weight, np.float32), "bias": bias}, folder / "head.safetensors")
    (folder / "classifier.json").write_text(json.dumps({"labels": list(labels), **members}))
    return folder


@pytest.fixture
async def head(loader: Loader, folder: Path, tmp_path: Path) -> Path:
    """A head whose weights are the middles of each mood's few examples."""
    host = await loader.load()
    middles = [np.mean(rows_of(await host.embed(texts, 30)), axis=0) * 10 for texts in MOODS.values()]
    await host.close()
    return write_head(tmp_path / "moods", middles)


async def test_a_head_on_the_real_encoder_tells_moods_apart(loader: Loader, folder: Path, head: Path) -> None:
    host = await load(loader, head, RuntimeName.TEXT_CLASSIFIER, folder)
    assert (host.info.classes, host.info.dimension, host.info.columns) == (tuple(MOODS), 2, {})
    answer = await host.embed([texts[0] for texts in MOODS.values()] + ["word " * 400], 30)
    rows = np.array(rows_of(answer))
    assert rows[:2].argmax(axis=1).tolist() == [0, 1]
    np.testing.assert_allclose(rows.sum(axis=1), 1, atol=1e-5)
    assert answer.truncated == (2,)
    await host.close()


async def test_the_encoder_may_lie_within_the_version_and_a_temperature_flattens(
    loader: Loader, folder: Path, head: Path
) -> None:
    sharp = await load(loader, head, RuntimeName.TEXT_CLASSIFIER, folder)
    (head / "classifier.json").write_text(json.dumps({"labels": list(MOODS), "temperature": 4.0}))
    shutil.copytree(folder, head / "encoder")
    flat = await load(loader, head, RuntimeName.TEXT_CLASSIFIER)
    (peak,), (slope,) = [rows_of(await host.embed(MOODS["positive"][:1], 30)) for host in (sharp, flat)]
    logit = np.log(np.array(peak)) / 4
    np.testing.assert_allclose(slope, np.exp(logit) / np.exp(logit).sum(), atol=1e-4)
    await asyncio.gather(sharp.close(), flat.close())


async def test_a_reduced_encoder_is_checked_by_the_probabilities(loader: Loader, folder: Path, head: Path) -> None:
    host = await load(loader, head, RuntimeName.TEXT_CLASSIFIER, folder, dtype=DType.AUTO)
    assert host.info.dtype == "float32" or host.info.verdicts == {host.info.dtype: True}
    await host.close()


async def test_a_version_loaded_in_the_background_answers_like_any_other(
    loader: Loader, folder: Path, head: Path
) -> None:
    hosts = [await load(loader, head, RuntimeName.TEXT_CLASSIFIER, folder, dtype=DType.FLOAT32, background=background)
             for background in (False, True)]  # fmt: skip
    front, back = [rows_of(await host.embed(MOODS["negative"], 30)) for host in hosts]
    np.testing.assert_allclose(front, back, atol=1e-5)
    await asyncio.gather(*(host.close() for host in hosts))


@pytest.mark.parametrize(
    ("break_it", "fault"),
    [
        (lambda folder: (folder / "head.safetensors").write_bytes(b"x" * 100), "no weight and bias"),
        (lambda folder: (folder / "classifier.json").unlink(), "classifier.json is missing"),
        (lambda folder: write_head(folder, np.ones((2, 7))), "reads 7 numbers"),
        (lambda folder: write_head(folder, np.ones((3, 384))), "do not fit its labels"),
        (lambda folder: write_head(folder, np.full((2, 384), np.nan)), "not finite"),
        (lambda folder: write_head(folder, np.ones((2, 384)), ["same", "same"]), "two different names"),
        (lambda folder: write_head(folder, np.ones((2, 384)), temperature=0), "temperature"),
    ],
)  # fmt: skip
async def test_a_head_that_is_none_is_refused_in_words(
    break_it: Any, fault: str, loader: Loader, folder: Path, tmp_path: Path
) -> None:
    made = write_head(tmp_path / "head", np.ones((2, 384)))
    break_it(made)
    with pytest.raises(LoadError, match=fault):
        await load(loader, made, RuntimeName.TEXT_CLASSIFIER, folder)


async def test_a_head_without_an_encoder_is_refused(loader: Loader, tmp_path: Path) -> None:
    with pytest.raises(LoadError, match="no encoder"):
        await load(loader, write_head(tmp_path / "head", np.ones((2, 384))), RuntimeName.TEXT_CLASSIFIER)


async def test_pickled_weights_and_foreign_code_want_trust(loader: Loader, folder: Path, tmp_path: Path) -> None:
    pickled, foreign = tmp_path / "pickled", tmp_path / "foreign"
    for copy in (pickled, foreign):
        shutil.copytree(folder, copy)
    (pickled / "model.safetensors").unlink()
    (pickled / "pytorch_model.bin").write_bytes(pickle.dumps({}))
    modules = json.loads((foreign / "modules.json").read_text())
    modules[1]["type"] = "own_code.Pooling"
    (foreign / "modules.json").write_text(json.dumps(modules))
    (foreign / "own_code.py").write_text("raise SystemExit('ran')")
    for copy in (pickled, foreign):
        with pytest.raises(LoadError, match="trust = true"):
            await loader.load(folder=copy)


@pytest.fixture(scope="module")
def wines(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the shipped example trains."""
    folder = tmp_path_factory.mktemp("wines")
    script = ROOT / "examples" / "tabular" / "train.py"
    done = subprocess.run([sys.executable, script, folder], capture_output=True, text=True, timeout=100)
    assert done.returncode == 0, done.stderr
    return folder


@pytest.mark.parametrize("name", ["wine-boosting", "wine-forest", "wine-lightgbm"])
async def test_the_examples_models_are_served_by_column_name(name: str, wines: Path, loader: Loader) -> None:
    host = await load(loader, wines / name, RuntimeName.TABULAR)
    asked = json.loads((ROOT / "examples" / "tabular" / "wine.json").read_text())["inputs"]
    assert set(host.info.columns) == set(asked[0])
    rows = np.array(rows_of(await host.embed([json.dumps(row) for row in asked], 30)))
    assert [host.info.classes[place] for place in rows.argmax(axis=1)] == ["cultivar 1", "cultivar 2", "cultivar 3"]
    await host.close()


async def test_a_row_that_does_not_fit_fails_alone(wines: Path, loader: Loader) -> None:
    host = await load(loader, wines / "wine-forest", RuntimeName.TABULAR)
    good = json.dumps(dict.fromkeys(host.info.columns, 1.0))
    bad = json.dumps({**dict.fromkeys(host.info.columns, 1.0), "hue": "red"})
    refused, served = await asyncio.gather(host.embed([good, bad], 30), host.embed([good], 30), return_exceptions=True)
    assert isinstance(refused, InvalidInputError)
    assert str(refused).startswith("input 1: hue")
    assert isinstance(served, Vectors)
    await host.close()
