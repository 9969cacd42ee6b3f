"""A page that was away (another tab in front, a closed lid, no network) shows the truth as soon as it is looked at."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from e2e.conftest import Noise
from e2e.recorder import Recorder
from e2e.workbench import Workbench
from greenroom.testing import Control, GreenroomServer

SIX_MINUTES_MS = 6 * 60 * 1_000

LOOK = """hidden => {
  Object.defineProperty(document, "hidden", { get: () => hidden, configurable: true });
  Object.defineProperty(document, "visibilityState", {
    get: () => (hidden ? "hidden" : "visible"), configurable: true,
  });
  document.dispatchEvent(new Event("visibilitychange", { bubbles: true }));
}"""
"""What a browser tells a page that goes behind another tab (true) or comes back (false)."""


def be_away(page: Page) -> None:
    """Six minutes behind another tab: of all timers that came due meanwhile, each fires once, as after a sleep."""
    page.evaluate(LOOK, True)
    page.clock.fast_forward(SIX_MINUTES_MS)


@pytest.fixture
def workbench(workbench: Workbench) -> Workbench:
    workbench.page.clock.install()
    return workbench


def test_six_minutes_in_the_background_end_with_the_progress_of_now(
    server: GreenroomServer, control: Control, workbench: Workbench, recorder: Recorder
) -> None:
    control.freeze(10)
    workbench.open(server.url)
    workbench.expect_progress(10)
    be_away(workbench.page)
    control.freeze(80)
    workbench.page.evaluate(LOOK, False)
    workbench.expect_progress(80)
    workbench.expect_state("loading")
    recorder.assert_laws()


def test_a_countdown_went_on_while_nobody_looked(
    server: GreenroomServer, control: Control, workbench: Workbench
) -> None:
    control.freeze(10)
    control.advance(60)
    control.freeze(20)
    workbench.open(server.url)
    expect(workbench.overlay).to_contain_text(re.compile(r"about \d.* left"))
    be_away(workbench.page)
    workbench.page.evaluate(LOOK, False)
    expect(workbench.overlay).not_to_contain_text(re.compile(r"about \d.* left"))


def test_a_model_that_became_ready_meanwhile_needs_no_press(
    server: GreenroomServer, control: Control, workbench: Workbench, recorder: Recorder, noise: Noise
) -> None:
    noise.expected(r"status of 425.*preview-prompt")
    control.freeze(10)
    workbench.open(server.url)
    workbench.ask()
    expect(workbench.waiting).to_be_visible()
    be_away(workbench.page)
    control.become_ready()
    workbench.expect_pairs(3)
    workbench.page.evaluate(LOOK, False)
    workbench.expect_gone()
    assert recorder.preview_statuses == [425, 200]
