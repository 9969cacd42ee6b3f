"""Somebody writes a text and sees, while writing, how it sounds; the model is loaded by that."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from e2e.conftest import Noise
from e2e.optional import MODEL, assert_no_sideways_scrolling
from greenroom.testing import GreenroomServer, OverlayPage
from greenroom.testing.plugin import GreenroomServerFactory

LOVE = "This product is amazing! I love it!"
HATE = "This is terrible and I hate it!"


class SentimentPage(OverlayPage):
    def __init__(self, page: Page) -> None:
        super().__init__(page)
        self.text = page.get_by_label("Your text")
        self.waiting = page.get_by_text("Your text is read by itself")
        self.reading = page.get_by_role("region", name="What the model reads")

    def open(self, url: str) -> None:
        self.page.goto(f"{url}/app/sentiment")
        expect(self.page.get_by_role("heading", name="Sentiment")).to_be_visible()

    def meter(self, label: str) -> Locator:
        return self.reading.get_by_role("meter", name=label)

    def expect_label(self, label: str) -> None:
        """With its score; its meter is the longest."""
        expect(self.reading.locator(".verdict")).to_have_text(re.compile(rf"^{label}\d+\.\d%$"))
        values = {name: float(self.meter(name).get_attribute("value") or 0) for name in LABELS}
        assert max(values, key=values.__getitem__) == label
        assert sum(values.values()) == pytest.approx(1, abs=1e-3)


LABELS = ("Negative", "Neutral", "Positive")


@pytest.fixture
def sentiment(page: Page, noise: Noise) -> SentimentPage:
    noise.expected(r"status of 425.*/predict")
    return SentimentPage(page)


def load(server: GreenroomServer, sentiment: SentimentPage) -> None:
    """The first text makes the server load the model."""
    server.control.become_ready("minilm")
    sentiment.open(server.url)
    sentiment.text.fill(LOVE)
    expect(sentiment.waiting).to_be_visible()
    server.control.become_ready(MODEL)
    sentiment.expect_label("Positive")


def test_a_text_written_before_the_model_is_there_is_answered_by_itself(
    optional_server: GreenroomServer, sentiment: SentimentPage
) -> None:
    optional_server.control.become_ready("minilm")
    sentiment.open(optional_server.url)
    expect(sentiment.card).to_have_count(0)
    sentiment.text.fill(LOVE)
    expect(sentiment.waiting).to_be_visible()
    optional_server.control.freeze(60, MODEL)
    sentiment.expect_progress(60)
    expect(sentiment.queue).to_have_count(1)
    optional_server.control.become_ready(MODEL)
    sentiment.expect_label("Positive")
    expect(sentiment.waiting).to_have_count(0)


def test_the_answer_follows_the_text_without_a_press(
    optional_server: GreenroomServer, sentiment: SentimentPage
) -> None:
    load(optional_server, sentiment)
    sentiment.text.fill(HATE)
    sentiment.expect_label("Negative")
    sentiment.text.fill("")
    expect(sentiment.reading).to_have_count(0)


def test_a_reload_keeps_the_text_and_reads_it_again(optional_server: GreenroomServer, sentiment: SentimentPage) -> None:
    load(optional_server, sentiment)
    sentiment.page.reload()
    expect(sentiment.text).to_have_value(LOVE)
    sentiment.expect_label("Positive")


def test_a_server_without_the_model_says_so(
    greenroom_server_factory: GreenroomServerFactory, tmp_path: Path, sentiment: SentimentPage, noise: Noise
) -> None:
    noise.expected(r"status of 404", r"WebSocket connection to .*404")
    (tmp_path / "greenroom.toml").write_text('[models.minilm]\nsource = "path:minilm"\n')
    server = greenroom_server_factory(folder=tmp_path)
    sentiment.open(server.url)
    expect(sentiment.page.get_by_role("alert")).to_contain_text("no model named “sentiment”")
    expect(sentiment.card).to_have_count(0)


def test_it_fits_a_phone(optional_server: GreenroomServer, sentiment: SentimentPage) -> None:
    sentiment.page.set_viewport_size({"width": 390, "height": 844})
    load(optional_server, sentiment)
    assert_no_sideways_scrolling(sentiment.page)
