"""The data sets that come with Greenroom: balanced, without repeats, and the test texts kept apart."""

from __future__ import annotations

import csv
import re
from collections import Counter
from importlib.resources import as_file, files
from itertools import combinations

import pytest

DATA_SETS = files("greenroom.data_sets")
LABELS = {"positive", "neutral", "negative"}
FEWEST_ROWS = 1000
FEWEST_TOPICS = 25
MOST_WORDS = 40
# Two texts that share this much of their words say the same thing twice.
NEARLY_THE_SAME = 0.6


def rows_of(name: str) -> list[dict[str, str]]:
    with as_file(DATA_SETS / name) as path, path.open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines, strict=True))


def words_of(text: str) -> list[str]:
    return re.findall(r"[a-z0-9']+", text.lower())


def nearly_the_same(one: frozenset[str], other: frozenset[str]) -> bool:
    return len(one & other) >= NEARLY_THE_SAME * len(one | other)


def meets_any(one: frozenset[str], others: list[frozenset[str]]) -> bool:
    return any(nearly_the_same(one, other) for other in others)


@pytest.fixture(scope="module")
def rows() -> list[dict[str, str]]:
    return rows_of("sentiment.csv")


def test_every_row_has_a_text_a_known_label_and_a_topic(rows: list[dict[str, str]]) -> None:
    assert len(rows) >= FEWEST_ROWS
    for row in rows:
        assert list(row) == ["text", "label", "topic"]
        assert row["text"] == row["text"].strip()
        assert 1 <= len(words_of(row["text"])) <= MOST_WORDS, row["text"]
        assert row["label"] in LABELS, row["text"]
        assert row["topic"], row["text"]


def test_every_topic_has_as_many_texts_of_each_label(rows: list[dict[str, str]]) -> None:
    counts = Counter((row["topic"], row["label"]) for row in rows)
    topics = {row["topic"] for row in rows}

    assert len(topics) >= FEWEST_TOPICS
    uneven = [topic for topic in topics if len({counts[topic, label] for label in LABELS}) > 1]
    assert not uneven


@pytest.mark.parametrize("mark", ["!", "?"])
def test_a_mark_does_not_give_the_label_away(rows: list[dict[str, str]], mark: str) -> None:
    counts = Counter(row["label"] for row in rows if mark in row["text"])

    assert min(counts[label] for label in LABELS) >= counts.total() / 4


def test_the_length_does_not_give_the_label_away(rows: list[dict[str, str]]) -> None:
    lengths = {label: [len(words_of(row["text"])) for row in rows if row["label"] == label] for label in sorted(LABELS)}
    means = [sum(of_label) / len(of_label) for of_label in lengths.values()]

    assert max(means) - min(means) < 1.5


def test_no_two_texts_are_nearly_the_same(rows: list[dict[str, str]]) -> None:
    texts = [row["text"] for row in rows]
    bags = [frozenset(words_of(text)) for text in texts]

    pairs = [(texts[i], texts[j]) for i, j in combinations(range(len(texts)), 2) if nearly_the_same(bags[i], bags[j])]
    assert pairs == []


def test_no_text_to_learn_from_is_nearly_one_of_those_to_measure_on(rows: list[dict[str, str]]) -> None:
    if not (DATA_SETS / "sentiment_test.csv").is_file():
        pytest.skip("sentiment_test.csv is not there")
    measured = [frozenset(words_of(row["text"])) for row in rows_of("sentiment_test.csv")]
    assert measured

    # Lists the learned texts alone, so that a failure does not print the texts that are to stay unseen.
    known = [row["text"] for row in rows if meets_any(frozenset(words_of(row["text"])), measured)]
    assert known == []
