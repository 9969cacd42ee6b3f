"""Trains three classifiers on scikit-learn's wine data and saves each as a folder for Greenroom's tabular runtime.

    python examples/tabular/train.py
    GREENROOM_CONFIG=examples/tabular/greenroom.toml greenroom serve

A folder holds `model.skops` and `tabular.json`, which names the columns in the order of training and the classes in the
order of the model's own. The same data gives the same models."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import skops.io
from lightgbm import LGBMClassifier
from sklearn.datasets import load_wine
from sklearn.ensemble import GradientBoostingClassifier, RandomForestClassifier
from sklearn.model_selection import train_test_split

MODELS: dict[str, Any] = {
    "wine-boosting": GradientBoostingClassifier(n_estimators=40, max_depth=2, random_state=0),
    "wine-forest": RandomForestClassifier(n_estimators=60, random_state=0),
    "wine-lightgbm": LGBMClassifier(n_estimators=40, num_leaves=7, min_child_samples=5, random_state=0, verbose=-1),
}


def main(folder: Path) -> None:
    wine = load_wine()
    columns = [name.replace("/", "_") for name in wine.feature_names]
    cultivars = [f"cultivar {number + 1}" for number in wine.target.tolist()]
    known, unseen, answers, expected = train_test_split(wine.data, cultivars, random_state=0, stratify=cultivars)
    for name, model in MODELS.items():
        model.fit(known, answers)
        print(f"{name}: {model.score(unseen, expected):.3f} of {len(expected)} unseen wines named rightly")
        save(model, columns, known[0].tolist(), folder / name)


def save(model: Any, columns: list[str], example: list[float], folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    description = {
        "columns": dict.fromkeys(columns, "number"),
        "labels": model.classes_.tolist(),
        "examples": [dict(zip(columns, example, strict=True))],
    }
    (folder / "tabular.json").write_text(json.dumps(description, indent=2) + "\n")
    skops.io.dump(model, folder / "model.skops")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent / "models")
