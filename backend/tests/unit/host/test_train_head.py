"""A head's scores, its figures, and the files that it becomes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from greenroom.host.runtimes.text_classifier import Head as ServedHead
from greenroom.host.train_folder import write_version
from greenroom.host.train_head import Floats, Head, Names, choose, fit, hold_out, measure

ROWS = 60
DIMENSION = 8


def made(labels: str, seed: int = 3) -> tuple[Floats, Names]:
    """Vectors of unit length that lean towards an axis of their label."""
    random = np.random.default_rng(seed)
    names = np.array([labels[row % len(labels)] for row in range(ROWS)])
    vectors = random.normal(size=(ROWS, DIMENSION)) + 2 * np.eye(DIMENSION)[[labels.index(name) for name in names]]
    unit: Floats = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
    return unit, names


@pytest.mark.parametrize("labels", ["ab", "abc"])
def test_the_scores_are_those_of_logistic_regression(labels: str) -> None:
    vectors, names = made(labels)
    known = LogisticRegression(C=1.0, max_iter=5000).fit(vectors.astype(np.float64), names)
    scores = fit(vectors, names, 1.0).scores(vectors)
    assert scores == pytest.approx(known.predict_proba(vectors), abs=1e-4)


@pytest.mark.parametrize("labels", ["ab", "abc"])
def test_what_is_written_scores_as_what_was_measured(labels: str, tmp_path: Path) -> None:
    vectors, names = made(labels)
    head = fit(vectors, names, 1.0)
    write_version(tmp_path, head, "package:some", 0, {})
    assert np.array_equal(ServedHead.read(tmp_path).probabilities(vectors), head.scores(vectors))


def test_the_view_that_tells_the_labels_apart_is_chosen() -> None:
    vectors, names = made("abc")
    noise = np.random.default_rng(5).permutation(vectors)
    layers, _ = choose({6: noise, 4: vectors}, names, 0, lambda done, total: None)
    assert layers == 4


def test_every_label_keeps_its_share_in_what_is_held_out() -> None:
    names = np.array(["a"] * 80 + ["b"] * 20)
    kept, held = hold_out(names, 0.2, seed=1)
    assert sorted([*kept, *held]) == list(range(100))
    assert list(np.unique(names[held], return_counts=True)[1]) == [16, 4]
    assert not np.array_equal(held, hold_out(names, 0.2, seed=2)[1])


def test_figures_are_of_the_given_rows() -> None:
    head = Head(("no", "yes"), np.array([[-1.0], [1.0]], np.float32), np.zeros(2, np.float32))
    figures = measure(head, np.array([[5.0], [5.0], [5.0], [-5.0]], np.float32), np.array(["yes", "yes", "no", "no"]))
    assert (figures.rows, figures.accuracy, figures.confusion) == (4, 0.75, [[1, 1], [0, 2]])
    assert figures.recall == {"no": 0.5, "yes": 1.0}
    assert figures.precision["yes"] == pytest.approx(2 / 3, abs=1e-4)
    # Nearly sure of all four, and right three times.
    assert figures.calibration_error == pytest.approx(0.25, abs=1e-3)
