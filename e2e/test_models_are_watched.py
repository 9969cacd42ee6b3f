"""An operator watches the models, lets a new version take over, and takes it back."""

from __future__ import annotations

import pytest
from playwright.sync_api import Locator, Page, expect

from e2e.conftest import Noise
from e2e.optional import MODEL, assert_no_sideways_scrolling
from greenroom.testing import GreenroomServer
from greenroom.testing.plugin import GreenroomServerFactory

TOKEN = "t" * 40


class ModelsPage:
    def __init__(self, page: Page) -> None:
        self.page = page

    def open(self, url: str) -> None:
        self.page.goto(f"{url}/app/models")
        expect(self.page.get_by_role("article")).not_to_have_count(0)

    def card(self, name: str = MODEL) -> Locator:
        return self.page.get_by_role("article", name=name)

    def press(self, button: str, name: str = MODEL) -> None:
        self.card(name).get_by_role("button", name=button).click()

    def expect_said(self, text: str, name: str = MODEL) -> None:
        expect(self.card(name).get_by_role("status")).to_contain_text(text)

    def take_over(self, server: GreenroomServer, version: str) -> None:
        """The source names another version, and a press of Reload lets it serve."""
        server.control.publish(version, MODEL)
        self.press("Reload")
        expect(self.card()).to_contain_text(f"Version {version} loads beside version")
        server.control.become_ready(MODEL)
        self.expect_said(f"Version {version} serves now")


@pytest.fixture
def models(page: Page) -> ModelsPage:
    return ModelsPage(page)


@pytest.fixture
def loaded(optional_server: GreenroomServer, page: Page) -> GreenroomServer:
    """Both models serve; a call has asked for the optional one."""
    optional_server.control.become_ready("minilm")
    page.request.post(f"{optional_server.url}/predict", data={"text": "Hello", "model": MODEL})
    optional_server.control.become_ready(MODEL)
    return optional_server


def test_a_load_moves_on_the_page_while_it_happens(optional_server: GreenroomServer, models: ModelsPage) -> None:
    models.open(optional_server.url)
    expect(models.card()).to_contain_text("Not in memory")
    bar = models.card("minilm").get_by_role("progressbar")
    for percent in (20, 65):
        optional_server.control.freeze(percent, "minilm")
        expect(bar).to_have_attribute("aria-valuenow", str(percent))
    optional_server.control.become_ready("minilm")
    expect(models.card("minilm")).to_contain_text("Ready")
    expect(models.card("minilm")).to_contain_text("384 numbers")
    expect(bar).to_have_count(0)


def test_a_new_version_loads_beside_the_old_one_and_takes_over(loaded: GreenroomServer, models: ModelsPage) -> None:
    models.open(loaded.url)
    loaded.control.publish("2", MODEL)
    models.press("Reload")
    loaded.control.freeze(40, MODEL)
    bar = models.card().get_by_role("progressbar", name="Loading Version 2")
    expect(bar).to_have_attribute("aria-valuenow", "40")
    expect(models.card()).to_contain_text("Ready")
    loaded.control.become_ready(MODEL)
    models.expect_said("Version 2 serves now")
    expect(models.card()).to_contain_text("follows production")
    models.card().get_by_text("Promotion gate: version 2 passed").click()
    expect(models.card().get_by_text("finite", exact=True)).to_be_visible()


def test_a_roll_back_is_confirmed_pins_the_version_and_can_be_unpinned(
    loaded: GreenroomServer, models: ModelsPage
) -> None:
    models.open(loaded.url)
    models.take_over(loaded, "2")
    models.take_over(loaded, "3")
    models.press("Roll back")
    models.press("Roll back to version 2")
    expect(models.card()).to_contain_text("Version 2 loads beside version 3")
    loaded.control.become_ready(MODEL)
    models.expect_said("Version 2 serves again. It is pinned")
    expect(models.card().get_by_text("Pinned", exact=True)).to_be_visible()
    models.press("Unpin")
    models.expect_said("Unpinned")
    expect(models.card().get_by_text("Pinned", exact=True)).to_have_count(0)


def test_a_version_that_fails_leaves_the_old_one_serving_and_says_why(
    loaded: GreenroomServer, models: ModelsPage
) -> None:
    models.open(loaded.url)
    loaded.control.publish("2", MODEL)
    models.press("Reload")
    expect(models.card()).to_contain_text("Version 2 loads beside version")
    models.page.request.post(
        f"{loaded.url}/__test__/fail", data={"model": MODEL, "message": "The file is not what it says."}
    )
    models.expect_said("The file is not what it says.")
    models.expect_said("goes on serving")
    expect(models.card().get_by_role("list", name="Refused versions")).to_contain_text("Version 2 was refused")
    expect(models.card()).to_contain_text("Ready")


def test_away_from_the_servers_machine_the_admin_token_is_asked_for_and_kept_for_the_tab(
    greenroom_server_factory: GreenroomServerFactory, greenroom_app: str, models: ModelsPage,
    noise: Noise,
) -> None:  # fmt: skip
    noise.expected(r"status of 401.*/models/reload")
    server = greenroom_server_factory(greenroom_app, environment={"GREENROOM_ADMIN_TOKEN": TOKEN})
    server.control.become_ready()
    models.open(server.url)
    models.press("Reload", "minilm")
    field = models.page.get_by_label("Admin token")
    field.fill("wrong")
    field.press("Enter")
    models.expect_said("This is not the admin token.", "minilm")
    models.page.get_by_label("Admin token").fill(TOKEN)
    models.page.get_by_role("button", name="Go on").click()
    models.expect_said("The source names nothing newer.", "minilm")
    models.page.reload()
    models.press("Reload", "minilm")
    models.expect_said("The source names nothing newer.", "minilm")


def test_a_server_that_is_away_leaves_what_was_known(loaded: GreenroomServer, models: ModelsPage, noise: Noise) -> None:
    noise.expected(r"ERR_CONNECTION_REFUSED", r"WebSocket connection to")
    models.open(loaded.url)
    loaded.kill()
    expect(models.page.get_by_text("The server cannot be reached just now. What you see is from")).to_be_visible()
    expect(models.card()).to_be_visible()
    loaded.restart()
    expect(models.page.get_by_text("The server cannot be reached")).to_have_count(0)
    expect(models.card()).to_contain_text("Not in memory")


def test_it_fits_a_phone_with_everything_opened(loaded: GreenroomServer, models: ModelsPage) -> None:
    models.page.set_viewport_size({"width": 390, "height": 844})
    models.open(loaded.url)
    models.take_over(loaded, "2")
    models.press("Roll back")
    for fold in models.page.locator("summary").all():
        fold.click()
    assert_no_sideways_scrolling(models.page)


def test_the_pages_lead_to_each_other(server: GreenroomServer, models: ModelsPage) -> None:
    server.control.become_ready()
    models.page.goto(f"{server.url}/app/")
    pages = models.page.get_by_role("navigation", name="Pages")
    pages.get_by_role("link", name="Models").click()
    expect(models.page.get_by_role("heading", name="Models", exact=True)).to_be_visible()
    expect(pages.get_by_role("link", name="Models")).to_have_attribute("aria-current", "page")
    models.page.reload()
    expect(models.card("minilm")).to_be_visible()
    pages.get_by_role("link", name="RFQ preview").click()
    expect(models.page.get_by_role("heading", name="RFQ preview")).to_be_visible()
