"""Somebody hands texts over before the model is there, leaves, comes back, and takes the results along."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any, Literal

import pytest
from playwright.sync_api import Locator, Page, expect

from e2e.conftest import PATIENCE_MS, Noise
from e2e.optional import MODEL, assert_no_sideways_scrolling
from e2e.test_pages_are_accessible import PHONE, violations
from greenroom.testing import GreenroomServer

TEXTS = ("This product is amazing! I love it!", "This is terrible and I hate it!")


class JobsPage:
    def __init__(self, page: Page) -> None:
        self.page = page
        self.texts = page.get_by_label("Texts, one on each line")
        self.start = page.get_by_role("button", name="Start the job")
        self.accepted = page.get_by_text("Accepted as")
        self.cards = page.get_by_role("article")

    def open(self, url: str) -> None:
        self.page.goto(f"{url}/app/jobs")
        expect(self.page.get_by_role("heading", name="Jobs", exact=True)).to_be_visible()

    def submit(self, *texts: str) -> Locator:
        """Returns the card of the new job."""
        self.texts.fill("\n".join(texts))
        self.start.click()
        expect(self.accepted).to_be_visible()
        return self.cards.first

    def press(self, card: Locator, name: str) -> None:
        card.get_by_role("button", name=name).click()


def expect_wanted(server: GreenroomServer) -> None:
    """The job has made the server load its model."""
    until = time.monotonic() + PATIENCE_MS / 1_000
    while MODEL not in server.control.state()["models"]:
        assert time.monotonic() < until, f"{MODEL} is not wanted"
        time.sleep(0.02)


def load(server: GreenroomServer) -> None:
    expect_wanted(server)
    server.control.become_ready(MODEL)


@pytest.fixture
def jobs(page: Page) -> JobsPage:
    return JobsPage(page)


def test_a_job_handed_over_before_its_model_is_ready_begins_by_itself(
    optional_server: GreenroomServer, jobs: JobsPage
) -> None:
    jobs.open(optional_server.url)
    expect(jobs.page.get_by_text("Jobs are taken now, and begin by themselves")).to_be_visible()
    card = jobs.submit(*TEXTS)
    expect(card).to_contain_text(f"Waits for {MODEL}")
    optional_server.control.become_ready("minilm")
    load(optional_server)
    expect(card).to_contain_text("Completed")


def test_a_page_that_is_reloaded_while_a_job_runs_finds_it_again(
    optional_server: GreenroomServer, jobs: JobsPage
) -> None:
    control = optional_server.control
    jobs.open(optional_server.url)
    card = jobs.submit(*TEXTS)
    control.become_ready("minilm")
    expect_wanted(optional_server)
    control.hold_calls(MODEL)
    load(optional_server)
    expect(card).to_contain_text("Running")
    jobs.page.reload()
    expect(card).to_contain_text("Running")
    control.release_calls(MODEL)
    expect(card).to_contain_text("Completed")


def test_a_waiting_job_is_cancelled_and_then_tried_again(optional_server: GreenroomServer, jobs: JobsPage) -> None:
    jobs.open(optional_server.url)
    card = jobs.submit(*TEXTS)
    jobs.press(card, "Cancel")
    expect(card).to_contain_text("Cancelled")
    jobs.press(card, "Try again")
    expect(card).to_contain_text(f"Waits for {MODEL}")
    optional_server.control.become_ready("minilm")
    load(optional_server)
    expect(card).to_contain_text("Completed")


def test_a_running_job_is_cancelled_at_its_next_chunk_and_goes_on_when_tried_again(
    optional_server: GreenroomServer, jobs: JobsPage
) -> None:
    control = optional_server.control
    control.become_ready("minilm")
    jobs.open(optional_server.url)
    card = jobs.submit(*TEXTS * 100)
    expect_wanted(optional_server)
    control.hold_calls(MODEL)
    load(optional_server)
    expect(card).to_contain_text("Running")
    jobs.press(card, "Cancel")
    expect(card).to_contain_text("Being cancelled")
    control.release_calls(MODEL)
    expect(card).to_contain_text("Cancelled")
    jobs.press(card, "Try again")
    expect(card).to_contain_text("Completed")
    jobs.press(card, "Show results")
    expect(card.get_by_role("list", name="Labels")).to_contain_text("100")


def test_a_file_is_read_and_its_results_are_shown_and_downloaded(
    optional_server: GreenroomServer, jobs: JobsPage, tmp_path: Path
) -> None:
    optional_server.control.become_ready("minilm")
    jobs.open(optional_server.url)
    lines = tmp_path / "reviews.jsonl"
    lines.write_text("\n".join([json.dumps({"text": TEXTS[0]}), "{broken", json.dumps({"text": TEXTS[1]})]))
    jobs.page.get_by_label("File").set_input_files(lines)
    jobs.start.click()
    expect(jobs.accepted).to_be_visible()
    load(optional_server)
    card = jobs.page.get_by_role("article", name="reviews.jsonl", exact=True)
    expect(card).to_contain_text("Completed")
    card.get_by_text("1 line was left out").click()
    expect(card.get_by_text("Line 2")).to_be_visible()
    jobs.press(card, "Show results")
    expect(card.get_by_role("list", name="Labels").get_by_role("listitem")).to_have_count(2)
    expect(card.get_by_role("row")).to_have_count(3)
    expect(card.get_by_role("row", name=TEXTS[1])).to_contain_text("Negative")
    with jobs.page.expect_download() as download:
        card.get_by_role("link", name="JSON Lines").click()
    assert download.value.suggested_filename == "reviews-results.jsonl"
    rows: list[dict[str, Any]] = [json.loads(line) for line in download.value.path().read_text().splitlines()]
    assert [row["index"] for row in rows] == [0, 1]
    assert [(row["text"], row["label"]) for row in rows] == list(zip(TEXTS, ("positive", "negative"), strict=True))


def test_a_file_that_is_mended_on_the_disk_is_to_be_chosen_again(
    optional_server: GreenroomServer, jobs: JobsPage, tmp_path: Path, noise: Noise
) -> None:
    noise.expected("status of 422", "ERR_UPLOAD_FILE_CHANGED")
    jobs.open(optional_server.url)
    texts = tmp_path / "texts.txt"
    texts.write_text("fine", encoding="utf-16")
    jobs.page.get_by_label("File").set_input_files(texts)
    jobs.start.click()
    expect(jobs.page.get_by_role("alert")).to_contain_text("UTF-16")
    texts.write_text("fine", encoding="utf-8")
    os.utime(texts, times=(time.time() + 60,) * 2)  # the browser compares whole seconds
    jobs.start.click()
    expect(jobs.page.get_by_role("alert")).to_contain_text("The file has changed since it was chosen")
    jobs.page.get_by_label("File").set_input_files(texts)
    jobs.start.click()
    expect(jobs.accepted).to_be_visible()


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_page_violates_no_rule_contrast_included_and_fits_a_phone(
    optional_server: GreenroomServer, jobs: JobsPage, tmp_path: Path, theme: Literal["light", "dark"]
) -> None:
    page = jobs.page
    page.emulate_media(color_scheme=theme, reduced_motion="reduce")
    page.set_viewport_size(PHONE)
    optional_server.control.become_ready("minilm")
    jobs.open(optional_server.url)
    card = jobs.submit(*TEXTS)
    load(optional_server)
    expect(card).to_contain_text("Completed")
    jobs.press(card, "Show results")
    expect(card.get_by_role("row")).to_have_count(3)
    optional_server.control.hold_calls(MODEL)
    file = tmp_path / f"{'a_name_without_a_gap' * 11}.txt"
    file.write_text("One more")
    page.get_by_label("File").set_input_files(file)
    jobs.start.click()
    expect(jobs.cards.first).to_contain_text("Running")
    expect(page.get_by_role("heading", name="a_name")).to_contain_text("…")
    assert violations(page) == []
    assert_no_sideways_scrolling(page)
    ends = page.locator(".off-screen").evaluate_all("all => all.map((one) => one.getBoundingClientRect().right)")
    assert ends
    assert max(ends) <= 0, "what is for screen readers alone is seen"
