"""Reading a model that skops saved, under our own list of what may be in it.

A skops file is a zip of arrays and a tree of typed nodes that says how to put objects together. skops trusts whatever
scikit-learn ships, functions of NumPy and SciPy included. We go by a list of our own: the file's tree is read as plain
JSON, and each type and each loader that it names must be on the list, before skops sees it. Then skops audits it as
well. What a list of types cannot tell is whether the numbers inside make sense: scikit-learn follows a decision tree's
child and feature numbers without looking, so we look once, after reading.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any
from zipfile import BadZipFile, ZipFile

import numpy as np

from greenroom.host.runtime import UntrustedFilesError, UnusableFilesError

SCHEMA_FILE = "schema.json"
PICKLES = ("model.joblib", "model.pkl", "model.pickle")
_LEAF = -1

LOADERS = frozenset({
    "CachedNode", "DefaultDictNode", "DictNode", "JsonNode", "ListNode", "LossNode", "NdArrayNode", "ObjectNode",
    "RandomStateNode", "SetNode", "SliceNode", "TreeNode", "TupleNode", "TypeNode",
})  # fmt: skip
"""Of skops's ways to make an object, those that call no function that the file names."""

TYPES = frozenset({
    *(f"builtins.{name}" for name in ("bool", "dict", "float", "int", "list", "set", "slice", "str", "tuple")),
    "collections.OrderedDict", "collections.defaultdict",
    *(f"numpy.{name}" for name in (
        "bool", "bool_", "float32", "float64", "int8", "int16", "int32", "int64", "ndarray", "object_", "str_", "uint8",
        "uint16", "uint32", "uint64",
    )),
    "numpy.random.mtrand.RandomState",
    *(f"sklearn.{name}" for name in (
        "_loss._loss.CyExponentialLoss", "_loss._loss.CyHalfBinomialLoss", "_loss._loss.CyHalfMultinomialLoss",
        "_loss.link.HalfLogitLink", "_loss.link.Interval", "_loss.link.LogitLink", "_loss.link.MultinomialLogit",
        "_loss.loss.ExponentialLoss", "_loss.loss.HalfBinomialLoss", "_loss.loss.HalfMultinomialLoss",
        "compose._column_transformer.ColumnTransformer",
        "dummy.DummyClassifier",
        "ensemble._forest.ExtraTreesClassifier", "ensemble._forest.RandomForestClassifier",
        "ensemble._gb.GradientBoostingClassifier",
        "impute._base.SimpleImputer",
        "linear_model._logistic.LogisticRegression",
        "naive_bayes.GaussianNB",
        "pipeline.Pipeline",
        "preprocessing._data.MinMaxScaler", "preprocessing._data.StandardScaler",
        "preprocessing._encoders.OneHotEncoder", "preprocessing._encoders.OrdinalEncoder",
        "preprocessing._function_transformer.FunctionTransformer", "preprocessing._label.LabelEncoder",
        "tree._classes.DecisionTreeClassifier", "tree._classes.DecisionTreeRegressor",
        "tree._classes.ExtraTreeClassifier", "tree._tree.Tree",
    )),
    "lightgbm.basic.Booster", "lightgbm.sklearn.LGBMClassifier",
})  # fmt: skip
"""What a model may be made of without anybody's trust."""


def require_model_file(folder: Path, name: str, trusted: bool) -> Path:
    """The model's file: `name`, or for a trusted model a pickle. Raises UnusableFilesError."""
    if (folder / name).is_file():
        return folder / name
    for pickled in (folder / one for one in PICKLES):
        if pickled.is_file() and not trusted:
            raise UntrustedFilesError(f"{pickled.name} is pickled, and reading it can run code")
        if pickled.is_file():
            return pickled
    raise UnusableFilesError(f"there is no {name} in the version's folder")


def read_model(file: Path, trusted: bool) -> Any:
    """The object in `file`. `trusted`: whatever types it names. Raises UnusableFilesError."""
    if file.name in PICKLES:
        return _unpickle(file)
    wanted = _require_listed(file) if not trusted else frozenset()
    import skops.io

    types = skops.io.get_untrusted_types(file=file) if trusted else sorted(wanted & TYPES)
    try:
        model = skops.io.load(file, trusted=types)
    except (ValueError, TypeError, KeyError, AttributeError, ImportError, BadZipFile) as error:
        raise UnusableFilesError(f"{file.name} is not a usable model ({type(error).__name__})") from error
    parts = list(_parts(model))
    _require_sane_trees(parts)
    if not trusted:
        _require_no_functions(parts)
    return model


def _require_listed(file: Path) -> frozenset[str]:
    """The types that the file names. Raises UntrustedFilesError when one is not on our list, UnusableFilesError."""
    try:
        with ZipFile(file) as archive:
            nodes = list(_nodes(json.loads(archive.read(SCHEMA_FILE))))
        types = dict.fromkeys(f"{node['__module__']}.{node['__class__']}" for node in nodes)
        loaders = dict.fromkeys(str(node["__loader__"]) for node in nodes)
    except (OSError, ValueError, KeyError, RecursionError, BadZipFile) as error:
        raise UnusableFilesError(f"{file.name} is not a skops file ({type(error).__name__})") from error
    strange = [one for one in types if one not in TYPES] + [one for one in loaders if one not in LOADERS]
    if strange:
        raise UntrustedFilesError(f"{file.name} holds {_shown(strange)}, which Greenroom does not load by itself")
    return frozenset(types)


def _nodes(schema: Any) -> Iterator[dict[str, Any]]:
    """Every object of the tree that names a type or a loader, however deep."""
    waiting = [schema]
    while waiting:
        one = waiting.pop()
        if isinstance(one, dict):
            if "__class__" in one or "__loader__" in one or "__module__" in one:
                yield one
            waiting.extend(one.values())
        elif isinstance(one, list):
            waiting.extend(one)


def _shown(names: list[str]) -> str:
    """The first few, cut: they are the file's own words."""
    return ", ".join(name[:120] for name in names[:3]) + (" and others" if len(names) > 3 else "")


def _unpickle(file: Path) -> Any:
    """For a model that the operator trusts. Raises UnusableFilesError."""
    import joblib

    try:
        return joblib.load(file)
    except Exception as error:
        raise UnusableFilesError(f"{file.name} cannot be unpickled ({type(error).__name__})") from error


def _require_no_functions(parts: Sequence[Any]) -> None:
    """Raises UntrustedFilesError for a step that calls what the file names. One without a function passes values
    through, which is how a ColumnTransformer keeps its remainder."""
    from sklearn.preprocessing import FunctionTransformer

    for part in parts:
        if isinstance(part, FunctionTransformer) and (part.func, part.inverse_func) != (None, None):
            raise UntrustedFilesError("the model calls functions that its file names")


def _require_sane_trees(parts: Sequence[Any]) -> None:
    """Raises UnusableFilesError for a tree that leads out of its arrays, or in a circle."""
    from sklearn.tree._tree import Tree

    for part in parts:
        if isinstance(part, Tree) and not _is_sane(part):
            raise UnusableFilesError("a decision tree in the model is damaged")


def _parts(model: Any) -> Iterator[Any]:
    """The model and everything in it, each once."""
    seen: set[int] = set()
    waiting = [model]
    while waiting:
        one = waiting.pop()
        if id(one) in seen:
            continue
        seen.add(id(one))
        yield one
        if isinstance(one, dict):
            waiting.extend(one.values())
        elif isinstance(one, list | tuple | set):
            waiting.extend(one)
        elif isinstance(one, np.ndarray):
            waiting.extend(one.flat if one.dtype == object else ())
        else:
            waiting.extend(getattr(one, "__dict__", {}).values())


def _is_sane(tree: Any) -> bool:
    """Whether each inner node reads a column that there is, and leads to later nodes only."""
    left, right = np.asarray(tree.children_left), np.asarray(tree.children_right)
    inner = np.flatnonzero(left != _LEAF)
    if len(left) == 0 or not np.array_equal(inner, np.flatnonzero(right != _LEAF)):
        return False
    feature = np.asarray(tree.feature)[inner]
    forward = all(np.all((child[inner] > inner) & (child[inner] < len(left))) for child in (left, right))
    return bool(forward and np.all((feature >= 0) & (feature < tree.n_features)))
