"""The calls of PROTOCOL §3 on a real port, with the scripted engine."""

from __future__ import annotations

import base64
import struct
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from greenroom.protocol.snapshot import InitState
from greenroom.testing import GreenroomServer

READINESS = "/api/v1/admin/ready"


def embed(server: GreenroomServer, body: Any = None, **options: Any) -> httpx.Response:
    body = {"model": "minilm", "input": "two words"} if body is None else body
    return httpx.post(f"{server.url}/v1/embeddings", json=body, **options)


def get(server: GreenroomServer, path: str, **options: Any) -> httpx.Response:
    return httpx.get(server.url + path, **options)


def test_health_is_200_while_nothing_is_loaded(greenroom_server: GreenroomServer) -> None:
    greenroom_server.control.freeze(10)
    answer = get(greenroom_server, "/health")
    assert (answer.status_code, answer.json()) == (
        200,
        {"status": "healthy", "model_loaded": False, "models": {"minilm": "loading", "sentiment": "queued"}},
    )


def test_probes_speak_only_200_and_503(greenroom_server: GreenroomServer) -> None:
    assert get(greenroom_server, "/livez").status_code == 200
    assert get(greenroom_server, "/readyz").status_code == 503
    greenroom_server.control.become_ready()
    assert get(greenroom_server, "/readyz").status_code == 200


def test_every_surface_shows_the_same_snapshot(greenroom_server: GreenroomServer) -> None:
    greenroom_server.control.freeze(60)
    refused, ready = embed(greenroom_server), get(greenroom_server, READINESS)
    assert refused.status_code == ready.status_code == 425
    if refused.json()["seq"] == ready.json()["seq"]:
        assert refused.content == ready.content
    for snapshot in (refused.json(), get(greenroom_server, "/status").json()["snapshot"]):
        assert snapshot["progress"] == 60
        InitState.model_validate(snapshot)


def test_a_refusal_says_when_to_come_back(greenroom_server: GreenroomServer) -> None:
    headers = embed(greenroom_server).headers
    assert 1 <= int(headers["retry-after"]) <= 60
    assert (headers["cache-control"], headers["x-should-retry"]) == ("no-store", "true")


def test_ready_means_that_the_next_prediction_succeeds(greenroom_server: GreenroomServer) -> None:
    greenroom_server.control.become_ready()
    assert get(greenroom_server, READINESS).status_code == 200
    answer = embed(greenroom_server)
    assert answer.status_code == 200
    assert len(answer.json()["data"][0]["embedding"]) == 384


def test_prefer_wait_holds_the_request_until_ready(greenroom_server: GreenroomServer) -> None:
    with ThreadPoolExecutor() as pool:
        held = pool.submit(embed, greenroom_server, headers={"prefer": "wait=20"}, timeout=25)
        greenroom_server.control.become_ready()
        answer = held.result()
    assert answer.status_code == 200


def test_prefer_wait_gives_up_with_the_snapshot(greenroom_server: GreenroomServer) -> None:
    answer = embed(greenroom_server, headers={"prefer": "wait=0"})
    assert (answer.status_code, answer.headers["preference-applied"]) == (425, "wait=0")


def test_a_failure_for_good_is_503_with_its_reason_until_somebody_retries(greenroom_server: GreenroomServer) -> None:
    control = greenroom_server.control
    control.fail("model.safetensors is damaged", "file-corrupt")
    answer = embed(greenroom_server, headers={"prefer": "wait=0"})
    assert answer.status_code == 503
    assert answer.json()["models"][0]["error"]["message"] == "model.safetensors is damaged"
    assert "retry-after" not in answer.headers
    assert get(greenroom_server, "/predict/status").json()["status"] == "error"
    assert httpx.post(f"{greenroom_server.url}/models/minilm/retry").status_code == 202
    control.become_ready()
    assert embed(greenroom_server).status_code == 200


def test_retry_is_refused_unless_the_model_has_failed(greenroom_server: GreenroomServer) -> None:
    answer = httpx.post(f"{greenroom_server.url}/models/minilm/retry")
    assert (answer.status_code, answer.json()["type"]) == (409, "/problems/retry-refused")


def test_a_crash_starts_a_new_round_and_the_model_comes_back(greenroom_server: GreenroomServer) -> None:
    control = greenroom_server.control
    control.become_ready()
    before = get(greenroom_server, READINESS).json()
    control.crash()
    after = embed(greenroom_server)
    assert (after.status_code, after.json()["round"]) == (425, before["round"] + 1)
    control.become_ready()
    assert embed(greenroom_server).status_code == 200


def test_a_call_in_flight_at_a_crash_is_answered_by_the_successor(greenroom_server: GreenroomServer) -> None:
    control = greenroom_server.control
    control.become_ready()
    control.hold_calls()
    with ThreadPoolExecutor() as pool:
        held = pool.submit(embed, greenroom_server, timeout=25)
        control.wait_for(lambda _: control.state()["models"]["minilm"]["held_calls"] == 1, "held")
        control.crash()
        control.release_calls()
        control.become_ready()
        assert held.result().status_code == 200


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"model": "minilm"}, "/input"),
        ({"model": "minilm", "input": ""}, "/input"),
        ({"model": "minilm", "input": []}, "/input"),
        ({"model": "minilm", "input": ["a"] * 257}, "/input"),
        ({"model": "minilm", "input": ["fine", "x" * 10_001]}, "/input/1"),
        ({"model": "minilm", "input": "a", "dimensions": 12}, "/dimensions"),
        ({"model": "minilm", "input": "a", "encoding_format": "hex"}, "/encoding_format"),
        ([], ""),
    ],
)
def test_bad_input_is_a_problem_that_points_at_it(greenroom_server: GreenroomServer, body: Any, pointer: str) -> None:
    greenroom_server.control.become_ready()
    answer = embed(greenroom_server, body)
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert any(fault["pointer"] == pointer for fault in answer.json()["errors"])
    assert answer.json()["error"]["message"]


def test_a_long_list_of_the_wrong_kind_is_refused_at_its_first_fault(greenroom_server: GreenroomServer) -> None:
    answer = embed(greenroom_server, {"model": "minilm", "input": [1] * 200_000}, timeout=5)
    assert answer.status_code == 422
    assert len(answer.content) < 10_000


def test_the_operators_folders_are_not_shown(greenroom_server: GreenroomServer) -> None:
    answer = get(greenroom_server, "/models/status")
    assert answer.json()["models"][0]["source"] == "path:…/scripted-model"
    assert str(greenroom_server.folder) not in answer.text


def test_a_second_retry_right_after_the_first_is_told_to_wait(greenroom_server: GreenroomServer) -> None:
    url = f"{greenroom_server.url}/models/minilm/retry"
    greenroom_server.control.fail("no luck")
    assert httpx.post(url).status_code == 202
    greenroom_server.control.fail("no luck either")
    again = httpx.post(url)
    assert again.status_code == 429
    assert 1 <= int(again.headers["retry-after"]) <= 3


def test_an_unknown_model_is_404_and_names_the_known_ones(greenroom_server: GreenroomServer) -> None:
    answer = embed(greenroom_server, {"model": "gpt", "input": "a"})
    assert answer.status_code == 404
    assert "minilm" in answer.json()["detail"]


@pytest.mark.parametrize(
    ("content", "media_type", "status"),
    [
        (b"{", "application/json", 422),
        (b"\xff", "application/json", 422),
        (b"{}", "text/plain", 415),
        (b" " * (4 * 1024 * 1024 + 1), "application/json", 413),
    ],
)
def test_bodies_beyond_the_rules_are_refused_by_type(
    greenroom_server: GreenroomServer, content: bytes, media_type: str, status: int
) -> None:
    url = f"{greenroom_server.url}/v1/embeddings"
    answer = httpx.post(url, content=content, headers={"content-type": media_type})
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(("method", "path", "status"), [("GET", "/nowhere", 404), ("DELETE", "/health", 405)])
def test_unknown_routes_and_methods_are_problems_with_a_request_id(
    greenroom_server: GreenroomServer, method: str, path: str, status: int
) -> None:
    answer = httpx.request(method, greenroom_server.url + path, headers={"x-request-id": "mine-1"})
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")
    assert answer.json()["request_id"] == answer.headers["x-request-id"] == "mine-1"


def test_base64_is_the_same_vector(greenroom_server: GreenroomServer) -> None:
    greenroom_server.control.become_ready()
    asked = {"model": "minilm", "input": "same words"}
    plain = embed(greenroom_server, asked).json()["data"][0]["embedding"]
    packed = embed(greenroom_server, {**asked, "encoding_format": "base64"}).json()["data"][0]["embedding"]
    assert list(struct.unpack("<384f", base64.b64decode(packed))) == plain


def test_a_text_beyond_the_window_is_said_to_be_cut(greenroom_server: GreenroomServer) -> None:
    greenroom_server.control.become_ready()
    answer = embed(greenroom_server, {"model": "minilm", "input": ["short", "word " * 300]})
    assert answer.json()["truncated"] == [1]


def test_programs_get_a_welcome_and_browsers_the_app_or_the_same(greenroom_server: GreenroomServer) -> None:
    assert get(greenroom_server, "/").json()["message"] == "Greenroom is running"


def test_the_documents_describe_every_endpoint(greenroom_server: GreenroomServer) -> None:
    from openapi_spec_validator import validate

    document = get(greenroom_server, "/openapi.json").json()
    validate(document)
    assert {"/health", "/status", "/v1/embeddings", "/models/{name}/retry"} <= set(document["paths"])
    assert "/ws/init/{client_id}" in get(greenroom_server, "/asyncapi.json").text
    assert "/v1/embeddings" in get(greenroom_server, "/docs").text
