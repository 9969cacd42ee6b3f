"""Who is let in: by the name that is asked for, by the page that asks, and while there is room."""

from __future__ import annotations

import asyncio
import io
import json
from pathlib import Path

import pytest
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from tests.unit.web.in_process import AppMaker, ask

SOCKET = "/ws/init/me"


def test_a_foreign_name_is_refused_and_told_what_mends_it(make_app: AppMaker) -> None:
    answer = ask(make_app(), "/status", headers={"host": "evil.example"})
    assert (answer.status, answer.problem) == (421, "host-refused")
    assert "GREENROOM_ALLOWED_HOSTS" in json.loads(answer.body)["detail"]


@pytest.mark.parametrize("path", ["/", "/docs", "/openapi.json", "/nowhere", "/models/status", "/__test__/state"])
def test_every_address_asks_for_a_known_name(make_app: AppMaker, path: str) -> None:
    assert ask(make_app(), path, headers={"host": "evil.example"}).status == 421


def test_sockets_ask_for_a_known_name_too(make_app: AppMaker) -> None:
    rebound = {"host": "evil.example", "origin": "http://evil.example"}
    assert ask(make_app(), SOCKET, kind="websocket", headers=rebound).status == 421


@pytest.mark.parametrize(
    "pairs", [[], [("host", "localhost"), ("host", "localhost")], [("host", "[broken")], [("host", "a b")]]
)
def test_a_request_names_exactly_one_well_formed_host(make_app: AppMaker, pairs: list[tuple[str, str]]) -> None:
    answer = ask(make_app(allowed_hosts="*"), "/v1/embeddings", "POST", pairs=pairs)
    assert (answer.status, answer.problem) == (400, "bad-request")


def test_an_old_caller_without_a_host_is_no_browser(make_app: AppMaker) -> None:
    assert ask(make_app(), "/livez", pairs=[], http_version="1.0").status == 200


def test_names_of_the_settings_pass(make_app: AppMaker) -> None:
    app = make_app(host="Green.Example", allowed_hosts="*.other.example")
    for host in ("green.example", "a.other.example:443", "10.0.0.7:8000", "[::1]"):
        assert ask(app, "/status", headers={"host": host}).status == 200


def test_probes_pass_under_any_name_when_set_and_nothing_else_does(make_app: AppMaker) -> None:
    closed, opened = make_app(), make_app(probes_any_host=True)
    for path in ("/health", "/livez", "/readyz"):
        assert ask(closed, path, headers={"host": "pod.internal"}).status == 421
        assert ask(opened, path, headers={"host": "pod.internal"}).status in (200, 503)
    assert ask(opened, "/status", headers={"host": "pod.internal"}).status == 421


def test_probes_pass_under_a_base_path_too(make_app: AppMaker) -> None:
    app = make_app(probes_any_host=True, base_path="/green")
    assert ask(app, "/green/livez", headers={"host": "pod.internal"}).status == 200


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "STRANGE"])
@pytest.mark.parametrize(
    "headers",
    [{"origin": "https://evil.example"}, {"origin": "null"}, {"sec-fetch-site": "cross-site"}],
)
def test_writes_of_foreign_pages_are_refused(make_app: AppMaker, method: str, headers: dict[str, str]) -> None:
    answer = ask(make_app(), "/models/minilm/retry", method, headers=headers)
    assert (answer.status, answer.problem) == (403, "origin-refused")


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"origin": "http://localhost:8000"},
        {"origin": "http://localhost:5173"},
        {"origin": "https://partner.example", "sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-origin"},
    ],
)
def test_writes_of_our_own_and_allowed_pages_pass(make_app: AppMaker, headers: dict[str, str]) -> None:
    app = make_app(allowed_origins="https://partner.example")
    assert ask(app, "/models/minilm/retry", "POST", headers=headers).problem == "retry-refused"


def test_reading_is_for_cors_to_decide(make_app: AppMaker) -> None:
    answer = ask(make_app(), "/status", headers={"origin": "https://evil.example"})
    assert answer.status == 200
    assert "access-control-allow-origin" not in answer.headers


def test_an_allowed_page_may_read_every_answer_even_a_bug(make_app: AppMaker) -> None:
    app = make_app([Route("/bug", _bug)], allowed_origins="https://partner.example")
    page = {"origin": "https://partner.example"}
    foreign_name = {**page, "host": "evil.example"}
    answers = [ask(app, "/status", headers=page), ask(app, "/nowhere", headers=page), ask(app, "/bug", headers=page),
               ask(app, "/status", headers=foreign_name)]  # fmt: skip
    assert [answer.status for answer in answers] == [200, 404, 500, 421]
    for answer in answers:
        assert answer.headers["access-control-allow-origin"] == "https://partner.example"
        exposed = answer.headers["access-control-expose-headers"]
        assert (
            exposed == "Retry-After, Location, Preference-Applied, X-Cache, x-should-retry, x-embedding-space, "
            "Link, X-Total-Count, Content-Disposition"
        )


def test_a_preflight_says_what_an_allowed_page_may_send(make_app: AppMaker) -> None:
    app = make_app(allowed_origins="https://partner.example")
    wish = {"access-control-request-method": "POST", "access-control-request-headers": "authorization,prefer"}
    allowed = ask(app, "/v1/embeddings", "OPTIONS", headers={"origin": "https://partner.example", **wish})
    assert allowed.status == 200
    for name in ("Authorization", "Content-Type", "Prefer", "Idempotency-Key"):
        assert name in allowed.headers["access-control-allow-headers"]
    refused = ask(app, "/v1/embeddings", "OPTIONS", headers={"origin": "https://evil.example", **wish})
    assert "access-control-allow-origin" not in refused.headers


def test_a_full_server_says_so_and_still_answers_probes(make_app: AppMaker) -> None:
    seen: list[int] = []

    async def asks_again(request: Request) -> Response:
        """A second request while this one is in progress."""
        for path in ("/status", "/livez"):
            second = await asyncio.to_thread(ask, request.app, path)
            seen.append(second.status)
        return PlainTextResponse("")

    app = make_app([Route("/slow", asks_again)], max_requests=1)
    assert ask(app, "/slow").status == 200
    assert seen == [429, 200]
    again = ask(app, "/status")
    assert again.status == 200


def test_one_address_gets_half_of_the_room(make_app: AppMaker) -> None:
    seen: list[int] = []

    async def asks_again(request: Request) -> Response:
        for client in ("127.0.0.1", "192.0.2.7"):
            second = await asyncio.to_thread(ask, request.app, "/status", client=(client, 1))
            seen.append(second.status)
        return PlainTextResponse("")

    app = make_app([Route("/slow", asks_again)], max_requests=2)
    assert ask(app, "/slow").status == 200
    assert seen == [429, 200]


def test_a_bug_is_a_problem_with_the_id_and_the_headers_of_every_answer(make_app: AppMaker) -> None:
    answer = ask(make_app([Route("/bug", _bug)]), "/bug", headers={"x-request-id": "mine-1"})
    assert (answer.status, answer.problem) == (500, "internal-error")
    assert answer.headers["x-request-id"] == json.loads(answer.body)["request_id"] == "mine-1"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert b"secret" not in answer.body


async def _bug(request: Request) -> Response:
    raise RuntimeError("a secret of the house")


def test_an_answer_that_breaks_half_way_does_not_look_whole(make_app: AppMaker) -> None:
    async def breaks(request: Request) -> Response:
        async def chunks() -> object:
            yield b"half"
            raise RuntimeError("no more")

        return StreamingResponse(chunks())  # type: ignore[arg-type]

    app = make_app([Route("/half", breaks)])
    with pytest.raises(RuntimeError, match="no more"):
        ask(app, "/half")


def test_pages_may_load_and_ask_only_us_and_answers_may_do_nothing(make_app: AppMaker, tmp_path: Path) -> None:
    static = tmp_path / "static"
    static.mkdir()
    (static / "index.html").write_text("<!doctype html>")
    app = make_app(static=static)
    for page in ("/app/", "/docs"):
        policy = ask(app, page).headers["content-security-policy"]
        assert "default-src 'none'; script-src 'self'" in policy
        assert "unsafe" not in policy
    for path in ("/status", "/nowhere", "/openapi.json"):
        headers = ask(app, path).headers
        assert headers["content-security-policy"] == "default-src 'none'; frame-ancestors 'none'"
        assert (headers["x-frame-options"], headers["referrer-policy"]) == ("DENY", "no-referrer")
        assert headers["cross-origin-opener-policy"] == headers["cross-origin-resource-policy"] == "same-origin"
        assert "camera=()" in headers["permissions-policy"]


def test_an_endpoint_may_have_a_policy_of_its_own(make_app: AppMaker) -> None:
    async def framed(request: Request) -> Response:
        return PlainTextResponse("", headers={"Content-Security-Policy": "frame-ancestors https://partner.example"})

    headers = ask(make_app([Route("/framed", framed)]), "/framed").headers
    assert headers.getlist("content-security-policy") == ["frame-ancestors https://partner.example"]
    assert headers.getlist("x-content-type-options") == ["nosniff"]


def test_a_path_cannot_write_lines_or_commands_into_the_log(make_app: AppMaker, log: io.StringIO) -> None:
    app = make_app()
    ask(app, "/x\nforged" + "y" * 5000 + "?key=geheim")
    ask(app, "/\x1b[2J")
    written = log.getvalue()
    assert "forged" in written
    assert written.count("\n") == 2
    assert "\x1b" not in written
    assert "geheim" not in written
    assert len(written) < 800


def test_a_refused_method_is_told_all_that_the_address_knows(make_app: AppMaker, tmp_path: Path) -> None:
    (tmp_path / "index.html").write_text("")
    pages = make_app(static=tmp_path)
    assert ask(pages, "/app/", "PUT").headers["allow"] == "GET, HEAD"
    answer = ask(make_app(), "/models/minilm/refused", "PUT")
    assert (answer.status, answer.headers["allow"]) == (405, "DELETE, GET, HEAD")
    assert ask(make_app(base_path="/green"), "/green/status", "PUT").headers["allow"] == "GET, HEAD"
