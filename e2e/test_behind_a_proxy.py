"""Over HTTPS, through nginx and under a base path the workbench is the same page."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import expect

from e2e.conftest import Noise
from e2e.recorder import Recorder
from e2e.workbench import ELECTRICAL_RFQ, Workbench
from greenroom.testing import GreenroomServer
from greenroom.testing.plugin import GreenroomServerFactory
from tests.integration.proxy.nginx import HOST, MISSING, WHY_SKIPPED, Nginx

pytestmark = [
    pytest.mark.skipif(bool(MISSING), reason=WHY_SKIPPED),
    pytest.mark.browser_context_args(ignore_https_errors=True),  # the certificate is its own issuer
]

BASE = "/greenroom"


@pytest.fixture
def server(greenroom_server_factory: GreenroomServerFactory) -> GreenroomServer:
    """The workbench on the scripted engine, told of its proxy."""
    return greenroom_server_factory(
        environment={"GREENROOM_BASE_PATH": BASE, "GREENROOM_TRUSTED_PROXIES": HOST},
    )


@pytest.fixture
def address(server: GreenroomServer, tmp_path: Path) -> Iterator[str]:
    """Where people find it."""
    with Nginx(tmp_path, server.port) as nginx:
        yield nginx.url + BASE


def test_the_page_loads_shows_live_progress_and_answers(
    server: GreenroomServer, address: str, workbench: Workbench, recorder: Recorder, noise: Noise
) -> None:
    noise.expected(r"status of 425.*preview-prompt")
    sockets: list[str] = []
    workbench.page.on("websocket", lambda socket: sockets.append(socket.url))
    server.control.freeze(35)
    workbench.open(address)
    assert workbench.page.url == f"{address}/app/"
    workbench.expect_progress(35)
    server.control.freeze(80)
    workbench.expect_progress(80)
    workbench.button("Browse golden pairs").click()
    expect(workbench.page.get_by_role("list", name="Golden pairs")).to_be_visible()
    workbench.ask()
    expect(workbench.waiting).to_be_visible()
    server.control.become_ready()
    workbench.expect_pairs(3, first_trade="electrical")
    expect(workbench.prompt).to_contain_text(ELECTRICAL_RFQ[:60])
    assert sockets[0].startswith(f"{address.replace('https', 'wss')}/ws/init/")
    assert (recorder.preview_statuses, recorder.status_polls) == ([425, 200], 0)
    recorder.assert_laws()


def test_an_address_deep_inside_the_app_is_the_app(server: GreenroomServer, address: str, workbench: Workbench) -> None:
    server.control.freeze(20)
    workbench.page.goto(f"{address}/app/some/page")
    workbench.expect_progress(20)


def test_a_restart_behind_the_proxy_is_explained_and_recovered_from(
    server: GreenroomServer, address: str, workbench: Workbench, noise: Noise
) -> None:
    noise.expected(r"WebSocket connection to", r"status of 503")
    server.control.freeze(70)
    workbench.open(address)
    workbench.expect_progress(70)
    server.restart()
    server.control.freeze(20)
    expect(workbench.overlay).to_contain_text("The server restarted")
    workbench.expect_progress(20)
    server.control.become_ready()
    workbench.expect_gone()


def test_a_press_while_the_server_is_away_is_answered_when_it_is_back(
    server: GreenroomServer, address: str, workbench: Workbench, noise: Noise
) -> None:
    noise.expected(r"WebSocket connection to", r"status of (503|425)")
    server.control.become_ready()
    workbench.open(address)
    server.kill()
    workbench.ask()
    expect(workbench.waiting).to_be_visible()
    server.restart()
    server.control.become_ready()
    workbench.expect_pairs(3)
