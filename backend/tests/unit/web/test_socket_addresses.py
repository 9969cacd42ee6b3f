"""What those hear who look for a socket in the wrong way or place."""

from __future__ import annotations

import json

import pytest
from fastapi import FastAPI

from greenroom import mount
from greenroom.settings import load_settings
from tests.unit.web.in_process import AppMaker, ask


def test_a_handshake_that_lost_its_upgrade_says_so(make_app: AppMaker) -> None:
    answer = ask(make_app(), "/ws/init/me")
    assert answer.status == 426
    assert (answer.headers["upgrade"], answer.headers["connection"]) == ("websocket", "upgrade")
    assert "behind a proxy pass Upgrade and Connection" in json.loads(answer.body)["detail"]


def test_it_says_so_in_somebody_elses_app_too(make_app: AppMaker) -> None:
    app = FastAPI()
    mount(app, load_settings(engine="scripted"))
    assert ask(app, "/ws/init/me").status == 426


@pytest.mark.parametrize("path", ["/ws", "/ws/init", "/ws/init/a/b", "/", "/status"])
def test_a_socket_where_there_is_none_is_not_found(make_app: AppMaker, path: str) -> None:
    answer = ask(make_app(), path, kind="websocket")
    assert (answer.status, answer.problem) == (404, "not-found")
    assert json.loads(answer.body)["instance"] == path
    assert answer.headers["x-request-id"]


def test_so_it_is_under_a_base_path(make_app: AppMaker) -> None:
    answer = ask(make_app(base_path="/green"), "/green/nowhere", kind="websocket")
    assert (answer.status, answer.problem) == (404, "not-found")
