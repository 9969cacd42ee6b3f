"""The overlay in a real browser, in every state, theme and frame: contrast, keyboard, focus, small screens."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from e2e.gallery import ROOT, SCENES, Gallery, build

AXE = ROOT / "node_modules" / "axe-core" / "axe.min.js"
THEMES = ("light", "dark")
BLOCKING = "loading"
SHIFTS = """() => new Promise((resolve) => {
  let sum = 0
  new PerformanceObserver((list) => { for (const entry of list.getEntries()) sum += entry.value })
    .observe({ type: "layout-shift", buffered: true })
  setTimeout(() => resolve(sum), 100)
})"""
SIZES = "nodes => nodes.map((node) => node.getBoundingClientRect().height)"


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("gallery"))


@pytest.fixture
def gallery(page: Page, built: Path) -> Gallery:
    return Gallery(page, built)


def violations(page: Page) -> list[str]:
    if not page.evaluate("'axe' in window"):
        page.add_script_tag(path=AXE)
    found: list[dict[str, Any]] = page.evaluate("axe.run().then((results) => results.violations)")
    return [f"{each['id']}: {each['nodes'][0]['html']}" for each in found]


@pytest.mark.parametrize("frame", ["card", "modal"])
@pytest.mark.parametrize("theme", THEMES)
def test_no_state_violates_a_rule_contrast_included(gallery: Gallery, theme: str, frame: str) -> None:
    options = {"theme": theme, **({"modal": "1"} if frame == "modal" else {})}
    found = {}
    for scene in SCENES:
        gallery.open(scene, **options)
        found[scene] = violations(gallery.page)
    assert found == {scene: [] for scene in SCENES}


@pytest.mark.parametrize("theme", THEMES)
def test_the_theme_can_be_forced_against_the_visitor_s_own(gallery: Gallery, theme: str) -> None:
    gallery.page.emulate_media(color_scheme="light" if theme == "dark" else "dark")
    gallery.open("loading", theme=theme)
    expect(gallery.card).to_have_css("color-scheme", theme)
    surface = {"light": "rgb(255, 254, 251)", "dark": "rgb(36, 34, 31)"}
    expect(gallery.card).to_have_css("background-color", surface[theme])


def test_the_card_shifts_nothing_on_the_page(gallery: Gallery) -> None:
    gallery.open("ready")
    assert gallery.page.evaluate(SHIFTS) == 0


@pytest.mark.parametrize("scene", ["queue", "failed", "details"])
@pytest.mark.parametrize("language", ["en", "de"])
def test_nothing_is_cut_at_320_pixels(gallery: Gallery, scene: str, language: str) -> None:
    """As wide as 1280 pixels zoomed to 400 %, narrower than most phones."""
    gallery.page.set_viewport_size({"width": 320, "height": 640})
    gallery.open(scene, language=language)
    assert gallery.page.evaluate("document.documentElement.scrollWidth") <= 320
    assert gallery.card.evaluate("card => card.scrollWidth - card.clientWidth") <= 0


@pytest.mark.parametrize("scene", ["queue", "failed", "details"])
def test_what_can_be_pressed_is_large_enough(gallery: Gallery, scene: str) -> None:
    gallery.open(scene)
    assert min(gallery.card.locator("button, summary").evaluate_all(SIZES)) >= 24
    assert min(gallery.card.locator(".gr-actions button").evaluate_all(SIZES), default=44) >= 44


def test_right_to_left_the_bar_fills_from_the_right(gallery: Gallery) -> None:
    gallery.open("loading", dir="rtl")
    bar = gallery.page.get_by_role("progressbar").bounding_box()
    fill = gallery.page.get_by_role("progressbar").locator("div").bounding_box()
    card = gallery.card.bounding_box()
    assert bar is not None
    assert fill is not None
    assert card is not None
    assert fill["x"] + fill["width"] == pytest.approx(bar["x"] + bar["width"], abs=1)
    assert fill["width"] == pytest.approx(0.65 * bar["width"], abs=2)
    assert card["x"] < 100


def test_with_forced_colours_the_bar_is_still_seen(gallery: Gallery) -> None:
    gallery.page.emulate_media(forced_colors="active")
    gallery.open("loading")
    bar = gallery.page.get_by_role("progressbar")
    expect(bar).to_have_css("border-top-width", "1px")
    colours = bar.locator("div").evaluate(
        "fill => [fill, fill.parentElement].map((e) => getComputedStyle(e).backgroundColor)"
    )
    assert colours[0] != colours[1]


def test_with_reduced_motion_nothing_turns(gallery: Gallery) -> None:
    gallery.open("loading")
    assert gallery.page.evaluate("document.getAnimations().length") == 0


def test_a_card_leaves_the_focus_where_it_was(gallery: Gallery) -> None:
    gallery.page.add_init_script("addEventListener('load', () => document.querySelector('#text')?.focus())")
    gallery.open("loading")
    gallery.page.get_by_role("textbox", name="What do you need?").fill("More of it")
    expect(gallery.page.get_by_role("textbox")).to_be_focused()


def tab_stops(page: Page, presses: int) -> list[str]:
    stops = []
    for _ in range(presses):
        page.keyboard.press("Tab")
        stops.append(page.evaluate("document.activeElement.textContent || document.activeElement.tagName"))
    return stops


def test_a_modal_keeps_tab_inside_and_escape_does_not_close_it(gallery: Gallery) -> None:
    gallery.open(BLOCKING, modal="1")
    expect(gallery.card).to_be_focused()
    stops = tab_stops(gallery.page, 7)
    assert stops[:3] == ["Browse golden pairs", "Tell me when ready", "Details"]
    assert not {"Preview", "TEXTAREA"} & set(stops)
    for _ in range(3):
        gallery.page.keyboard.press("Escape")
    assert gallery.card.evaluate("card => card.matches(':modal')")


def test_a_modal_lets_the_page_go_when_it_is_ready_or_has_failed(gallery: Gallery) -> None:
    for scene in ("ready", "failed"):
        gallery.open(scene, modal="1")
        assert not gallery.card.evaluate("card => card.matches(':modal')")
        gallery.page.get_by_role("button", name="Preview").click()


def test_a_modal_gives_the_focus_back_where_it_was(gallery: Gallery) -> None:
    focus = "document.activeElement === document.body && document.querySelector('#text')?.focus()"
    gallery.page.add_init_script(
        f"new MutationObserver(() => {focus}).observe(document, {{ subtree: true, childList: true }})"
    )
    gallery.open("ready", modal="1")
    expect(gallery.page.get_by_role("textbox")).to_be_focused()
