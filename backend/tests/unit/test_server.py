"""How `greenroom serve` starts and stops."""

from __future__ import annotations

import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import uvicorn

from greenroom import server
from greenroom.cli.main import run
from greenroom.engine import local, processes, zygote
from greenroom.web import hub


async def plain_app(scope: Any, receive: Any, send: Any) -> None:
    """Nothing but an ASGI app: no state, no routes."""


def make_plain_app() -> Callable[..., Any]:
    return plain_app


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[object]:
    """The apps that would have been served."""
    apps: list[object] = []

    def note(self: uvicorn.Server, sockets: list[socket.socket]) -> None:
        apps.append(self.config.app)
        self.started = True
        for one in sockets:
            one.close()

    monkeypatch.setattr(uvicorn.Server, "run", note)
    monkeypatch.setattr(server, "_allow_files", lambda wanted: None)
    monkeypatch.setattr(server, "take_standard_logs", lambda settings: None)
    for name, value in {"HOST": "127.0.0.1", "PORT": "0", "GREENROOM_DATA": str(tmp_path)}.items():
        monkeypatch.setenv(name, value)
    return apps


def test_any_asgi_app_is_served(started: list[object]) -> None:
    assert run(["serve", "--app", f"{__name__}:make_plain_app"]) == 0
    assert started == [plain_app]


@pytest.mark.parametrize("app", ["no_such_module:make", f"{__name__}:no_such_factory", "neither"])
def test_an_app_that_cannot_be_found_is_named_in_one_line(
    app: str, started: list[object], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["serve", "--app", app]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"greenroom: --app {app}: ")
    assert not started


def test_a_stop_takes_ten_seconds_at_most() -> None:
    looks = 0.1 + 0.1  # at the signal, and for the goodbyes to leave
    hosts = local.CLOSE_GRACE_SECONDS + processes.EXIT_REPORT_SECONDS + zygote.END_SECONDS
    assert looks + hub.FLUSH_SECONDS + server.FINISH_SECONDS + hosts <= 10
    assert server.CALL_SECONDS < server.FINISH_SECONDS
