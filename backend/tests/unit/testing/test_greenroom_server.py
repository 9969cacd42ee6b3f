"""The server for tests, its control routes and its fixtures, with a real process."""

from __future__ import annotations

import json
import os
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

import pytest
from websockets.sync.client import connect

from greenroom.testing import Control, ControlError, GreenroomServer
from greenroom.testing.server import ServerStartError


def status(url: str) -> int:
    with urllib.request.urlopen(url, timeout=10) as answer:
        return int(answer.status)


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_it_serves_with_its_model_frozen_at_zero(greenroom_server: GreenroomServer) -> None:
    assert status(f"{greenroom_server.url}/health") == 200
    assert greenroom_server.control.snapshot()["progress"] == 0


@pytest.mark.parametrize("percent", [0, 1, 37, 60, 99])
def test_the_snapshot_shows_exactly_the_frozen_per_cent(greenroom_server: GreenroomServer, percent: int) -> None:
    greenroom_server.control.freeze(percent)
    assert greenroom_server.control.snapshot()["progress"] == percent


def test_a_model_can_become_ready_crash_and_become_ready_again(greenroom_server: GreenroomServer) -> None:
    control = greenroom_server.control
    control.become_ready()
    control.crash()
    control.freeze(30)
    state = control.snapshot()
    assert (state["progress"], state["round"]) == (30, 2)
    control.become_ready()


def test_a_poison_is_answered_with_a_problem_that_points_at_it(greenroom_server: GreenroomServer) -> None:
    control = greenroom_server.control
    control.auto(0.05)
    control.wait_for(lambda state: state["ready"], "ready")
    control.poison("poison")
    body = json.dumps({"model": "minilm", "input": ["fine", "poison"]}).encode()
    request = urllib.request.Request(
        f"{greenroom_server.url}/v1/embeddings", body, {"content-type": "application/json"}
    )
    with pytest.raises(urllib.error.HTTPError) as refusal:
        urllib.request.urlopen(request, timeout=20)
    with refusal.value as answer:
        problem = json.load(answer)
    assert (answer.status, problem["type"]) == (422, "/problems/input-refused")
    assert [fault["pointer"] for fault in problem["errors"]] == ["/input/1"]


def test_proceeding_takes_real_time_and_ends_ready(greenroom_server: GreenroomServer) -> None:
    greenroom_server.control.proceed(0.2)
    greenroom_server.control.wait_for(lambda state: state["ready"], "ready")


def test_a_failure_is_shown_with_its_reason(greenroom_server: GreenroomServer) -> None:
    greenroom_server.control.fail("The disk is full.")
    assert greenroom_server.control.snapshot()["models"][0]["error"]["message"] == "The disk is full."


def test_the_sockets_that_are_open_are_counted(greenroom_server: GreenroomServer) -> None:
    address = f"ws://127.0.0.1:{greenroom_server.port}/ws/init/counted"
    control = greenroom_server.control
    assert control.open_sockets() == 0
    with connect(address) as first, connect(address) as second:
        for socket in (first, second):
            socket.recv(timeout=15)
        assert control.open_sockets() == 2


def test_the_clock_moves_only_when_told_to(greenroom_server: GreenroomServer) -> None:
    control = greenroom_server.control
    control.freeze(0)  # a load has to be under way before it can stall
    control.advance(30)
    assert control.state()["clock_seconds"] == 30
    assert control.snapshot()["stalled_seconds"] == 30


def test_an_order_that_makes_no_sense_is_refused_with_its_reason(greenroom_server: GreenroomServer) -> None:
    with pytest.raises(ControlError, match="0 to 99"):
        greenroom_server.control.freeze(100)
    with pytest.raises(ControlError, match="one of minilm"):
        greenroom_server.control.freeze(1, model="nobody")


def test_a_restart_is_another_life_at_the_same_address(greenroom_server: GreenroomServer) -> None:
    url, pid, epoch = greenroom_server.url, greenroom_server.pid, greenroom_server.control.snapshot()["epoch"]
    greenroom_server.kill()
    greenroom_server.restart()
    assert greenroom_server.url == url
    assert greenroom_server.pid != pid
    assert greenroom_server.control.snapshot()["epoch"] != epoch


def test_stopping_leaves_no_process_and_no_folder() -> None:
    with GreenroomServer() as server:
        pid, folder = server.pid, server.folder
        assert "GREENROOM_READY_LINE" in server.log()
    assert not is_alive(pid)
    assert not folder.exists()


def test_a_server_that_cannot_start_says_why(tmp_path: Path) -> None:
    with pytest.raises(ServerStartError, match="nowhere"):
        GreenroomServer("nowhere:create_app", folder=tmp_path).start()


def test_the_factory_makes_servers_side_by_side(greenroom_server_factory: Callable[..., GreenroomServer]) -> None:
    first, second = greenroom_server_factory(), greenroom_server_factory()
    first.control.become_ready()
    assert second.control.snapshot()["progress"] == 0


def test_the_configured_models_can_be_scripted_by_name(tmp_path: Path) -> None:
    (tmp_path / "files").mkdir()
    (tmp_path / "files" / "a.txt").write_text("a")
    table = "[models.{0}]\nsource = " + json.dumps(f"path:{tmp_path / 'files'}") + "\n"
    (tmp_path / "greenroom.toml").write_text(table.format("left") + table.format("right"))
    with GreenroomServer(folder=tmp_path) as server:
        control: Control = server.control
        control.freeze(20, model="left")
        control.freeze(70, model="right")
        assert [model["progress"] for model in control.snapshot()["models"]] == [20, 70]
