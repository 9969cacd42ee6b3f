"""While a model loads, the page shows how far it is and how long it takes, and gets out of the way when it is ready."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import BrowserContext, expect

from e2e.recorder import Recorder
from e2e.workbench import Workbench
from greenroom.testing import Control, GreenroomServer


@pytest.mark.parametrize("percent", [0, 7, 60, 99])
def test_the_overlay_shows_exactly_the_per_cent_where_loading_stands(
    server: GreenroomServer, control: Control, workbench: Workbench, percent: int
) -> None:
    control.freeze(percent)
    workbench.open(server.url)
    workbench.expect_progress(percent)
    expect(workbench.overlay).to_have_attribute("data-phase", control.snapshot()["phase"])


def test_the_overlay_counts_down_the_time_that_is_left(
    server: GreenroomServer, control: Control, workbench: Workbench
) -> None:
    control.freeze(10)
    control.advance(60)
    control.freeze(20)
    estimate = control.snapshot()["estimated_seconds"]
    assert 60 < estimate < 600
    workbench.open(server.url)
    minutes, seconds = divmod(estimate, 60)
    shown = "|".join(
        f"{minutes} min {rest} s" if rest > 0 else f"{minutes} min" for rest in range(seconds, max(-1, seconds - 6), -1)
    )
    expect(workbench.overlay).to_contain_text(re.compile(f"about ({shown}) left"))


def test_progress_moves_while_a_person_watches(
    server: GreenroomServer, control: Control, workbench: Workbench, recorder: Recorder
) -> None:
    workbench.open(server.url)
    for percent in (5, 42, 43, 97):
        control.freeze(percent)
        workbench.expect_progress(percent)
    recorder.assert_laws()


def test_the_overlay_says_ready_and_leaves(server: GreenroomServer, control: Control, workbench: Workbench) -> None:
    workbench.open(server.url)
    workbench.expect_state("loading")
    control.become_ready()
    workbench.expect_state("ready")
    expect(workbench.progressbar).to_have_count(0)
    workbench.expect_gone()


def test_who_comes_when_everything_is_ready_sees_no_overlay(
    server: GreenroomServer, control: Control, workbench: Workbench, recorder: Recorder
) -> None:
    control.become_ready()
    workbench.open(server.url)
    workbench.ask()
    workbench.expect_pairs(3)
    workbench.expect_gone()
    assert recorder.preview_statuses == [200]


def test_a_load_that_does_not_move_is_said_to_take_longer(
    server: GreenroomServer, control: Control, workbench: Workbench
) -> None:
    control.freeze(30)
    workbench.open(server.url)
    control.advance(45)
    workbench.expect_state("stalled")
    expect(workbench.overlay).to_contain_text("Nothing has moved for")
    control.freeze(31)
    workbench.expect_state("loading")


def test_a_screen_reader_is_told_in_a_live_region_of_its_own(
    server: GreenroomServer, control: Control, workbench: Workbench
) -> None:
    control.freeze(60)
    workbench.open(server.url)
    live = workbench.page.get_by_role("status")
    expect(live.filter(has_text="Loading the model")).to_have_count(1)
    control.become_ready()
    expect(live.filter(has_text="Ready")).to_have_count(1)


def test_two_tabs_show_the_same(
    server: GreenroomServer, control: Control, workbench: Workbench, context: BrowserContext
) -> None:
    other = Workbench(context.new_page())
    control.freeze(55)
    for tab in (workbench, other):
        tab.open(server.url)
        tab.expect_progress(55)
    control.freeze(70)
    for tab in (workbench, other):
        tab.expect_progress(70)
    control.become_ready()
    for tab in (workbench, other):
        tab.expect_gone()
