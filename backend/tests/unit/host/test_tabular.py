"""Tables: what a folder must hold, what a row must hold, and what comes out."""

from __future__ import annotations

import json
import os
import pickle
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("sklearn")
pytest.importorskip("skops")

import numpy as np
import skops.io
from lightgbm import LGBMClassifier
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import GradientBoostingClassifier, HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler

from greenroom.frames import Load
from greenroom.host.precision import Prepared, prepare
from greenroom.host.runtime import UnreadableInputError, UntrustedFilesError, UnusableFilesError
from greenroom.host.runtimes import tabular

pytestmark = pytest.mark.model
NUMBERS = {"width": "number", "height": "number"}
KINDS = ("flat", "tall")
SHAPES = np.array([[width, height] for width in range(1, 9) for height in range(1, 9)], dtype=np.float64)
ANSWERS = [KINDS[int(height > width)] for width, height in SHAPES]
Saved = Callable[..., Path]


@pytest.fixture
def saved(tmp_path: Path) -> Saved:
    """Writes a version's folder; keyword arguments change `tabular.json`."""

    def save(model: Any, **members: Any) -> Path:
        description = {"columns": NUMBERS, "labels": list(KINDS), **members}
        (tmp_path / "tabular.json").write_text(json.dumps(description))
        skops.io.dump(model, tmp_path / "model.skops")
        return tmp_path

    return save


def fitted(model: Any) -> Any:
    return model.fit(SHAPES, ANSWERS)


def order(folder: Path, **members: Any) -> Load:
    return Load("m", str(folder), "tabular", **{"dtype": "auto", "max_tokens_per_batch": 4096, **members})


def load(folder: Path, **members: Any) -> tabular.TabularClassifier:
    return tabular.load(order(folder, **members), lambda done, total: None)


def get_ready(folder: Path) -> Prepared:
    """As a host does: weights, warm-up, check."""
    return prepare(tabular, order(folder), lambda step: None)


def label(runtime: Any, row: dict[str, Any]) -> str:
    return labels(runtime, [row])[0]


def labels(runtime: Any, rows: Sequence[dict[str, Any]]) -> list[str]:
    found = runtime.embed(runtime.tokenise([json.dumps(row) for row in rows]))
    assert found.dtype == np.float32
    np.testing.assert_allclose(found.sum(axis=1), 1, atol=1e-5)
    return [runtime.classes[place] for place in found.argmax(axis=1)]


@pytest.mark.parametrize(
    "model",
    [
        GradientBoostingClassifier(n_estimators=5),
        RandomForestClassifier(n_estimators=10, n_jobs=-1),
        LGBMClassifier(n_estimators=10, min_child_samples=2, verbose=-1),
        make_pipeline(StandardScaler(), LogisticRegression()),
    ],
    ids=lambda model: type(model).__name__,
)
def test_a_saved_classifier_answers_as_it_did_in_training(model: Any, saved: Saved) -> None:
    fitted(model)
    runtime = get_ready(saved(model)).runtime
    assert (runtime.classes, dict(runtime.columns), runtime.dtype) == (KINDS, NUMBERS, "float64")
    rows = [{"height": height, "width": width} for width, height in SHAPES.tolist()]
    assert labels(runtime, rows) == model.predict(SHAPES).tolist()


def test_columns_of_text_go_through_the_models_own_encoder(saved: Saved) -> None:
    encode = ColumnTransformer([("maker", OneHotEncoder(), [0])], remainder="passthrough")
    table = np.array([["A", 1.0], ["B", 1.0], ["A", 2.0], ["B", 2.0]], dtype=object)
    model = make_pipeline(encode, LogisticRegression(C=100)).fit(table, ["flat", "tall", "flat", "tall"])
    folder = saved(model, columns={"maker": "text", "stars": "number"}, examples=[{"maker": "A", "stars": 1}])
    runtime = get_ready(folder).runtime
    assert labels(runtime, [{"maker": "A", "stars": 2}, {"stars": 1, "maker": "B"}]) == ["flat", "tall"]
    with pytest.raises(UnreadableInputError, match="does not take these values"):
        label(runtime, {"maker": "nobody", "stars": 1})


@pytest.mark.parametrize(
    ("row", "fault"),
    [
        ("width", "JSON object"),
        ("[1, 2]", "JSON object"),
        ("[" * 100_000, "JSON object"),
        ('{"width": 1}', "height: this column is missing"),
        ('{"width": 1, "height": "tall"}', "height: a number"),
        ('{"width": 1, "height": NaN}', "height: a number"),
        ('{"width": 1, "height": 2, "colour": 3}', "colour: the model has no such column"),
    ],
)
def test_a_row_that_does_not_fit_is_refused_in_words_and_others_are_not(row: str, fault: str, saved: Saved) -> None:
    runtime = load(saved(fitted(LogisticRegression())))
    with pytest.raises(UnreadableInputError, match=fault) as refused:
        runtime.tokenise(['{"width": 1, "height": 2}', row])
    assert refused.value.index == 1
    assert label(runtime, {"width": 1, "height": 9}) == "tall"


def test_a_missing_value_is_taken_by_models_that_know_what_to_do_with_it(saved: Saved) -> None:
    row = json.dumps({"width": None, "height": 9})
    with pytest.raises(UnreadableInputError, match="missing values"):
        load(saved(fitted(LogisticRegression()))).tokenise([row])
    forest = load(saved(fitted(RandomForestClassifier(n_estimators=3))))
    assert forest.embed(forest.tokenise([row])).shape == (1, 2)


@pytest.mark.parametrize(
    ("members", "fault"),
    [
        ({"columns": {}}, "columns"),
        ({"columns": {"width": "colour"}}, "columns"),
        ({"columns": {"width": "number"}}, "another number of columns"),
        ({"labels": ["flat"]}, "two different"),
        ({"labels": ["flat", "tall", "round"]}, "another number of classes"),
        ({"labels": ["tall", "flat"]}, "own classes"),
        ({"examples": 3}, "examples"),
    ],
)
def test_a_description_that_does_not_fit_the_model_is_refused(
    members: dict[str, Any], fault: str, saved: Saved
) -> None:
    with pytest.raises(UnusableFilesError, match=fault):
        load(saved(fitted(LogisticRegression()), **members))


def test_a_model_without_probabilities_is_refused(saved: Saved) -> None:
    with pytest.raises(UnusableFilesError, match="probabilities"):
        load(saved(Ridge().fit(SHAPES, range(len(SHAPES)))), trust=True)


def test_a_reduced_number_format_is_refused(saved: Saved) -> None:
    with pytest.raises(UnusableFilesError, match="bfloat16"):
        load(saved(fitted(LogisticRegression())), dtype="bfloat16")


def test_types_beyond_our_list_are_loaded_for_a_trusted_model_alone(saved: Saved) -> None:
    folder = saved(fitted(HistGradientBoostingClassifier(max_iter=3, min_samples_leaf=2)))
    with pytest.raises(UntrustedFilesError, match="trust = true") as refused:
        load(folder)
    assert "HistGradientBoostingClassifier" in str(refused.value)
    assert label(load(folder, trust=True), {"width": 1, "height": 9}) == "tall"


def test_functions_that_skops_trusts_are_not_on_our_list(saved: Saved) -> None:
    folder = saved(fitted(make_pipeline(FunctionTransformer(np.log1p), LogisticRegression())))
    assert skops.io.get_untrusted_types(file=folder / "model.skops") == []
    with pytest.raises(UntrustedFilesError, match="trust = true"):
        load(folder)


class Bomb:
    """What its file does when it is made again."""

    def __init__(self, command: str) -> None:
        self.command = command

    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return os.system, (self.command,)


def edited(file: Path, change: Callable[[dict[str, Any]], None]) -> None:
    """Change a skops file's tree."""
    with zipfile.ZipFile(file) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    schema = json.loads(members["schema.json"])
    change(schema)
    with zipfile.ZipFile(file, "w") as archive:
        for name, data in {**members, "schema.json": json.dumps(schema).encode()}.items():
            archive.writestr(name, data)


def name_a_type_as_function(schema: dict[str, Any]) -> None:
    """Every type in it is on our list; a step of the pipeline would call one of them."""
    steps = schema["content"]["content"]["steps"]["content"]
    transformer = steps[0]["content"][1]
    transformer["content"]["content"]["func"] = {
        "__class__": "dict", "__module__": "builtins", "__loader__": "TypeNode", "__id__": 7,
    }  # fmt: skip


def test_a_step_that_calls_what_the_file_names_is_refused(saved: Saved) -> None:
    folder = saved(fitted(make_pipeline(FunctionTransformer(), LogisticRegression())))
    load(folder)
    edited(folder / "model.skops", name_a_type_as_function)
    with pytest.raises(UntrustedFilesError, match="functions"):
        load(folder)


def call_system(command: str) -> Callable[[dict[str, Any]], None]:
    def change(schema: dict[str, Any]) -> None:
        schema["content"]["content"]["C"] = {
            "__class__": "system", "__module__": "os", "__loader__": "FunctionNode", "__id__": 7,
            "content": {"module_path": "os", "function": "system", "command": command},
        }  # fmt: skip

    return change


def disguise(schema: dict[str, Any]) -> None:
    """A loader that calls a function, under the name of a harmless type."""
    schema["content"]["content"]["C"] = {
        "__class__": "dict", "__module__": "builtins", "__loader__": "PartialNode", "__id__": 7, "content": {},
    }  # fmt: skip


def test_a_crafted_skops_file_is_refused_before_anything_of_it_is_made(saved: Saved, tmp_path: Path) -> None:
    for change in (call_system(f"touch {tmp_path / 'ran'}"), disguise):
        folder = saved(fitted(LogisticRegression()))
        edited(folder / "model.skops", change)
        with pytest.raises(UntrustedFilesError, match="trust = true"):
            load(folder)
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 cut", b"not a zip"], ids=["empty", "cut", "other"])
def test_a_file_that_is_no_skops_file_is_unusable(content: bytes, saved: Saved) -> None:
    folder = saved(fitted(LogisticRegression()))
    (folder / "model.skops").write_bytes(content)
    with pytest.raises(UnusableFilesError, match="not a skops file"):
        load(folder)


def test_a_tree_that_leads_out_of_its_arrays_is_refused(saved: Saved) -> None:
    model = fitted(RandomForestClassifier(n_estimators=2))
    state = model.estimators_[1].tree_.__getstate__()
    state["nodes"]["left_child"][0] = 1_000_000
    model.estimators_[1].tree_.__setstate__(state)
    with pytest.raises(UnusableFilesError, match="damaged"):
        load(saved(model))


def test_a_pickle_is_never_read_unless_the_model_is_trusted(saved: Saved, tmp_path: Path) -> None:
    folder = saved(fitted(LogisticRegression()))
    (folder / "model.skops").unlink()
    (folder / "model.pkl").write_bytes(pickle.dumps(Bomb(f"touch {tmp_path / 'ran'}")))
    with pytest.raises(UntrustedFilesError, match="trust = true"):
        load(folder)
    assert not (tmp_path / "ran").exists()
    (folder / "model.pkl").write_bytes(pickle.dumps(fitted(LogisticRegression())))
    assert label(load(folder, trust=True), {"width": 1, "height": 9}) == "tall"
