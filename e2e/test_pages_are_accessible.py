"""The pages Sentiment and Models in a real browser: contrast, names, keyboard, and a sheet of paper's width less."""

from __future__ import annotations

from typing import Any, Literal

import pytest
from playwright.sync_api import Page, expect

from e2e.conftest import Noise
from e2e.gallery import ROOT
from e2e.optional import MODEL, assert_no_sideways_scrolling
from greenroom.testing import GreenroomServer

AXE = ROOT / "node_modules" / "axe-core" / "axe.min.js"
PHONE: Any = {"width": 390, "height": 844}


def violations(page: Page) -> list[str]:
    # Evaluated, since the pages' policy lets no foreign script in.
    page.evaluate(AXE.read_text())
    found: list[dict[str, Any]] = page.evaluate("axe.run().then((results) => results.violations)")
    return [f"{each['id']}: {node['html']}" for each in found for node in each["nodes"]]


@pytest.fixture
def busy_server(optional_server: GreenroomServer, page: Page, noise: Noise) -> GreenroomServer:
    """One version serves, one was refused, one is on its way."""
    control = optional_server.control
    control.proceed(0.2, "minilm")
    control.wait_for(lambda state: bool(state["ready"]), "ready")
    page.request.post(f"{optional_server.url}/predict", data={"text": "Hello", "model": MODEL})
    control.proceed(0.2, MODEL)
    page.goto(f"{optional_server.url}/app/models")
    expect(page.get_by_text("Ready", exact=True)).to_have_count(2)
    reload = page.get_by_role("button", name=f"Reload {MODEL}")
    for version in ("2", "3"):
        control.publish(version, MODEL)
        reload.click()
        expect(page.get_by_text(f"Version {version} loads beside")).to_be_visible()
        if version == "2":
            page.request.post(f"{optional_server.url}/__test__/fail", data={"model": MODEL, "message": "It is broken."})
            expect(page.get_by_text("Version 2 was refused")).to_be_visible()
    return optional_server


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_no_page_violates_a_rule_contrast_included(
    busy_server: GreenroomServer, page: Page, theme: Literal["light", "dark"]
) -> None:
    page.emulate_media(color_scheme=theme, reduced_motion="reduce")
    page.set_viewport_size(PHONE)
    page.reload()
    expect(page.get_by_text("Version 3 loads beside")).to_be_visible()
    expect(page.get_by_role("heading", name="Load times")).to_have_count(2)
    for fold in page.locator("summary").all():
        fold.click()
    assert violations(page) == []
    assert_no_sideways_scrolling(page)
    page.goto(f"{busy_server.url}/app/sentiment")
    page.get_by_label("Your text").fill("This is terrible and I hate it!")
    expect(page.get_by_role("region", name="What the model reads")).to_be_visible()
    assert violations(page) == []


def test_an_operator_needs_no_mouse(busy_server: GreenroomServer, page: Page) -> None:
    busy_server.control.become_ready(MODEL)
    roll_back = page.get_by_role("button", name=f"Roll back {MODEL}")
    expect(page.get_by_role("article", name=MODEL).get_by_role("status")).to_contain_text("Version 3 serves now")
    expect(roll_back).to_be_visible()  # its version is told by the snapshot, a moment later
    page.get_by_role("button", name=f"Reload {MODEL}").focus()
    page.keyboard.press("Tab")
    expect(roll_back).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Roll back to version")).to_be_focused()
    page.keyboard.press("Escape")
    expect(roll_back).to_be_focused()
