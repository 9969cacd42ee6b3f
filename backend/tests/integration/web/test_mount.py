"""Greenroom in somebody else's app: guard, socket, readiness, errors and lifespan."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from websockets.sync.client import connect

from greenroom.testing import GreenroomServer
from greenroom.testing.plugin import GreenroomServerFactory

APPS = ("fastapi_app", "starlette_app")


@pytest.fixture
def served(greenroom_server_factory: GreenroomServerFactory, request: pytest.FixtureRequest) -> GreenroomServer:
    return greenroom_server_factory(f"backend.tests.integration.web.mounted:{request.param}")


@pytest.mark.parametrize("served", APPS, indirect=True)
def test_a_guarded_endpoint_answers_425_with_the_snapshot_until_ready(served: GreenroomServer) -> None:
    served.control.freeze(40)
    refused = httpx.post(f"{served.url}/similar")
    assert (refused.status_code, refused.json()["progress"]) == (425, 40)
    assert refused.headers["x-should-retry"] == "true"
    assert 1 <= int(refused.headers["retry-after"]) <= 60
    served.control.become_ready()
    assert httpx.post(f"{served.url}/similar").json()["dimension"] == 384


@pytest.mark.parametrize("served", APPS, indirect=True)
def test_socket_and_readiness_come_with_the_mount(served: GreenroomServer) -> None:
    with connect(served.url.replace("http", "ws") + "/ws/init/me") as socket:
        assert json.loads(socket.recv(timeout=5))["type"] == "hello"
        assert json.loads(socket.recv(timeout=5))["type"] == "initialization"
    assert httpx.get(f"{served.url}/api/v1/admin/ready").status_code == 425


@pytest.mark.parametrize("served", ["starlette_app"], indirect=True)
def test_the_apps_own_routes_win(served: GreenroomServer) -> None:
    assert httpx.get(f"{served.url}/health").json() == {"mine": True}


@pytest.mark.parametrize("served", ["fastapi_app"], indirect=True)
def test_the_apps_own_lifespan_runs_and_its_state_arrives(served: GreenroomServer) -> None:
    served.control.become_ready()
    answer = httpx.post(f"{served.url}/similar").json()
    assert answer == {"dimension": 384, "own": "state", "started": ["yes"]}


@pytest.mark.parametrize("served", ["fastapi_app"], indirect=True)
def test_the_apps_own_code_can_ask_and_wait(served: GreenroomServer) -> None:
    assert httpx.get(f"{served.url}/ask").json() == {"ready": False}
    assert httpx.get(f"{served.url}/wait", params={"seconds": 0.01}).json() == {"ready": False}
    with ThreadPoolExecutor() as pool:
        waiting = pool.submit(httpx.get, f"{served.url}/wait", params={"seconds": 20}, timeout=25)
        served.control.become_ready()
        assert waiting.result().json() == {"ready": True}


@pytest.mark.parametrize("served", ["fastapi_app"], indirect=True)
def test_the_guard_waits_for_fastapi_callers_who_prefer_it(served: GreenroomServer) -> None:
    with ThreadPoolExecutor() as pool:
        waiting = pool.submit(httpx.post, f"{served.url}/similar", headers={"prefer": "wait=20"}, timeout=25)
        served.control.become_ready()
        assert waiting.result().status_code == 200
