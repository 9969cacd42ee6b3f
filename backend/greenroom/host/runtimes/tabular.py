"""Classifiers over named columns: scikit-learn's and LightGBM's, saved with skops.

A version's folder has `tabular.json` (`columns`: name → "number" or "text", in the order of training; `labels`; where
wished `examples`, rows to warm up with) and `model.skops`. A text given to it is the JSON object of one row.

scikit-learn's ensembles, skops and LightGBM are imported by the first load in here, and not by the zygote: most servers
have no such model, and should not wait for them.
"""

from __future__ import annotations

import json
import math
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from greenroom.frames import Load
from greenroom.host.runtime import ReportBytes, Tokens, UnreadableInputError, UnusableFilesError
from greenroom.host.runtimes.described import read_settings, require_labels
from greenroom.host.runtimes.skops_files import read_model, require_model_file
from greenroom.rows import COLUMN_KINDS, NUMBER, row_faults
from greenroom.words import DType

SETTINGS_FILE = "tabular.json"
MODEL_FILE = "model.skops"
_NO_WINDOW = 1 << 20
_SAMPLES = {NUMBER: (0.0, 1.0, -1.0, 1000.0), "text": ("", "a", "pump", "a b c")}


def load(order: Load, report: ReportBytes) -> TabularClassifier:
    """Read model and description. Raises UnusableFilesError."""
    if order.dtype not in (DType.AUTO, DType.FLOAT32):
        raise UnusableFilesError(f"a tabular model has no {order.dtype}; configure dtype auto")
    folder = Path(order.folder)
    table = Table.read(folder / SETTINGS_FILE)
    file = require_model_file(folder, MODEL_FILE, order.trust)
    bytes_total = file.stat().st_size
    report(0, bytes_total)
    model = read_model(file, order.trust)
    table.require_fits(model)
    report(bytes_total, bytes_total)
    return TabularClassifier(model, table)


@dataclass(frozen=True)
class Table:
    """What goes in and what comes out."""

    columns: Mapping[str, str]
    labels: tuple[str, ...]
    examples: tuple[str, ...]

    @classmethod
    def read(cls, file: Path) -> Table:
        """Raises UnusableFilesError."""
        settings = read_settings(file)
        columns = settings.get("columns")
        if not isinstance(columns, dict) or not columns or not all(kind in COLUMN_KINDS for kind in columns.values()):
            raise UnusableFilesError(f"`columns` must map each name to one of {', '.join(COLUMN_KINDS)}")
        examples = settings.get("examples", [])
        if not isinstance(examples, list):
            raise UnusableFilesError("`examples` must be a list of rows")
        return cls(columns, tuple(require_labels(settings)), tuple(map(json.dumps, examples)))

    def require_fits(self, model: Any) -> None:
        """Raises UnusableFilesError when the model was trained on other columns, or for other classes."""
        if not hasattr(model, "predict_proba"):
            raise UnusableFilesError("the model gives no probabilities")
        if getattr(model, "n_features_in_", len(self.columns)) != len(self.columns):
            raise UnusableFilesError("the model was trained on another number of columns")
        if list(getattr(model, "feature_names_in_", self.columns)) != list(self.columns):
            raise UnusableFilesError("the model was trained on columns of other names, or in another order")
        classes = np.asarray(model.classes_)
        if len(classes) != len(self.labels):
            raise UnusableFilesError("the model has another number of classes than `labels`")
        if classes.dtype.kind in "UO" and tuple(classes) != self.labels:
            raise UnusableFilesError("`labels` must be the model's own classes, in its order")

    def values(self, text: str) -> tuple[Any, ...]:
        """The cells of a row in the order of training; None where one is missing. Raises UnreadableInputError."""
        try:
            row = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise UnreadableInputError("a JSON object is needed: column name → value") from error
        if not isinstance(row, dict):
            raise UnreadableInputError("a JSON object is needed: column name → value")
        for name, fault in row_faults(row, self.columns):
            raise UnreadableInputError(f"{name}: {fault}")
        return tuple(row[name] for name in self.columns)

    def samples(self) -> tuple[str, ...]:
        """The examples, or rows made from the columns."""
        made = ({name: _SAMPLES[kind][row] for name, kind in self.columns.items()} for row in range(4))
        return self.examples or tuple(map(json.dumps, made))


@dataclass(frozen=True, slots=True)
class Row(Tokens):
    """A row that was read."""

    values: tuple[Any, ...]


class TabularClassifier:
    """One model and its table."""

    max_tokens = _NO_WINDOW
    device = "cpu"
    dtype = "float64"
    workers = 1

    def __init__(self, model: Any, table: Table) -> None:
        from sklearn.utils import get_tags

        warnings.filterwarnings("ignore", message="X does not have valid feature names")
        self._model = _on_one_thread(model)
        self._table = table
        self._takes_missing = bool(get_tags(model).input_tags.allow_nan)
        self._all_numbers = all(kind == NUMBER for kind in table.columns.values())

    @property
    def dimension(self) -> int:
        return len(self._table.labels)

    @property
    def classes(self) -> tuple[str, ...]:
        return self._table.labels

    @property
    def columns(self) -> Mapping[str, str]:
        return self._table.columns

    @property
    def samples(self) -> tuple[str, ...]:
        return self._table.samples()

    def preferred_dtype(self) -> str:
        return DType.FLOAT32

    def convert(self, dtype: str) -> None:
        """There is nothing to convert: trees compare numbers, in the format they were trained in."""

    def tokenise(self, texts: Sequence[str]) -> list[Tokens]:
        return [self._read(text, index) for index, text in enumerate(texts)]

    def embed(self, batch: Sequence[Tokens], alone: bool = True) -> NDArray[np.float32]:
        values = [cast(Row, one).values for one in batch]
        try:
            rows = self._model.predict_proba(self._matrix(values))
        except ValueError as error:  # such as a category that was not there in training
            raise UnreadableInputError("the model does not take these values") from error
        return np.asarray(rows, dtype=np.float32)

    def _read(self, text: str, index: int) -> Row:
        try:
            values = self._table.values(text)
        except UnreadableInputError as error:
            raise UnreadableInputError(str(error), index) from error
        if not self._takes_missing and None in values:
            raise UnreadableInputError("this model does not take missing values", index)
        return Row(text, (0,), (), False, values)

    def _matrix(self, values: Sequence[tuple[Any, ...]]) -> NDArray[Any]:
        """float64 when all columns are numbers, objects otherwise; shape (rows, columns)."""
        if not self._all_numbers:
            return np.array(values, dtype=object)
        return np.array([[math.nan if cell is None else cell for cell in row] for row in values], dtype=np.float64)


def _on_one_thread(model: Any) -> Any:
    """Threads for a handful of rows cost more than they bring, and hosts share the machine's cores."""
    threads = {name: 1 for name in model.get_params() if name == "n_jobs" or name.endswith("__n_jobs")}
    return model.set_params(**threads)
