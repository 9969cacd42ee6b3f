"""The control routes are for callers on the server's own machine, and only where the engine is scripted."""

from __future__ import annotations

from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from greenroom import create_app, load_settings


def app(folder: Path, engine: str) -> Starlette:
    return create_app(load_settings(data=folder / "data", engine=engine))


@pytest.mark.parametrize("address", ["203.0.113.9", "testclient", "10.0.0.7"])
def test_a_caller_from_elsewhere_is_refused(tmp_path: Path, address: str) -> None:
    client = TestClient(app(tmp_path, "scripted"), base_url="http://localhost", client=(address, 5))
    for answer in (client.get("/__test__/state"), client.post("/__test__/clock/advance", json={"seconds": 1})):
        assert answer.status_code == 403
        assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
def test_a_caller_from_this_machine_is_heard(tmp_path: Path, address: str) -> None:
    client = TestClient(app(tmp_path, "scripted"), base_url="http://localhost", client=(address, 5))
    assert client.post("/__test__/clock/advance", json={"seconds": 1}).json()["clock_seconds"] == 1
    assert client.post("/__test__/clock/advance", json={"seconds": -1}).status_code == 422


def test_under_the_real_engine_the_routes_do_not_exist(tmp_path: Path) -> None:
    client = TestClient(app(tmp_path, "local"), base_url="http://localhost", client=("127.0.0.1", 5))
    assert client.get("/__test__/state").status_code == 404
    assert client.post("/__test__/freeze", json={"percent": 1}).status_code == 404
