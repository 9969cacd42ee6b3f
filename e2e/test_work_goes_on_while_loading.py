"""A person does not wait in front of a spinner: what needs no model works, and what needs one goes out by itself."""

from __future__ import annotations

import time

from playwright.sync_api import BrowserContext, FloatRect, Locator, expect

from e2e.conftest import PATIENCE_MS, Noise
from e2e.recorder import Recorder
from e2e.workbench import ELECTRICAL_RFQ, Workbench
from greenroom.testing import Control, GreenroomServer

REFUSED_ONCE = r"status of 425.*preview-prompt"
"""A browser writes a refusal in its console, whatever a page does."""


def test_an_early_press_is_answered_without_a_second_one(
    server: GreenroomServer, control: Control, workbench: Workbench, recorder: Recorder, noise: Noise
) -> None:
    noise.expected(REFUSED_ONCE)
    control.freeze(60)
    workbench.open(server.url)
    workbench.ask(pairs=2)
    expect(workbench.waiting).to_be_visible()
    control.become_ready()
    workbench.expect_pairs(2, first_trade="electrical")
    expect(workbench.prompt).to_contain_text(ELECTRICAL_RFQ[:60])
    expect(workbench.waiting).to_have_count(0)
    assert recorder.preview_statuses == [425, 200]


def test_an_early_press_in_two_tabs_is_answered_once_in_each(
    server: GreenroomServer, control: Control, workbench: Workbench, context: BrowserContext, noise: Noise
) -> None:
    noise.expected(REFUSED_ONCE)
    other = Workbench(context.new_page())
    tabs = [(tab, Recorder(tab.page)) for tab in (workbench, other)]
    for tab, _ in tabs:
        tab.open(server.url)
        tab.ask()
        expect(tab.waiting).to_be_visible()
    control.become_ready()
    for tab, recorder in tabs:
        tab.expect_pairs(3)
        assert recorder.preview_statuses == [425, 200]


def test_a_waiting_request_can_be_taken_back(
    server: GreenroomServer, control: Control, workbench: Workbench, recorder: Recorder, noise: Noise
) -> None:
    noise.expected(REFUSED_ONCE)
    workbench.open(server.url)
    workbench.ask()
    workbench.overlay.get_by_role("button", name="Cancel: Preview prompt").click()
    expect(workbench.waiting).to_have_count(0)
    expect(workbench.preview).to_be_enabled()
    control.become_ready()
    workbench.expect_gone()
    assert recorder.preview_statuses == [425]


def test_the_whole_way_can_be_gone_by_keyboard(
    server: GreenroomServer, control: Control, workbench: Workbench, noise: Noise
) -> None:
    noise.expected(REFUSED_ONCE)
    control.freeze(60)
    workbench.open(server.url)
    keyboard = workbench.page.keyboard
    workbench.description.focus()
    keyboard.type("Six charging points for our car park")
    keyboard.press("Tab")
    expect(workbench.how_many).to_be_focused()
    keyboard.press("Tab")
    expect(workbench.preview).to_be_focused()
    keyboard.press("Enter")
    expect(workbench.waiting).to_be_visible()
    control.become_ready()
    expect(workbench.page.get_by_role("heading", name="Closest golden pairs")).to_be_focused()


def test_the_golden_pairs_can_be_read_meanwhile(
    server: GreenroomServer, control: Control, workbench: Workbench
) -> None:
    control.freeze(12)
    workbench.open(server.url)
    workbench.button("Browse golden pairs").click()
    pairs = workbench.page.get_by_role("list", name="Golden pairs").get_by_role("listitem")
    expect(pairs.nth(14)).to_be_visible()
    workbench.expect_progress(12)


def test_on_a_phone_what_the_card_opens_stands_above_the_card(
    server: GreenroomServer, control: Control, workbench: Workbench
) -> None:
    workbench.page.set_viewport_size({"width": 390, "height": 844})
    control.freeze(12)
    workbench.open(server.url)
    workbench.button("Browse golden pairs").click()
    part = workbench.page.locator("#golden-pairs summary")
    expect(part).to_be_in_viewport()
    expect(part).to_be_focused()
    assert box_of(part)["y"] + box_of(part)["height"] < box_of(workbench.overlay)["y"]


def test_on_a_laptop_the_card_stands_beside_the_form(
    server: GreenroomServer, control: Control, workbench: Workbench
) -> None:
    workbench.page.set_viewport_size({"width": 1280, "height": 720})
    control.freeze(12)
    workbench.open(server.url)
    expect(workbench.overlay).to_be_visible()
    form, card = box_of(workbench.page.locator("form")), box_of(workbench.overlay)
    assert form["x"] + form["width"] <= card["x"]


def test_a_reload_keeps_the_draft_and_the_progress(
    server: GreenroomServer, control: Control, workbench: Workbench
) -> None:
    control.freeze(48)
    workbench.open(server.url)
    workbench.description.fill("A draft that took an hour")
    workbench.page.reload()
    expect(workbench.description).to_have_value("A draft that took an hour")
    workbench.expect_progress(48)


def test_a_reload_keeps_the_waiting_request_and_its_answer_comes_by_itself(
    server: GreenroomServer, control: Control, workbench: Workbench, recorder: Recorder, noise: Noise
) -> None:
    noise.expected(REFUSED_ONCE)
    control.freeze(48)
    workbench.open(server.url)
    workbench.ask(pairs=2)
    expect(workbench.waiting).to_be_visible()
    workbench.page.reload()
    expect(workbench.waiting).to_be_visible()
    control.become_ready()
    workbench.expect_pairs(2, first_trade="electrical")
    expect(workbench.page.get_by_text("made before this page was opened")).to_be_visible()
    expect(workbench.waiting).to_have_count(0)
    assert recorder.preview_statuses == [425, 200]


def test_a_closed_tabs_request_is_sent_by_exactly_one_other(
    server: GreenroomServer, control: Control, workbench: Workbench, context: BrowserContext, noise: Noise
) -> None:
    noise.expected(REFUSED_ONCE)
    control.freeze(48)
    others = [Workbench(context.new_page()) for _ in range(2)]
    recorders = [Recorder(tab.page) for tab in others]
    for tab in (workbench, *others):
        tab.open(server.url)
        tab.expect_progress(48)
    workbench.ask(pairs=2)
    expect(workbench.waiting).to_be_visible()
    workbench.page.close()
    control.become_ready()
    expect_one_of(others)
    assert sorted(recorder.preview_statuses for recorder in recorders) == [[], [200]]


def box_of(part: Locator) -> FloatRect:
    box = part.bounding_box()
    assert box is not None, "not on the page"
    return box


def expect_one_of(tabs: list[Workbench]) -> None:
    """An answer in one of the tabs; which of them is left to them."""
    deadline = time.monotonic() + 2 * PATIENCE_MS / 1_000
    while not any(tab.result.is_visible() for tab in tabs):
        assert time.monotonic() < deadline, "no tab was answered"
        tabs[0].page.wait_for_timeout(100)


def test_a_slow_answer_is_waited_for(server: GreenroomServer, control: Control, workbench: Workbench) -> None:
    control.become_ready()
    control.hold_calls()
    workbench.open(server.url)
    workbench.ask()
    expect(workbench.page.get_by_text("Looking for the closest pairs…")).to_be_visible()
    expect(workbench.preview).to_be_disabled()
    control.release_calls()
    workbench.expect_pairs(3)


def test_the_prompt_can_be_copied(
    server: GreenroomServer, control: Control, workbench: Workbench, context: BrowserContext
) -> None:
    context.grant_permissions(["clipboard-read", "clipboard-write"], origin=server.url)
    control.become_ready()
    workbench.open(server.url)
    workbench.ask()
    workbench.page.get_by_role("button", name="Copy prompt").click()
    expect(workbench.page.get_by_text("Copied", exact=True)).to_be_visible()
    copied = workbench.page.evaluate("navigator.clipboard.readText()")
    assert copied == workbench.prompt.text_content()


def test_a_text_beyond_the_models_window_is_said_to_be_cut(
    server: GreenroomServer, control: Control, workbench: Workbench
) -> None:
    control.become_ready()
    workbench.open(server.url)
    workbench.ask("word " * 300)
    expect(workbench.result).to_contain_text("longer than the model reads (256 tokens)")
