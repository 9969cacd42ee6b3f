"""Greenroom behind a real nginx over TLS and under a base path, as `docs/operations.md` says to set it up."""

from __future__ import annotations

import inspect
import json
import re
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn
from websockets.exceptions import InvalidStatus
from websockets.sync.client import ClientConnection, connect

from greenroom.settings import Settings
from greenroom.testing import GreenroomServer
from greenroom.web.hub import HEARTBEAT_SECONDS
from tests.integration.proxy.nginx import HOST, MISSING, WHY_SKIPPED, Nginx, documented_configuration

pytestmark = pytest.mark.skipif(bool(MISSING), reason=WHY_SKIPPED)

BASE = "/greenroom"
PREVIEW = {"description": "120 luminaires", "k": 3}
JSON = {"content-type": "application/json"}
MEBIBYTE = 1024 * 1024
STATIC = Path(__file__).parents[3] / "workbench" / "static" / "index.html"


@pytest.fixture(scope="module")
def greenroom_behind() -> Iterator[GreenroomServer]:
    environment = {
        "GREENROOM_BASE_PATH": BASE,
        "GREENROOM_TRUSTED_PROXIES": HOST,
        "GREENROOM_MAX_CONNECTIONS_PER_ADDRESS": "2",
    }
    with GreenroomServer("workbench:create_app", environment=environment) as server:
        yield server


@pytest.fixture
def server(greenroom_behind: GreenroomServer) -> GreenroomServer:
    """A new life on the same port, its model frozen at 0 %."""
    greenroom_behind.restart(forget=True)
    return greenroom_behind


@pytest.fixture(scope="module")
def nginx(greenroom_behind: GreenroomServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nginx]:
    with Nginx(tmp_path_factory.mktemp("nginx"), greenroom_behind.port) as nginx:
        yield nginx


@pytest.fixture
def client(server: GreenroomServer, nginx: Nginx) -> Iterator[httpx.Client]:
    with a_client(nginx) as client:
        yield client


def a_client(nginx: Nginx, base: str = BASE) -> httpx.Client:
    return httpx.Client(base_url=f"{nginx.url}{base}", verify=nginx.trust, timeout=30)


def join(nginx: Nginx, source: str = HOST, **options: Any) -> AbstractContextManager[ClientConnection]:
    options = {"ssl": nginx.trust, "origin": nginx.url, "source_address": (source, 0), **options}
    link: AbstractContextManager[ClientConnection] = connect(f"wss://{HOST}:{nginx.port}{BASE}/ws/init/me", **options)
    return link


def until(socket: ClientConnection, **wanted: Any) -> dict[str, Any]:
    while True:
        frame: dict[str, Any] = json.loads(socket.recv(timeout=10))
        if wanted.items() <= frame.items():
            return frame


@pytest.mark.skipif(not STATIC.exists(), reason="The web app is not built. Mend with: npm run build:app")
def test_the_page_and_all_its_parts_arrive(client: httpx.Client) -> None:
    page = client.get("/", headers={"accept": "text/html"}, follow_redirects=True)
    assert page.url.path == f"{BASE}/app/"
    parts = re.findall(r'(?:src|href)="([^"]+)"', page.text)
    assert len(parts) >= 3
    for part in parts:
        assert part.startswith(f"{BASE}/app/")
        assert client.get(page.url.join(part)).status_code == 200


def test_plain_http_leads_to_tls_and_a_missing_slash_is_mended(server: GreenroomServer, nginx: Nginx) -> None:
    plain = httpx.post(f"http://{HOST}:{nginx.plain_port}{BASE}/v1/embeddings?a=b")
    assert (plain.status_code, plain.headers["location"]) == (308, f"https://{HOST}{BASE}/v1/embeddings?a=b")
    with a_client(nginx, "") as client:
        assert client.get(BASE).headers["location"] == f"{BASE}/"
        assert client.get(f"{BASE}/app").headers["location"] == f"{nginx.url}{BASE}/app/"


def test_answers_pass_with_their_headers_and_promise_tls(client: httpx.Client) -> None:
    health = client.get("/health", headers={"X-Request-ID": "mine-1"})
    assert (health.status_code, health.headers["x-request-id"]) == (200, "mine-1")
    assert health.headers["strict-transport-security"].startswith("max-age=")
    assert "content-security-policy" in health.headers


def test_a_refusal_until_ready_arrives_as_it_left(server: GreenroomServer, client: httpx.Client) -> None:
    server.control.freeze(40)
    refused = client.post("/api/v1/rfq/preview-prompt", json=PREVIEW)
    assert (refused.status_code, refused.json()["progress"]) == (425, 40)
    assert 1 <= int(refused.headers["retry-after"]) <= 60
    assert (refused.headers["x-should-retry"], refused.headers["cache-control"]) == ("true", "no-store")


def test_a_held_request_is_answered_once_the_model_is_ready(server: GreenroomServer, client: httpx.Client) -> None:
    with ThreadPoolExecutor(1) as pool:
        held = pool.submit(client.post, "/api/v1/rfq/preview-prompt", json=PREVIEW, headers={"Prefer": "wait=20"})
        server.control.become_ready()
        answer = held.result(timeout=25)
    assert answer.status_code == 200
    assert len(answer.json()["pairs"]) == 3


def test_nginx_waits_longer_than_we_ever_let_it() -> None:
    (seconds,) = re.findall(r"proxy_read_timeout (\d+)s;", documented_configuration())
    longest = (
        Settings.model_fields["max_wait_seconds"].default + Settings.model_fields["inference_timeout_seconds"].default
    )
    assert int(seconds) > max(longest, 2 * HEARTBEAT_SECONDS)


def test_nginx_is_the_first_to_end_an_idle_connection() -> None:
    """The other way round, a request now and then meets a connection that is just being closed: 502."""
    (seconds,) = re.findall(r"keepalive_timeout (\d+)s;", documented_configuration())
    assert int(seconds) < inspect.signature(uvicorn.Config).parameters["timeout_keep_alive"].default


def test_a_socket_over_tls_hears_each_change_at_once(server: GreenroomServer, nginx: Nginx) -> None:
    server.control.freeze(20)
    with join(nginx) as socket:
        assert json.loads(socket.recv(timeout=10))["type"] == "hello"
        assert json.loads(socket.recv(timeout=10))["progress"] == 20
        for percent in (30, 60, 99):
            server.control.freeze(percent)
            until(socket, progress=percent)
        server.control.become_ready()
        until(socket, ready=True)


def test_a_page_of_somebody_else_is_refused_the_socket(server: GreenroomServer, nginx: Nginx) -> None:
    with pytest.raises(InvalidStatus) as refused, join(nginx, origin="https://evil.example"):
        pass
    assert refused.value.response.status_code == 403


@pytest.mark.skipif(sys.platform != "linux", reason="Only Linux has all of 127.0.0.0/8 without asking.")
def test_each_person_has_places_of_their_own_whatever_they_claim(server: GreenroomServer, nginx: Nginx) -> None:
    def claiming(chain: str) -> AbstractContextManager[ClientConnection]:
        return join(nginx, "127.0.0.2", additional_headers={"X-Forwarded-For": chain})

    with join(nginx, "127.0.0.2"), claiming("6.6.6.6"):
        with pytest.raises(InvalidStatus) as refused, claiming(f"{HOST}, 7.7.7.7"):
            pass
        assert refused.value.response.status_code == 429
        with join(nginx, "127.0.0.3") as other:
            assert json.loads(other.recv(timeout=10))["type"] == "hello"


@pytest.mark.parametrize("mebibytes", [5, 7])
def test_a_body_too_large_is_answered_by_our_own_problem(client: httpx.Client, mebibytes: int) -> None:
    answer = client.post("/v1/embeddings", content=b" " * mebibytes * MEBIBYTE, headers=JSON)
    assert (answer.status_code, answer.headers["content-type"]) == (413, "application/problem+json")
    assert answer.json()["instance"] == f"{BASE}/v1/embeddings"


def test_far_too_large_a_body_ends_at_nginx(client: httpx.Client) -> None:
    assert client.post("/v1/embeddings", content=b" " * 9 * MEBIBYTE).status_code == 413


def test_metrics_are_for_those_who_ask_greenroom_itself(server: GreenroomServer, client: httpx.Client) -> None:
    assert client.get("/metrics").status_code == 404
    assert httpx.get(f"{server.url}/metrics").status_code == 200


def test_a_reload_of_nginx_keeps_the_sockets_that_are_open(server: GreenroomServer, nginx: Nginx) -> None:
    with join(nginx) as before:
        until(before, progress=0)
        nginx.reload()
        server.control.freeze(60)
        until(before, progress=60)
        with join(nginx) as after:
            until(after, progress=60)


def test_a_server_that_is_away_is_explained_and_found_again(
    server: GreenroomServer, nginx: Nginx, client: httpx.Client
) -> None:
    assert client.get("/health").status_code == 200
    server.kill()
    away = client.get("/status")
    assert (away.status_code, away.headers["content-type"]) == (503, "application/problem+json")
    assert (away.headers["retry-after"], away.json()["status"]) == ("2", 503)
    assert "strict-transport-security" in away.headers
    with pytest.raises(InvalidStatus) as refused, join(nginx):
        pass
    assert refused.value.response.status_code == 503
    server.restart()
    assert client.get("/status").status_code == 200


def test_a_proxy_that_takes_the_base_path_away_serves_just_as_well(server: GreenroomServer, tmp_path: Path) -> None:
    with (
        Nginx(tmp_path, server.port, {"proxy_pass http://greenroom;": "proxy_pass http://greenroom/;"}) as nginx,
        a_client(nginx) as client,
    ):
        assert client.get("/health").status_code == 200
        assert client.get("/nothing").json()["instance"] == f"{BASE}/nothing"
        assert client.get("/", headers={"accept": "text/html"}).headers["location"] == f"{BASE}/app/"
        with join(nginx) as socket:
            assert json.loads(socket.recv(timeout=10))["type"] == "hello"
