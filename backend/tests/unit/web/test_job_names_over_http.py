"""What a job is called, however it is sent."""

from __future__ import annotations

import json

import pytest
from starlette.applications import Starlette

from tests.unit.web.in_process import Answer, AppMaker, ask
from tests.unit.web.test_upload_forms import field, part, whole

FORM = {"content-type": "multipart/form-data; boundary=b-1"}
JSON, TEXT = {"content-type": "application/json"}, {"content-type": "text/plain"}


@pytest.fixture
def app(make_jobs_app: AppMaker) -> Starlette:
    return make_jobs_app()


def name_of(app: Starlette, kind: dict[str, str], body: bytes, query: str = "", **headers: str) -> str | None:
    job = json.loads(sent(app, kind, body, query, **headers).body)
    assert job["name"] == json.loads(ask(app, f"/jobs/{job['job_uuid']}").body)["name"]
    name: str | None = job["name"]
    return name


def sent(app: Starlette, kind: dict[str, str], body: bytes, query: str = "", **headers: str) -> Answer:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    answer = ask(app, f"/jobs{query}", "POST", {**kind, **named}, body)
    assert answer.status == 202
    return answer


def file(name: str) -> bytes:
    return part(f'form-data; name="file"; filename="{name}"', b"good\n", "text/plain")


@pytest.mark.parametrize(
    ("body", "query", "name"),
    [
        (whole(file("Grüße, März.txt")), "", "Grüße, März.txt"),
        (whole(file("a %22b%22 100%.txt")), "", 'a "b" 100%.txt'),
        (whole(file(r"..\\..\\secret\\a.txt")), "", "a.txt"),
        (whole(file("a.txt")), "?name=b", "b"),
        (whole(file("a.txt")), "?name=", None),
        (whole(file("a.txt"), field("name", "c")), "?name=b", "c"),
        (whole(file("a.txt"), field("name", "")), "", "a.txt"),
        (whole(part('form-data; name="file"', b"good\n", "text/plain")), "", None),
        (
            whole(part('form-data; name="file"; filename="a.txt"', b"a").replace(b"a.txt", b"\xff.txt")),
            "",
            "\ufffd.txt",
        ),
    ],
)
def test_a_form_names_its_job_by_a_field_else_the_address_else_its_file(
    app: Starlette, body: bytes, query: str, name: str | None
) -> None:
    assert name_of(app, FORM, body, query) == name


@pytest.mark.parametrize(
    ("query", "name"), [("", None), ("?name=24%2F12", "24/12"), ("?name=a%00%ED%A0%80", "a \ufffd\ufffd\ufffd")]
)
def test_a_file_sent_as_it_is_is_named_by_the_address(app: Starlette, query: str, name: str | None) -> None:
    assert name_of(app, TEXT, b"good", query) == name


@pytest.mark.parametrize(
    ("body", "query", "name"),
    [
        ({}, "", None),
        ({"name": "mine"}, "?name=b", "mine"),
        ({"name": None}, "?name=b", "b"),
        ({"name": " "}, "", None),
    ],
)
def test_texts_are_named_by_the_body_else_the_address(
    app: Starlette, body: dict[str, str | None], query: str, name: str | None
) -> None:
    assert name_of(app, JSON, json.dumps({"text": "good", **body}).encode(), query) == name


def test_another_name_makes_no_other_request(app: Starlette) -> None:
    """A script that tries again with a file of its own making has the same texts in it."""
    assert [name_of(app, TEXT, b"good", f"?name={name}", idempotency_key="k") for name in "ab"] == ["a", "a"]


def test_results_are_downloaded_under_the_name(app: Starlette) -> None:
    address = sent(app, TEXT, b"good", "?name=M%C3%A4rz%0D%0Aset-cookie:%20a.csv").headers["location"]
    answer = ask(app, f"{address}/results?format=csv")
    assert answer.headers["content-disposition"] == (
        'attachment; filename="M_rz set-cookie_ a-results-partial.csv"; '
        "filename*=UTF-8''M%C3%A4rz%20set-cookie%3A%20a-results-partial.csv"
    )
    assert "set-cookie" not in answer.headers
