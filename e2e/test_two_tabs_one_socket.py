"""Tabs of one browser share one socket: one of them leads, all show the same, and when it goes another takes over."""

from __future__ import annotations

import time

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from e2e.conftest import PATIENCE_MS, Noise
from e2e.workbench import Workbench
from greenroom.testing import Control, GreenroomServer

SERVER_IS_AWAY = r"ERR_CONNECTION|WebSocket connection to|ERR_EMPTY_RESPONSE|ERR_SOCKET"
LOOK_EVERY_MS = 20

KEEP_STATES = """() => {
  window.statesShown = [];
  const note = () => {
    const state = document.querySelector("[data-greenroom-overlay]")?.dataset.state;
    if (state && state !== window.statesShown.at(-1)) window.statesShown.push(state);
  };
  note();
  new MutationObserver(note).observe(document, { subtree: true, childList: true, attributes: true });
}"""
"""Keeps every state that the overlay shows from now on, however short."""

STAND_STILL = "milliseconds => { const until = Date.now() + milliseconds; while (Date.now() < until); }"
"""What a frozen tab looks like from outside: no timer fires, no message is heard."""


class Tabs:
    """Pages of one browser at the same address. The first to be opened leads."""

    def __init__(self, context: BrowserContext, server: GreenroomServer) -> None:
        self._context = context
        self._server = server
        self.all: list[Workbench] = []

    def open(self) -> Workbench:
        tab = Workbench(self._context.new_page())
        tab.open(self._server.url)
        self.all.append(tab)
        return tab

    def close(self, tab: Workbench) -> None:
        self.all.remove(tab)
        tab.page.close()

    def expect_progress(self, percent: int) -> None:
        for tab in self.all:
            tab.expect_progress(percent)

    def expect_sockets(self, count: int) -> None:
        """As the server counts them; it may hear of an end a moment after the page."""
        until = time.monotonic() + PATIENCE_MS / 1_000
        while (seen := self._server.control.open_sockets()) != count and time.monotonic() < until:
            self.all[-1].page.wait_for_timeout(LOOK_EVERY_MS)
        assert seen == count


@pytest.fixture
def tabs(context: BrowserContext, server: GreenroomServer) -> Tabs:
    return Tabs(context, server)


def states_shown(page: Page) -> list[str]:
    states: list[str] = page.evaluate("window.statesShown")
    return states


def test_two_tabs_have_one_socket_and_show_the_same(tabs: Tabs, control: Control) -> None:
    control.freeze(30)
    for _ in range(2):
        tabs.open()
    tabs.expect_progress(30)
    tabs.expect_sockets(1)
    for percent in (31, 55, 92):
        control.freeze(percent)
        tabs.expect_progress(percent)
    tabs.expect_sockets(1)
    control.become_ready()
    for tab in tabs.all:
        tab.expect_gone()
    tabs.expect_sockets(1)


def test_ten_tabs_have_one_socket(tabs: Tabs, control: Control) -> None:
    control.freeze(64)
    for _ in range(10):
        tabs.open()
    tabs.expect_progress(64)
    tabs.expect_sockets(1)


def test_when_the_leading_tab_closes_another_takes_over_and_nobody_sees_it(tabs: Tabs, control: Control) -> None:
    control.freeze(20)
    leader, second, third = (tabs.open() for _ in range(3))
    tabs.expect_progress(20)
    for tab in (second, third):
        tab.page.evaluate(KEEP_STATES)
    tabs.close(leader)
    control.freeze(45)
    tabs.expect_progress(45)
    tabs.expect_sockets(1)
    tabs.close(second)
    control.freeze(70)
    tabs.expect_progress(70)
    tabs.expect_sockets(1)
    assert states_shown(third.page) == ["loading"]


def test_a_tab_that_goes_elsewhere_hands_over_and_follows_when_it_comes_back(
    tabs: Tabs, control: Control, server: GreenroomServer
) -> None:
    control.freeze(20)
    leader, _ = tabs.open(), tabs.open()
    tabs.expect_progress(20)
    leader.page.goto(f"{server.url}/docs")
    control.freeze(33)
    tabs.all[1].expect_progress(33)
    leader.page.go_back()
    tabs.expect_progress(33)
    control.freeze(34)
    tabs.expect_progress(34)
    tabs.expect_sockets(1)


def test_a_tab_takes_over_from_one_that_stands_still(tabs: Tabs, control: Control) -> None:
    control.freeze(20)
    leader, other = tabs.open(), tabs.open()
    tabs.expect_progress(20)
    leader.page.evaluate(f"setTimeout(() => ({STAND_STILL})(12_000), 0)")
    control.freeze(88)
    other.expect_progress(88)
    # Two for as long as the one that was robbed does not know of it.
    tabs.expect_sockets(1)
    tabs.expect_progress(88)


def test_a_restarted_server_is_explained_in_every_tab(
    tabs: Tabs, control: Control, server: GreenroomServer, noise: Noise
) -> None:
    noise.expected(SERVER_IS_AWAY)
    control.freeze(70)
    for _ in range(2):
        tabs.open()
    tabs.expect_progress(70)
    server.restart()
    control.freeze(20)
    for tab in tabs.all:
        expect(tab.overlay).to_contain_text("The server restarted")
    tabs.expect_progress(20)
    tabs.expect_sockets(1)


def test_tabs_of_two_browsers_share_nothing(tabs: Tabs, control: Control, server: GreenroomServer) -> None:
    control.freeze(20)
    browser = tabs.open().page.context.browser
    assert browser is not None
    with browser.new_context() as elsewhere:
        other = Workbench(elsewhere.new_page())
        other.open(server.url)
        other.expect_progress(20)
        tabs.expect_sockets(2)
