"""The test kit that we ship, as other people's tests use it: Python, Playwright, the scripted engine."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from greenroom.testing import GreenroomServer, OverlayPage


@pytest.fixture
def overlay(page: Page, greenroom_server: GreenroomServer) -> OverlayPage:
    """The page of a server whose model stands at 0 %."""
    overlay = OverlayPage(page, greenroom_server.control)
    page.goto(greenroom_server.url)
    return overlay


def test_loading_stands_still_where_it_is_frozen(overlay: OverlayPage) -> None:
    overlay.freeze(60)
    overlay.expect_state("loading")
    overlay.expect_phase("loading")


def test_a_failure_is_explained_and_can_be_mended(overlay: OverlayPage) -> None:
    overlay.fail("The disk is full.")
    expect(overlay.alert).to_contain_text("The disk is full.")
    overlay.button("Try again").click()
    overlay.expect_state("loading")


def test_the_overlay_goes_when_the_model_is_ready(overlay: OverlayPage) -> None:
    overlay.freeze(99)
    overlay.become_ready()
    overlay.expect_gone()


def test_a_model_that_restarts_is_waited_for_again(overlay: OverlayPage, greenroom_server: GreenroomServer) -> None:
    overlay.become_ready()
    greenroom_server.control.crash()
    overlay.freeze(20)
