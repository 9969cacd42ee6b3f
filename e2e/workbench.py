"""The RFQ page in the words of the person in front of it."""

from __future__ import annotations

import re

from playwright.sync_api import Locator, Page, expect

from greenroom.testing import OverlayPage

ELECTRICAL_RFQ = (
    "We want to replace 120 old fluorescent ceiling luminaires in our warehouse with LED lighting, "
    "including the disposal of the old fittings. Work is possible on weekends only."
)


class Workbench(OverlayPage):
    def __init__(self, page: Page) -> None:
        super().__init__(page)
        self.overlay: Locator = page.get_by_role("region", name="Model status")
        self.description = page.get_by_label("Request for quotation")
        self.how_many = page.get_by_label("Golden pairs to show")
        self.preview = page.get_by_role("button", name="Preview prompt", exact=True)
        self.try_again = self.button("Try again")
        self.waiting = page.get_by_text("your request goes out by itself")
        self.result = page.get_by_role("region", name="Closest golden pairs")
        self.pairs = self.result.locator("ol > li")
        self.prompt = self.result.get_by_role("region", name="Assembled prompt").locator("pre")

    def open(self, url: str) -> None:
        self.page.goto(f"{url}/")
        expect(self.page.get_by_role("heading", name="RFQ preview")).to_be_visible()

    def ask(self, description: str = ELECTRICAL_RFQ, pairs: int = 3) -> None:
        """Write a request and press the button once."""
        self.description.fill(description)
        self.how_many.fill(str(pairs))
        self.preview.click()

    def expect_progress(self, percent: int) -> None:
        """The bar, what tests of others read, and the number that people see all say `percent`."""
        super().expect_progress(percent)
        expect(self.overlay.get_by_text(f"{percent}%", exact=True).first).to_be_visible()

    def expect_pairs(self, count: int, first_trade: str | None = None) -> None:
        """An answer with `count` pairs, best first."""
        expect(self.result).to_be_visible()
        expect(self.pairs).to_have_count(count)
        if first_trade is not None:
            expect(self.pairs.first).to_contain_text(re.compile(f"^{first_trade}"))
        scores = [float(text) for text in self.pairs.locator(".score .number").all_inner_texts()]
        assert scores == sorted(scores, reverse=True), scores
