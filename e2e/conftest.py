"""The browser, the server and what is kept of a story that failed: trace, picture and server log in test-results/."""

from __future__ import annotations

import re
import shutil
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import BrowserContext, ConsoleMessage, Page, WebError, expect

from e2e.optional import ENVIRONMENT, configure
from e2e.recorder import Recorder
from e2e.workbench import Workbench
from greenroom.testing import Control, GreenroomServer
from greenroom.testing.plugin import GreenroomServerFactory

QUIET_BROWSER = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
)  # fmt: skip
KEPT_OF_A_FAILURE = {"tracing": "retain-on-failure", "screenshot": "only-on-failure"}
STATIC = Path(__file__).parents[1] / "backend" / "workbench" / "static" / "index.html"
PATIENCE_MS = 15_000
"""How long `expect` looks before a story counts as failed; two slow cores shared by many need some of it."""

expect.set_options(timeout=PATIENCE_MS)


def pytest_configure(config: pytest.Config) -> None:
    # Of pytest-base-url, which pytest-playwright brings along; ours are functions.
    config.addinivalue_line("filterwarnings", "ignore:Session-scoped fixtures defined as instance methods")
    for name, value in KEPT_OF_A_FAILURE.items():
        if getattr(config.option, name, "off") == "off":
            setattr(config.option, name, value)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Generator[None, Any, Any]:
    report = yield
    if report.failed:
        _keep_server_logs(item)
    return report


def _keep_server_logs(item: pytest.Item) -> None:
    fixtures: dict[str, Any] = getattr(item, "funcargs", {})
    if "output_path" not in fixtures:
        return
    folder = Path(fixtures["output_path"])
    for server in {value for value in fixtures.values() if isinstance(value, GreenroomServer)}:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"server-{server.port}.log").write_text(server.log())


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args: dict[str, Any]) -> dict[str, Any]:
    """The machine's own chromium where there is one, and nothing that talks to anybody but us."""
    chromium = shutil.which("chromium")
    path = {"executable_path": chromium} if chromium else {}
    return {**browser_type_launch_args, **path, "args": list(QUIET_BROWSER)}


@pytest.fixture(scope="session")
def greenroom_app() -> str:
    if not STATIC.exists():
        pytest.fail("The web app is not built. Mend with: npm run build:app")
    return "workbench:create_app"


@pytest.fixture
def server(greenroom_server: GreenroomServer, output_path: str) -> GreenroomServer:
    """The workbench on the scripted engine, its model frozen at 0 %."""
    return greenroom_server


@pytest.fixture
def control(server: GreenroomServer) -> Control:
    """Drives the scripted engine."""
    return server.control


@pytest.fixture(scope="module")
def real_server(greenroom_app: str) -> Iterator[GreenroomServer]:
    """The workbench on the real engine with the real model."""
    with GreenroomServer(greenroom_app, engine="local") as server:
        yield server


class Noise:
    """What a story's pages complained about, without what the story said it expects."""

    def __init__(self) -> None:
        self._expected: list[str] = []
        self._heard: list[str] = []

    def expected(self, *patterns: str) -> None:
        """Complaints that are part of the story, as regular expressions."""
        self._expected += patterns

    def on_console(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self._heard.append(f"{message.type}: {message.text} ({message.location.get('url', '')})")

    def on_exception(self, error: WebError) -> None:
        self._heard.append(f"exception: {error.error}")

    @property
    def unexpected(self) -> list[str]:
        return [text for text in self._heard if not any(re.search(pattern, text) for pattern in self._expected)]


@pytest.fixture(autouse=True)
def noise(context: BrowserContext) -> Iterator[Noise]:
    """No page of any story may complain in its console, unless the story says so."""
    noise = Noise()
    context.on("console", noise.on_console)
    context.on("weberror", noise.on_exception)
    yield noise
    assert noise.unexpected == []


@pytest.fixture
def workbench(page: Page) -> Workbench:
    """What a person sees and does on the RFQ page; open it first."""
    return Workbench(page)


@pytest.fixture
def recorder(page: Page) -> Recorder:
    """Everything that the page's socket heard."""
    return Recorder(page)


@pytest.fixture
def optional_server(
    greenroom_server_factory: GreenroomServerFactory, greenroom_app: str, tmp_path: Path, output_path: str
) -> GreenroomServer:
    """The workbench on the scripted engine with a second model that nobody has asked for yet."""
    return greenroom_server_factory(greenroom_app, folder=configure(tmp_path / "server"), environment=ENVIRONMENT)
