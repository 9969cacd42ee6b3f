"""What `openapi.json` says of refusals."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from greenroom.cli.main import run
from tests.unit.web.in_process import AppMaker, ask


@pytest.fixture
def contract(make_app: AppMaker) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(ask(make_app(), "/openapi.json").body)
    return document


def statuses(contract: dict[str, Any], path: str, method: str) -> set[str]:
    return set(contract["paths"][path][method]["responses"])


@pytest.mark.parametrize(
    ("path", "method", "named"),
    [
        ("/v1/embeddings", "post", "200 400 403 404 408 413 415 421 422 425 429 502 503 504 default"),
        ("/api/v1/admin/ready", "get", "200 400 404 421 425 429 503 default"),
        ("/models/{name}/retry", "post", "202 400 403 404 409 421 429 default"),
        ("/models/{name}/refused", "delete", "200 400 401 403 404 421 429 default"),
        ("/models/{name}/refused", "get", "200 400 401 403 404 421 429 default"),
        ("/jobs", "post", "202 400 403 404 408 413 415 421 422 429 503 default"),
        ("/jobs/{id}", "delete", "200 202 400 403 404 409 421 429 503 default"),
        ("/jobs/{id}/results", "get", "200 400 404 410 421 422 429 503 default"),
        ("/status", "get", "200 400 404 421 429 default"),
        ("/models/status", "get", "200 400 421 429 default"),
        ("/livez", "get", "200 400 421 default"),
        ("/readyz", "get", "200 400 421 503 default"),
    ],
)
def test_each_call_names_its_refusals(contract: dict[str, Any], path: str, method: str, named: str) -> None:
    assert statuses(contract, path, method) == set(named.split())


def test_every_reference_leads_somewhere(contract: dict[str, Any]) -> None:
    def check(node: Any) -> None:
        if isinstance(node, dict):
            if isinstance(reference := node.get("$ref"), str):
                found = contract
                for part in reference.removeprefix("#/").split("/"):
                    found = found[part]
            node = list(node.values())
        for inner in node if isinstance(node, list) else ():
            check(inner)

    check(contract)


def test_the_written_contract_has_every_call_that_the_served_one_has(contract: dict[str, Any], tmp_path: Path) -> None:
    assert run(["schema", "--folder", str(tmp_path)]) == 0
    written = json.loads((tmp_path / "openapi.json").read_text())
    assert set(written["paths"]) == set(contract["paths"])


def test_what_cannot_be_served_now_is_a_snapshot_or_a_problem(contract: dict[str, Any]) -> None:
    content = contract["components"]["responses"]["ServiceUnavailable"]["content"]
    assert set(content) == {"application/json", "application/problem+json"}


def test_who_is_to_come_back_is_told_when(contract: dict[str, Any]) -> None:
    answers = contract["components"]["responses"]
    assert {name for name, answer in answers.items() if "Retry-After" in answer.get("headers", {})} == {
        "TooEarly", "TooManyRequests", "ServiceUnavailable",
    }  # fmt: skip


def test_who_may_wait_can_read_how(contract: dict[str, Any]) -> None:
    def headers(path: str, method: str) -> set[str]:
        return {p["name"] for p in contract["paths"][path][method].get("parameters", ()) if p["in"] == "header"}

    assert headers("/v1/embeddings", "post") == {"Prefer"}
    assert headers("/api/v1/admin/ready", "get") == set()


def test_the_page_of_the_contract_asks_for_nothing_that_is_not_there(make_app: AppMaker) -> None:
    page = ask(make_app(), "/docs").body.decode()
    assert '<link rel="icon" href="data:,">' in page  # else browsers ask for /favicon.ico, and paint a 404 red
    assert "Says nothing" not in page
