"""Bodies of any kind: within the limits, or a typed refusal, and never a 500."""

from __future__ import annotations

import json
from functools import partial
from typing import Annotated

import pytest
from hypothesis import HealthCheck, example, given
from hypothesis import settings as examples
from hypothesis import strategies as st
from pydantic import BaseModel, Field
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from greenroom.web.bodies import read_json
from greenroom.words import InputFault, InputRefusedError
from tests.unit.web.in_process import AppMaker, ask

JSON = {"content-type": "application/json"}
CALL = "/v1/embeddings"
_EXPECTED = {400, 404, 405, 408, 413, 415, 421, 422, 425, 429}
patient = partial(examples, max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture
def app(make_app: AppMaker) -> Starlette:
    return make_app()


def nested(opening: str, closing: str, depth: int) -> bytes:
    return b'{"model":"minilm","input":' + opening.encode() * depth + b'"x"' + closing.encode() * depth + b"}"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[" * 1_000_000,
        nested("[", "]", 100),
        nested('{"a":', "}", 5_000),
        b'{"model":"minilm","input":NaN}',
        b'{"model":"minilm","input":"x","dimensions":' + b"9" * 100_000 + b"}",
        b'{"model":"minilm","input":"x","dimensions":1e999}',
        b'{"model":"minilm","input":"x","dimensions":-Infinity}',
        b'{"model":"minilm","input":"\\ud800"}',
        b'{"model":"minilm","input":"\xed\xa0\x80"}',
        b'{"model":"minilm","input":"\xff"}',
        b'\xef\xbb\xbf{"model":"minilm","input":"x"}',
        '{"model":"minilm","input":"x"}'.encode("utf-16"),
        b'{"model":"minilm","input":"x"} {}',
        b'{"model":"minilm","input":["x",null]}',
    ],
)
def test_hostile_json_is_bad_input(app: Starlette, body: bytes) -> None:
    answer = ask(app, CALL, "POST", JSON, body)
    assert (answer.status, answer.problem) == (422, "invalid-input")
    assert len(answer.body) < 10_000


@pytest.mark.parametrize(
    ("body", "pointers"),
    [
        ({"model": "minilm", "input": [1, 2]}, {"/input/0"}),
        ({"model": "minilm", "input": ["x", None], "dimensions": 0}, {"/input/1", "/dimensions"}),
        ({"model": "minilm", "input": 5}, {"/input"}),
        ({"model": "minilm", "input": []}, {"/input"}),
        ({"input": "x"}, {"/model"}),
        ({}, {"/model", "/input"}),
        ([], {""}),
    ],
)
def test_pointers_lead_to_places_in_the_body(app: Starlette, body: object, pointers: set[str]) -> None:
    problem = json.loads(ask(app, CALL, "POST", JSON, json.dumps(body).encode()).body)
    assert {fault["pointer"] for fault in problem["errors"]} == pointers
    assert "list[" not in problem["detail"]


class _Leaf(BaseModel):
    name: str


class _Tree(BaseModel):
    leaf: int | _Leaf
    a_b: Annotated[int, Field(alias="a/b~")] = 0


@pytest.mark.parametrize(
    ("body", "pointers"),
    [({"leaf": {}}, {"/leaf/name"}), ({"leaf": {"name": 1}}, {"/leaf/name"}), ({"leaf": 1, "a/b~": "x"}, {"/a~1b~0"})],
)
def test_what_a_branch_of_a_union_misses_is_named(make_app: AppMaker, body: object, pointers: set[str]) -> None:
    async def plant(request: Request) -> Response:
        await read_json(request, _Tree)
        return Response()

    app = make_app([Route("/plant", plant, methods=["POST"])])
    problem = json.loads(ask(app, "/plant", "POST", JSON, json.dumps(body).encode()).body)
    assert {fault["pointer"] for fault in problem["errors"]} == pointers


def test_who_is_refused_for_good_learns_the_remedy(make_app: AppMaker) -> None:
    async def refuse(request: Request) -> Response:
        raise InputRefusedError("input 3: it ends the process", (InputFault("/input/3", "it ends the process"),))

    answer = ask(make_app([Route("/refuse", refuse)]), "/refuse")
    assert (answer.status, answer.problem) == (422, "input-refused")
    problem = json.loads(answer.body)
    assert "DELETE /models/{name}/refused" in problem["detail"]
    assert [fault["pointer"] for fault in problem["errors"]] == ["/input/3"]


def test_of_a_duplicate_key_the_last_counts(app: Starlette) -> None:
    answer = ask(app, CALL, "POST", JSON, b'{"model":"minilm","model":"nobody","input":"x"}')
    assert (answer.status, answer.problem) == (404, "unknown-model")


@pytest.mark.parametrize("encoding", ["gzip", "br", "deflate", "zstd", "gzip, identity", "GZIP"])
def test_a_compressed_body_is_not_unpacked(app: Starlette, encoding: str) -> None:
    answer = ask(app, CALL, "POST", {**JSON, "content-encoding": encoding}, b"\x1f\x8b")
    assert (answer.status, answer.problem) == (415, "unsupported-media-type")


@pytest.mark.parametrize(
    ("declared", "status"),
    [("5000000", 413), ("9" * 18, 413), ("9" * 5000, 422), ("0", 422), ("3", 422), ("-1", 422), ("\xb2", 422)],
)
def test_a_length_that_lies_is_no_matter(app: Starlette, declared: str, status: int) -> None:
    assert ask(app, CALL, "POST", {**JSON, "content-length": declared}, b"{}").status == status


def test_more_bytes_than_allowed_are_refused_though_none_were_declared(make_app: AppMaker) -> None:
    answer = ask(make_app(max_body_bytes=100), CALL, "POST", JSON, b" " * 101)
    assert (answer.status, answer.problem) == (413, "payload-too-large")


_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(max_size=10), inner, max_size=5),
    max_leaves=20,
)
_members = st.dictionaries(
    st.sampled_from(["model", "input", "dimensions", "encoding_format", "user", "x"]),
    st.sampled_from(["minilm", "base64"]) | _values,
)


@patient()
@given(st.binary(max_size=200) | _values.map(json.dumps).map(str.encode) | _members.map(json.dumps).map(str.encode))
def test_no_body_at_all_breaks_the_server(app: Starlette, body: bytes) -> None:
    assert ask(app, CALL, "POST", JSON, body).status in _EXPECTED


_header_text = st.text(st.characters(max_codepoint=255, exclude_characters="\r\n\0"), max_size=60)
_header_names = st.sampled_from(
    ["host", "origin", "content-type", "content-length", "content-encoding", "prefer", "authorization", "forwarded",
     "x-request-id", "accept", "if-none-match", "range", "sec-fetch-site", "x-forwarded-for"]
)  # fmt: skip
_methods = st.sampled_from(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "X"])
_paths = st.sampled_from(
    ["/", "/health", "/status", "/readyz", "/models/status", "/models/minilm/retry", CALL, "/predict/status",
     "/api/v1/admin/ready", "/docs", "/openapi.json", "/app/", "/models//retry", "/models/minilm/refused"]
) | st.text(max_size=30).map(lambda text: "/" + text.replace("?", ""))  # fmt: skip


@patient(max_examples=300)
@given(
    method=_methods,
    path=_paths,
    query=st.text(max_size=30),
    headers=st.dictionaries(_header_names, _header_text, max_size=6),
    body=st.binary(max_size=50),
)
@example("POST", CALL, "", {"host": "[broken"}, b"")
@example("GET", "/status", "models=\ud83d", {}, b"")
def test_no_request_at_all_breaks_the_server(
    app: Starlette, method: str, path: str, query: str, headers: dict[str, str], body: bytes
) -> None:
    query = query.encode("utf-8", "replace").decode()
    answer = ask(app, f"{path}?{query}", method, headers, body)
    assert answer.status < 500 or (answer.status == 503 and path == "/readyz")
    assert answer.headers["x-request-id"]
    assert answer.headers["x-content-type-options"] == "nosniff"


@patient(max_examples=100)
@given(_paths | st.just("/ws/init/me"), st.text(max_size=30), st.dictionaries(_header_names, _header_text, max_size=4))
def test_no_handshake_at_all_breaks_the_server(app: Starlette, path: str, query: str, headers: dict[str, str]) -> None:
    query = query.encode("utf-8", "replace").decode()
    assert ask(app, f"{path}?{query}", headers=headers, kind="websocket").status < 500
