"""Who may call what: the admin guard, in one process."""

from __future__ import annotations

import io
import json

import pytest
from fastapi import Depends, FastAPI
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from greenroom import mount, require_admin
from greenroom.settings import load_settings
from greenroom.web.admin import same_secret
from greenroom.web.documents import endpoints_of
from tests.unit.web.in_process import Answer, AppMaker, ask

TOKEN = "a-token-that-nobody-would-guess"


@require_admin
async def change(request: Request) -> Response:
    return PlainTextResponse("changed")


ROUTES = [Route("/change", change, methods=["POST"])]


def bearer(token: str) -> dict[str, str]:
    return {"authorization": f"Bearer {token}"}


def test_the_right_token_opens(make_app: AppMaker) -> None:
    app = make_app(ROUTES, admin_token=TOKEN)
    assert ask(app, "/change", "POST", bearer(TOKEN)).status == 200
    assert ask(app, "/change", "POST", {"authorization": f"bearer  {TOKEN} "}).status == 200


@pytest.mark.parametrize(
    "headers",
    [
        {},
        bearer("wrong"),
        bearer(""),
        bearer(TOKEN[:-1]),
        bearer(TOKEN + "x"),
        {"authorization": TOKEN},
        {"authorization": f"Basic {TOKEN}"},
        bearer("\xff\xfe"),
    ],
)
def test_any_other_is_401_and_says_how(make_app: AppMaker, headers: dict[str, str]) -> None:
    answer = ask(make_app(ROUTES, admin_token=TOKEN), "/change", "POST", headers)
    assert (answer.status, answer.problem) == (401, "not-authorised")
    assert answer.headers["www-authenticate"] == "Bearer"


def test_without_a_token_in_the_settings_nobody_is_let_in(make_app: AppMaker) -> None:
    app = make_app(ROUTES)
    for headers in ({}, bearer(TOKEN), bearer("")):
        answer = ask(app, "/change", "POST", headers)
        assert (answer.status, answer.problem) == (403, "forbidden")
        assert "GREENROOM_ADMIN_TOKEN" in json.loads(answer.body)["detail"]


def test_a_token_in_the_address_counts_for_nothing(make_app: AppMaker) -> None:
    app = make_app(ROUTES, admin_token=TOKEN)
    for query in (f"token={TOKEN}", f"access_token={TOKEN}", f"authorization=Bearer%20{TOKEN}"):
        assert ask(app, f"/change?{query}", "POST").status == 401


def test_guessing_is_slowed_down_and_locks_nobody_out(make_app: AppMaker) -> None:
    app = make_app(ROUTES, admin_token=TOKEN)
    answers = [ask(app, "/change", "POST", bearer(f"guess-{number}")) for number in range(11)]
    assert [answer.status for answer in answers] == [401] * 10 + [429]
    assert "wrong admin tokens" in json.loads(answers[-1].body)["detail"]
    assert 1 <= int(answers[-1].headers["retry-after"]) <= 6
    assert ask(app, "/change", "POST", bearer(TOKEN)).status == 200  # the operator, behind the same address
    assert ask(app, "/change", "POST", bearer("guess-12")).status == 429  # and that opens the way for no guess


def test_a_credential_of_another_kind_is_no_guess(make_app: AppMaker) -> None:
    app = make_app(ROUTES, admin_token=TOKEN)
    for authorization in (f"Basic {TOKEN}", TOKEN, ""):
        answers = [ask(app, "/change", "POST", {"authorization": authorization}) for _ in range(12)]
        assert {answer.status for answer in answers} == {401}
        assert "Authorization: Bearer" in json.loads(answers[-1].body)["detail"]


def test_asking_without_any_token_is_no_guess(make_app: AppMaker) -> None:
    app = make_app(ROUTES, admin_token=TOKEN)
    assert {ask(app, "/change", "POST").status for _ in range(30)} == {401}
    assert ask(app, "/change", "POST", bearer(TOKEN)).status == 200


def test_no_token_right_or_wrong_is_logged(make_app: AppMaker, log: io.StringIO) -> None:
    app = make_app(ROUTES, admin_token=TOKEN)
    for given in (TOKEN, "wrong-secret"):
        ask(app, f"/change?token={given}", "POST", bearer(given))
    written = log.getvalue()
    assert "wrong_admin_token" in written
    assert TOKEN not in written
    assert "wrong-secret" not in written


def local(app: object, headers: dict[str, str] | None = None, peer: str = "127.0.0.1") -> Answer:
    return ask(app, "/change", "POST", headers, client=(peer, 5))


@pytest.mark.parametrize("peer", ["127.0.0.1", "127.8.8.8", "::1", "::ffff:127.0.0.1"])
@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"origin": "http://localhost:8000"},
        {"host": "[::1]:8000", "origin": "http://[::1]:8000"},
        {"sec-fetch-site": "same-origin"},
        {"sec-fetch-site": "none"},
    ],
)
def test_the_local_mode_admits_this_machine_and_its_own_page(
    make_app: AppMaker, headers: dict[str, str], peer: str
) -> None:
    assert local(make_app(ROUTES, local=True), headers, peer).status == 200
    assert local(make_app(ROUTES, local=True, admin_token=TOKEN), headers, peer).status == 200
    assert local(make_app(ROUTES), headers, peer).status == 403


@pytest.mark.parametrize(
    ("headers", "peer"),
    [
        ({}, "10.0.0.7"),
        ({}, "2001:db8::1"),
        ({}, ""),
        ({"host": "green.example"}, "127.0.0.1"),
        ({"host": "10.0.0.7"}, "127.0.0.1"),
        ({"host": "app.localhost"}, "127.0.0.1"),
        ({"origin": "http://localhost:5173"}, "127.0.0.1"),
        ({"origin": "http://127.0.0.1:8000"}, "127.0.0.1"),
        ({"origin": "https://partner.example"}, "127.0.0.1"),
        ({"origin": "null"}, "127.0.0.1"),
        ({"sec-fetch-site": "cross-site"}, "127.0.0.1"),
        ({"sec-fetch-site": "same-site"}, "127.0.0.1"),
        ({"forwarded": "for=127.0.0.1"}, "127.0.0.1"),
        ({"x-forwarded-for": "127.0.0.1"}, "127.0.0.1"),
        ({"x-forwarded-host": "localhost"}, "127.0.0.1"),
        ({"x-real-ip": "127.0.0.1"}, "127.0.0.1"),
        ({"via": "1.1 proxy"}, "127.0.0.1"),
    ],
)
def test_the_local_mode_admits_nobody_else(make_app: AppMaker, headers: dict[str, str], peer: str) -> None:
    app = make_app(ROUTES, local=True, allowed_origins="https://partner.example", allowed_hosts="green.example")
    assert local(app, headers, peer).status == 403


def test_a_wrong_token_is_wrong_in_the_local_mode_too(make_app: AppMaker) -> None:
    assert local(make_app(ROUTES, local=True, admin_token=TOKEN), bearer("wrong")).status == 401


def test_a_token_works_through_a_proxy_in_the_local_mode_too(make_app: AppMaker) -> None:
    app = make_app(ROUTES, local=True, admin_token=TOKEN)
    assert local(app, {**bearer(TOKEN), "x-forwarded-for": "10.0.0.7"}).status == 200


def test_every_admin_endpoint_is_closed_and_no_other(make_app: AppMaker) -> None:
    app = make_app(admin_token=TOKEN)
    for endpoint in endpoints_of(app.routes):
        answer = ask(app, endpoint.path.replace("{name}", "minilm"), endpoint.method, {"content-type": "text/plain"})
        assert (answer.status == 401) is endpoint.operation.admin, endpoint.path


def test_the_contract_says_what_an_admin_call_needs(make_app: AppMaker) -> None:
    document = json.loads(ask(make_app(), "/openapi.json").body)
    (name,) = document["components"]["securitySchemes"]
    for operation in document["paths"]["/models/{name}/refused"].values():
        assert operation["security"] == [{name: []}]
        assert {"200", "401", "403", "429"} <= set(operation["responses"])
    assert "security" not in document["paths"]["/status"]["get"]


def test_refused_inputs_are_shown_and_forgiven(make_app: AppMaker) -> None:
    app = make_app(admin_token=TOKEN)
    shown = ask(app, "/models/minilm/refused", "GET", bearer(TOKEN))
    assert (shown.status, json.loads(shown.body)) == (200, {"model": "minilm", "refused": []})
    forgiven = ask(app, "/models/minilm/refused", "DELETE", bearer(TOKEN))
    assert (forgiven.status, json.loads(forgiven.body)) == (200, {"model": "minilm", "forgiven": 0})
    assert ask(app, "/models/nobody/refused", "GET", bearer(TOKEN)).status == 404


def test_it_is_a_fastapi_dependency_too(make_app: AppMaker) -> None:
    app = FastAPI()

    @app.post("/change", dependencies=[Depends(require_admin)])
    async def change_too() -> str:
        return "changed"

    mount(app, load_settings(engine="scripted", admin_token=TOKEN))
    assert ask(app, "/change", "POST").status == 401
    assert ask(app, "/change", "POST", bearer(TOKEN)).status == 200


@pytest.mark.parametrize(("given", "same"), [("secret", True), ("secre", False), ("", False), ("Secret", False)])
def test_secrets_are_compared_whole(given: str, same: bool) -> None:
    assert same_secret(given, "secret") is same
