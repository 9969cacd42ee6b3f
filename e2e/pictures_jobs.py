"""Draws the page Jobs into docs/images/jobs/, over a real server on the scripted engine: one job of each kind."""

from __future__ import annotations

import re
import tempfile
from pathlib import Path
from typing import Literal

from playwright.sync_api import Browser, Locator, Page, expect

from e2e.optional import ENVIRONMENT, MODEL, configure
from greenroom.testing import GreenroomServer

VIEWPORTS = {"desktop": (1280, 900), "phone": (390, 760)}
THEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")
REVIEWS = (
    "I love the breakfast, it is great.",
    "The room was terrible and the bed was bad.",
    "We arrived on a Tuesday.",
    "Delivery was quick, and I love the blue one.",
    "Broken after a week: awful, I hate it.",
    "A great coat, and I love its colour.",
)
LONG = 2_000
"""Inputs of the job that is under way, of which some are let through."""


def draw_jobs(browser: Browser, folder: Path) -> None:
    """Light and dark, wide and narrow."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as data:
        server = GreenroomServer("workbench:create_app", folder=configure(Path(data)), environment=ENVIRONMENT)
        with server:
            _live_through(browser, server)
            for device, (width, height) in VIEWPORTS.items():
                for theme in THEMES:
                    page = browser.new_page(
                        viewport={"width": width, "height": height}, color_scheme=theme, reduced_motion="reduce",
                        locale="en-GB",
                    )  # fmt: skip
                    _draw(page, server.url, folder / f"{device}-{theme}.png")
                    page.close()


def _live_through(browser: Browser, server: GreenroomServer) -> None:
    """One job that is done, with a line that was left out; one under way."""
    control = server.control
    control.become_ready("minilm")
    page = browser.new_page()
    page.goto(f"{server.url}/app/jobs")
    _send_file(page, Path(server.folder) / "reviews.txt", "\n".join(REVIEWS) + "\n" + "x" * 10_001)
    control.become_ready(MODEL)
    expect(_card(page, "Completed")).to_be_visible()
    control.hold_calls(MODEL)
    _send_file(page, Path(server.folder) / "letters.txt", "\n".join(REVIEWS[n % 6] for n in range(LONG)))
    expect(_card(page, "Running")).to_be_visible()
    control.release_calls(MODEL)
    control.hold_calls(MODEL)
    expect(_card(page, "Running")).to_contain_text(re.compile(r"[1-9]%"))
    page.close()


def _send_file(page: Page, file: Path, content: str) -> None:
    file.write_text(content)
    page.get_by_label("File").set_input_files(file)
    page.get_by_role("button", name="Start the job").click()
    expect(page.get_by_text("Accepted as")).to_be_visible()


def _card(page: Page, state: str) -> Locator:
    return page.get_by_role("article").filter(has_text=state)


def _draw(page: Page, url: str, path: Path) -> None:
    page.goto(f"{url}/app/jobs")
    done = _card(page, "Completed")
    done.get_by_role("button", name="Show results").click()
    expect(done.get_by_role("row")).to_have_count(len(REVIEWS) + 1)
    page.screenshot(path=path, full_page=True)
