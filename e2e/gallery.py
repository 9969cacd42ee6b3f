"""The overlay's states without a server: the built gallery, answered from its folder."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from urllib.parse import urlencode, urlsplit

from playwright.sync_api import Locator, Page, Route

ROOT = Path(__file__).parents[1]
ADDRESS = "http://localhost/gallery/"
"""Nobody listens there: every call is answered from the folder. Localhost, so that the origin counts as secure."""

SCENES = (
    "connecting", "queued", "downloading", "loading", "finalizing", "details", "queue", "stalled", "polling",
    "reconnecting", "draining", "offline", "restarting", "failed", "retrying", "ready",
)  # fmt: skip


def build(folder: Path) -> Path:
    """Returns the folder, with the gallery of the present sources in it."""
    command = ["npx", "vite", "build", "--logLevel", "warn", str(ROOT / "frontend" / "gallery")]
    subprocess.run(command, cwd=ROOT, env={**os.environ, "GALLERY_OUT": str(folder)}, check=True, timeout=120)
    return folder


class Gallery:
    def __init__(self, page: Page, folder: Path) -> None:
        self.page = page
        self.card: Locator = page.locator("[data-greenroom-overlay]")
        self._folder = folder
        page.emulate_media(reduced_motion="reduce")
        page.route(f"{ADDRESS}**", self._answer)

    def _answer(self, route: Route) -> None:
        name = urlsplit(route.request.url).path.removeprefix(urlsplit(ADDRESS).path)
        route.fulfill(path=self._folder / (name or "index.html"))

    def open(self, scene: str, **options: str) -> None:
        """Returns when the card stands there and nothing moves any more."""
        self.page.goto(f"{ADDRESS}?{urlencode({'scene': scene, **options})}")
        self.page.locator("html[data-played]").wait_for(timeout=15_000)
