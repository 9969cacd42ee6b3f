"""A page that loses its line to the server says so, finds another way, and comes back by itself."""

from __future__ import annotations

import signal
from collections.abc import Callable

import pytest
from playwright.sync_api import BrowserContext, WebSocketRoute, expect

from e2e.conftest import Noise
from e2e.recorder import Recorder
from e2e.workbench import Workbench
from greenroom.testing import Control, GreenroomServer

SOCKET = "**/ws/init/*"
SERVER_IS_AWAY = r"ERR_CONNECTION|WebSocket connection to|ERR_EMPTY_RESPONSE|ERR_SOCKET"


def refuse(socket: WebSocketRoute) -> None:
    socket.close(code=1011, reason="a proxy that knows no sockets")


def swallow(socket: WebSocketRoute) -> None:
    """Says nothing, ever."""


@pytest.mark.parametrize("block", [refuse, swallow])
def test_polling_takes_over_when_the_socket_is_blocked(
    server: GreenroomServer,
    control: Control,
    workbench: Workbench,
    recorder: Recorder,
    block: Callable[[WebSocketRoute], None],
) -> None:
    workbench.page.route_web_socket(SOCKET, block)
    control.freeze(35)
    workbench.open(server.url)
    workbench.expect_state("polling")
    workbench.expect_progress(35)
    control.become_ready()
    workbench.expect_state("ready")
    workbench.ask()
    workbench.expect_pairs(3)
    assert recorder.status_polls >= 2
    assert recorder.snapshots == []


def test_the_socket_takes_over_again_when_it_is_let_through(
    server: GreenroomServer, control: Control, workbench: Workbench
) -> None:
    blocked = True

    def gate(socket: WebSocketRoute) -> None:
        if blocked:
            socket.close(code=1011)
        else:
            socket.connect_to_server()

    workbench.page.route_web_socket(SOCKET, gate)
    control.freeze(35)
    workbench.open(server.url)
    workbench.expect_state("polling")
    blocked = False
    workbench.expect_state("loading")
    workbench.expect_progress(35)


def test_a_restarted_server_is_explained_and_recovered_from(
    server: GreenroomServer, control: Control, workbench: Workbench, noise: Noise
) -> None:
    noise.expected(SERVER_IS_AWAY)
    control.freeze(70)
    workbench.open(server.url)
    workbench.description.fill("Written before the restart")
    workbench.expect_progress(70)
    server.restart()
    control.freeze(20)
    expect(workbench.overlay).to_contain_text("The server restarted")
    workbench.expect_progress(20)
    control.become_ready()
    workbench.expect_gone()
    expect(workbench.description).to_have_value("Written before the restart")


def test_a_server_killed_while_it_loads_is_explained_when_it_is_back(
    server: GreenroomServer, control: Control, workbench: Workbench, noise: Noise
) -> None:
    noise.expected(SERVER_IS_AWAY)
    control.freeze(40)
    workbench.open(server.url)
    workbench.expect_progress(40)
    server.kill()
    workbench.expect_state("reconnecting")
    server.restart()
    control.freeze(15)
    expect(workbench.overlay).to_contain_text("The server restarted")
    workbench.expect_progress(15)
    control.become_ready()
    workbench.expect_gone()


def test_a_server_that_stops_in_good_order_says_that_it_restarts(
    server: GreenroomServer, control: Control, workbench: Workbench, noise: Noise
) -> None:
    noise.expected(SERVER_IS_AWAY)
    control.freeze(40)
    workbench.open(server.url)
    workbench.expect_progress(40)
    server.send_signal(signal.SIGTERM)
    workbench.expect_state("draining")
    server.wait()
    server.restart()
    control.become_ready()
    workbench.expect_gone()


def test_a_killed_server_is_said_to_be_away_until_it_is_back(
    server: GreenroomServer, control: Control, workbench: Workbench, noise: Noise
) -> None:
    noise.expected(SERVER_IS_AWAY)
    control.freeze(40)
    workbench.open(server.url)
    workbench.expect_progress(40)  # a page that was never connected would not say that it lost the connection
    control.become_ready()
    workbench.expect_gone()
    server.kill()
    workbench.expect_state("reconnecting")
    expect(workbench.overlay).to_contain_text("Connection lost")
    server.restart()
    control.freeze(20)
    expect(workbench.overlay).to_contain_text("The server restarted")
    control.become_ready()
    workbench.expect_gone()


def test_a_press_while_the_server_is_away_is_answered_when_it_is_back(
    server: GreenroomServer, control: Control, workbench: Workbench, noise: Noise
) -> None:
    noise.expected(SERVER_IS_AWAY, r"status of 425")
    control.become_ready()
    workbench.open(server.url)
    server.kill()
    workbench.ask()
    expect(workbench.waiting).to_be_visible()
    server.restart()
    control.become_ready()
    workbench.expect_pairs(3)


def test_a_device_that_is_offline_is_told_so(
    server: GreenroomServer, control: Control, workbench: Workbench, context: BrowserContext, noise: Noise
) -> None:
    noise.expected(SERVER_IS_AWAY, "ERR_INTERNET_DISCONNECTED")
    blocked = False
    sockets: list[WebSocketRoute] = []

    def pass_on(socket: WebSocketRoute) -> None:
        if blocked:
            socket.close(code=1011)
        else:
            socket.connect_to_server()
            sockets.append(socket)

    workbench.page.route_web_socket(SOCKET, pass_on)
    control.freeze(25)
    workbench.open(server.url)
    workbench.expect_progress(25)
    blocked = True
    context.set_offline(True)
    for socket in sockets:
        socket.close(code=1011)
    workbench.expect_state("offline")
    blocked = False
    context.set_offline(False)
    workbench.expect_state("loading")
    workbench.expect_progress(25)
