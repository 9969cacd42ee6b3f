"""Vectors are sound when they have unit length, probabilities when they sum to 1; each kind agrees in its own way."""

from __future__ import annotations

import pytest

pytest.importorskip("numpy")

import numpy as np

from greenroom.host.soundness import Rows, agree, is_sound
from tests.unit.host.fake_runtime import FakeClassifier, FakeRuntime


def rows(*values: list[float]) -> Rows:
    return np.array(values, np.float32)


@pytest.mark.parametrize(
    "row", [[0.5, 0.6], [1.5, -0.5], [np.nan, 1.0], [np.inf, 0.0], [0.2, 0.3, 0.5], [1.0]], ids=str
)
def test_what_is_no_distribution_over_the_classes_is_not_sound(row: list[float]) -> None:
    assert not is_sound(FakeClassifier(), rows([0.25, 0.75])[:0].reshape(0, 3))
    assert not is_sound(FakeClassifier(), rows(row))


def test_probabilities_are_sound_for_a_classifier_and_not_for_an_encoder() -> None:
    assert is_sound(FakeClassifier(), rows([0.25, 0.75], [1.0, 0.0]))
    assert not is_sound(FakeRuntime(), rows([0.25, 0.75]))


def test_classifiers_agree_within_two_hundredths_on_the_same_label() -> None:
    assert agree(FakeClassifier(), rows([0.60, 0.40]), rows([0.61, 0.39]))
    assert not agree(FakeClassifier(), rows([0.60, 0.40]), rows([0.63, 0.37]))
    assert not agree(FakeClassifier(), rows([0.505, 0.495]), rows([0.495, 0.505]))
