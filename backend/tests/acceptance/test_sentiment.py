"""The sentiment model that ships, as a server serves it: its answers are as good as its figures say."""

from __future__ import annotations

import csv
import json
from importlib.resources import files
from pathlib import Path
from typing import Any

import httpx
import pytest

from greenroom.testing.plugin import GreenroomServerFactory

pytestmark = pytest.mark.model

MODELS = """
[models.sentiment]
source = "builtin:sentiment"
runtime = "text-classifier"
"""
ANSWER_SECONDS = 90.0
TEXTS_PER_CALL = 100
TOLERANCE = 0.01
"""For another machine's number format: three texts of the test file."""


@pytest.fixture
def server(greenroom_server_factory: GreenroomServerFactory, tmp_path: Path) -> Any:
    (tmp_path / "greenroom.toml").write_text(MODELS)
    return greenroom_server_factory(folder=tmp_path, engine="local")


def judged(url: str, texts: list[str]) -> list[dict[str, Any]]:
    answer = httpx.post(
        f"{url}/predict", json={"model": "sentiment", "inputs": texts}, headers={"Prefer": "wait=30"},
        timeout=ANSWER_SECONDS,
    )  # fmt: skip
    answer.raise_for_status()
    results: list[dict[str, Any]] = answer.json()["results"]
    return results


def test_served_answers_are_as_often_right_as_the_shipped_figures_say(server: Any) -> None:
    whole = (files("greenroom.data_sets") / "sentiment_test.csv").read_text(encoding="utf-8")
    rows = list(csv.DictReader(whole.splitlines()))
    promised = json.loads((files("greenroom") / "models/sentiment/metrics.json").read_text())["test"]
    loved, hated = judged(server.url, ["This product is amazing! I love it!", "This is terrible and I hate it!"])
    assert (loved["label"], hated["label"]) == ("positive", "negative")
    assert min(loved["score"], hated["score"]) > 0.9
    given = [
        result["label"]
        for start in range(0, len(rows), TEXTS_PER_CALL)
        for result in judged(server.url, [row["text"] for row in rows[start : start + TEXTS_PER_CALL]])
    ]
    right = sum(label == row["label"] for label, row in zip(given, rows, strict=True))
    assert len(rows) == promised["rows"]
    assert right / len(rows) >= promised["accuracy"] - TOLERANCE
