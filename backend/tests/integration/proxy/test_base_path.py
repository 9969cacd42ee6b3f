"""Under a base path every address works, and every address that an answer names stands under it."""

from __future__ import annotations

import json
from collections.abc import Iterator

import httpx
import pytest
from websockets.sync.client import connect

from greenroom.testing import GreenroomServer

BASE = "/tools/greenroom"
PAGE = '<meta name="greenroom-app" content="./"><script src="./assets/main.js"></script>'
HTML = {"accept": "text/html"}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GreenroomServer]:
    folder = tmp_path_factory.mktemp("based")
    (folder / "app" / "assets").mkdir(parents=True)
    (folder / "app" / "index.html").write_text(PAGE)
    (folder / "app" / "assets" / "main.js").write_text("'hello'")
    (folder / "based.py").write_text(
        "import greenroom, pathlib\n"
        "def create_app(): return greenroom.create_app(static=pathlib.Path(__file__).with_name('app'))\n"
    )
    environment = {"GREENROOM_BASE_PATH": f"{BASE}/", "GREENROOM_LOG_LEVEL": "debug"}
    with GreenroomServer("based:create_app", folder=folder, environment=environment) as server:
        yield server


@pytest.fixture(params=[BASE, ""], ids=["passed on", "taken away by the proxy"])
def at(request: pytest.FixtureRequest, server: GreenroomServer) -> str:
    """The server's address as it hears it from a proxy that leaves the path alone, and from one that strips it."""
    return server.url + str(request.param)


def test_calls_and_sockets_are_answered(at: str) -> None:
    assert httpx.get(f"{at}/health").json()["status"] == "healthy"
    assert httpx.get(f"{at}/api/v1/admin/ready").status_code == 425
    with connect(f"{at.replace('http', 'ws')}/ws/init/me") as socket:
        assert json.loads(socket.recv(timeout=10))["type"] == "hello"


def test_problems_name_the_address_that_the_caller_used(at: str) -> None:
    problem = httpx.get(f"{at}/nothing").json()
    assert problem["instance"] == f"{BASE}/nothing"
    assert problem["type"] == "/problems/not-found", "a name for programs, the same under every base path"


def test_the_openai_shape_is_kept_under_v1(at: str) -> None:
    problem = httpx.post(f"{at}/v1/embeddings", content=b"no JSON").json()
    assert (problem["instance"], problem["error"]["type"]) == (f"{BASE}/v1/embeddings", "invalid_request_error")


def test_a_browser_is_led_to_the_app(at: str) -> None:
    answer = httpx.get(f"{at}/", headers=HTML)
    assert (answer.status_code, answer.headers["location"]) == (302, f"{BASE}/app/")


@pytest.mark.parametrize("path", ["", "/app"])
def test_a_missing_slash_is_mended_under_the_base_path(server: GreenroomServer, path: str) -> None:
    answer = httpx.get(f"{server.url}{BASE}{path}", headers=HTML)
    assert answer.headers["location"] == f"{server.url}{BASE}{path}/"


@pytest.mark.parametrize("path", ["/app/", "/app/index.html", "/app/some/page/", "/app/some/other/page"])
def test_the_page_names_its_parts_in_full_at_any_depth(at: str, path: str) -> None:
    answer = httpx.get(f"{at}{path}")
    assert answer.text == PAGE.replace("./", f"{BASE}/app/")
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert (answer.headers["cache-control"], answer.headers.get("etag")) == ("no-cache", None)


def test_the_parts_of_the_app_are_kept_for_ever_and_missing_ones_are_missing(at: str) -> None:
    assert "immutable" in httpx.get(f"{at}/app/assets/main.js").headers["cache-control"]
    assert httpx.get(f"{at}/app/assets/gone.js").status_code == 404
    assert httpx.post(f"{at}/app/").status_code == 405


def test_programs_are_told_the_addresses_in_full(at: str) -> None:
    welcome = httpx.get(f"{at}/").json()
    for name in ("docs", "status"):
        assert welcome[name] == f"{BASE}/{name}"
    assert welcome["socket"] == f"{BASE}/ws/init/{{client_id}}"


def test_the_contract_stands_under_the_base_path(at: str) -> None:
    assert httpx.get(f"{at}/openapi.json").json()["servers"] == [{"url": BASE}]
    assert httpx.get(f"{at}/asyncapi.json").json()["channels"]["init"]["address"] == f"{BASE}/ws/init/{{client_id}}"
    page = httpx.get(f"{at}/docs").text
    assert f"<code>{BASE}/health</code>" in page
    assert f"<code>{BASE}/ws/init/" in page


def test_without_a_base_path_the_contract_names_no_server(greenroom_server: GreenroomServer) -> None:
    assert "servers" not in httpx.get(f"{greenroom_server.url}/openapi.json").json()
    assert httpx.get(f"{greenroom_server.url}{BASE}/health").status_code == 404


def test_a_longer_word_is_not_the_base_path(server: GreenroomServer) -> None:
    problem = httpx.get(f"{server.url}{BASE}s/health").json()
    assert (problem["status"], problem["instance"]) == (404, f"{BASE}{BASE}s/health")
