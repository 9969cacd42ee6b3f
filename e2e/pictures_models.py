"""Draws the pages Sentiment and Models into docs/images/models/, over a real server on the scripted engine.

Its loads take the seconds that are told here and its memory is made up, so that the pictures show the pages and
measure nothing.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

from playwright.sync_api import Browser, Page, expect

from e2e.optional import ENVIRONMENT, MODEL, configure
from greenroom.testing import GreenroomServer

VIEWPORTS = {"desktop": (1280, 760), "phone": (390, 760)}
THEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")
MIXED = "The room was not bad, and I love the breakfast."
REASON = "Its vectors are not finite: 3 of 7 answers."


def draw_pages(browser: Browser, folder: Path) -> None:
    """All four of each page."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as data:
        server = GreenroomServer("workbench:create_app", folder=configure(Path(data)), environment=ENVIRONMENT)
        with server:
            _live_through(browser, server)
            for device in VIEWPORTS:
                for theme in THEMES:
                    with _page(browser, device, theme) as page:
                        _draw_sentiment(page, server.url, folder / f"sentiment-{device}-{theme}.png")
                        _draw_models(page, server.url, folder / f"models-{device}-{theme}.png")


def _live_through(browser: Browser, server: GreenroomServer) -> None:
    """A week in ten seconds: loads, two versions that took over, one that was refused, one on its way."""
    control = server.control
    control.proceed(1.9, "minilm")
    control.wait_for(lambda state: bool(state["ready"]), "ready")
    with _page(browser, "desktop", "light") as page:
        page.request.post(f"{server.url}/predict", data={"text": MIXED, "model": MODEL})
        control.proceed(1.2, MODEL)
        page.goto(f"{server.url}/app/models")
        card = page.get_by_role("article", name=MODEL)
        expect(card).to_contain_text("Ready")
        for version, seconds in (("1", 0.8), ("2", 1.0)):
            _begin(page, server, version)
            control.proceed(seconds, MODEL)
            expect(card).to_contain_text(f"Version {version} serves now")
        _begin(page, server, "3")
        page.request.post(f"{server.url}/__test__/fail", data={"model": MODEL, "message": REASON})
        expect(card).to_contain_text("Version 3 was refused")
        _begin(page, server, "4")
        control.step("import", 1, MODEL)
        control.step("weights", 0.7, MODEL)


def _begin(page: Page, server: GreenroomServer, version: str) -> None:
    server.control.publish(version, MODEL)
    card = page.get_by_role("article", name=MODEL)
    card.get_by_role("button", name="Reload").click()
    expect(card).to_contain_text(f"Version {version} loads beside")


@contextmanager
def _page(browser: Browser, device: str, theme: Literal["light", "dark"]) -> Iterator[Page]:
    width, height = VIEWPORTS[device]
    page = browser.new_page(
        viewport={"width": width, "height": height}, color_scheme=theme, reduced_motion="reduce", locale="en-GB"
    )
    yield page
    page.close()


def _draw_sentiment(page: Page, url: str, path: Path) -> None:
    page.goto(f"{url}/app/sentiment")
    page.get_by_label("Your text").fill(MIXED)
    expect(page.get_by_role("region", name="What the model reads")).to_be_visible()
    page.get_by_label("Your text").blur()
    page.screenshot(path=path)


def _draw_models(page: Page, url: str, path: Path) -> None:
    page.goto(f"{url}/app/models")
    card = page.get_by_role("article", name=MODEL)
    card.get_by_text("Promotion gate").click()
    expect(card).to_contain_text("finite")
    page.screenshot(path=path, full_page=True)
