"""What a person sees of the overlay, for Playwright in Python (its synchronous interface), in any browser.

Playwright is imported when a page is first looked at, so that this package does without it. Everything is found by
the attributes and roles that are the overlay's contract, never by its looks:

    def test_my_page_waits(page, greenroom_server):
        overlay = OverlayPage(page, greenroom_server.control)
        page.goto(greenroom_server.url)
        overlay.freeze(60)
        overlay.become_ready()
        overlay.expect_gone()
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Literal

from greenroom.testing.client import Control

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page
    from playwright.sync_api._generated import LocatorAssertions

OverlayState = Literal[
    "connecting", "loading", "stalled", "polling", "reconnecting", "draining", "offline", "failed", "ready"
]
"""Values of `data-state`."""
CARD = "[data-greenroom-overlay]"
PATIENCE_MS = 15_000.0


class OverlayPage:
    """The overlay on `page`. Every expectation waits up to 15 s and raises AssertionError.

    With the `control` of a scripted server, `freeze`, `become_ready` and `fail` do it there and wait until the page
    shows it; without one they raise ValueError."""

    def __init__(self, page: Page, control: Control | None = None) -> None:
        self.page = page
        self.card: Locator = page.locator(CARD)
        self.progressbar: Locator = self.card.get_by_role("progressbar")
        self.alert: Locator = self.card.get_by_role("alert")
        """There while it has failed."""
        self.queue: Locator = self.card.locator("[data-queue-position]")
        """The requests that wait, in order."""
        self._control = control

    def button(self, name: str | re.Pattern[str]) -> Locator:
        """A button of the overlay by the words on it."""
        return self.card.get_by_role("button", name=name)

    def stage(self, name: str) -> Locator:
        """One stage of the load; its `data-stage-state` says how far it is."""
        return self.card.locator(f'[data-stage="{name}"]')

    def freeze(self, percent: int, model: str | None = None) -> None:
        """Let the load stand at `percent` (0-99), and see it here."""
        self._require_control().freeze(percent, model)
        self.expect_progress(percent)

    def become_ready(self, model: str | None = None) -> None:
        """Let the model become ready, and see it here, be it that the overlay is gone already."""
        self._require_control().become_ready(model)
        self._expect(self.page.locator(f'{CARD}:not([data-state="ready"])')).to_have_count(0, timeout=PATIENCE_MS)

    def fail(self, message: str = "", model: str | None = None) -> None:
        """Let the load fail, and see it here."""
        self._require_control().fail(message, model=model)
        self.expect_state("failed")

    def expect_state(self, state: OverlayState) -> None:
        self._expect(self.card).to_have_attribute("data-state", state, timeout=PATIENCE_MS)

    def expect_phase(self, phase: str) -> None:
        self._expect(self.card).to_have_attribute("data-phase", phase, timeout=PATIENCE_MS)

    def expect_progress(self, percent: int) -> None:
        """Exactly `percent`, for people, for screen readers and for tests."""
        self._expect(self.card).to_have_attribute("data-progress", str(percent), timeout=PATIENCE_MS)
        self._expect(self.progressbar).to_have_attribute("aria-valuenow", str(percent), timeout=PATIENCE_MS)

    def expect_waiting(self, count: int) -> None:
        """So many requests wait."""
        self._expect(self.queue).to_have_count(count, timeout=PATIENCE_MS)

    def expect_gone(self) -> None:
        """Nothing of it is on the page."""
        self._expect(self.card).to_have_count(0, timeout=PATIENCE_MS)

    def _expect(self, locator: Locator) -> LocatorAssertions:
        from playwright.sync_api import expect

        return expect(locator)

    def _require_control(self) -> Control:
        if self._control is None:
            raise ValueError("OverlayPage(page, control): without a control there is no server to tell")
        return self._control
