"""Draws the documentation's pictures. `python -m e2e.pictures`.

docs/images/overlay/: one sheet of all states for each theme and device. The same sources give the same pictures: the
client's clock stands still, nothing moves, and no server is there. docs/images/loading.png: the workbench over a real
server whose model stands still. docs/images/models/: the pages Sentiment and Models. docs/images/jobs/: the page Jobs.
"""

from __future__ import annotations

import base64
import shutil
import tempfile
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

from e2e.gallery import ROOT, SCENES, Gallery, build
from e2e.pictures_jobs import draw_jobs
from e2e.pictures_models import draw_pages
from e2e.workbench import Workbench
from greenroom.testing import GreenroomServer

FOLDER = ROOT / "docs" / "images" / "overlay"
VIEWPORTS = {"desktop": (1120, 760), "phone": (320, 640)}
MARGIN_PX = 8
"""Around each card. Its shadow is left out: a soft gradient is most of a picture's bytes."""

SHEET = """<!doctype html><style>
  body {{ margin: 0; padding: 20px 20px 0; width: {width}px; background: {page}; color: {ink};
          font: 13px/1.4 system-ui, sans-serif; columns: {columns}; column-gap: 12px }}
  figure {{ margin: 0 0 14px; break-inside: avoid }}
  figcaption {{ padding: 0 0 2px {margin}px; opacity: .75 }}
  img {{ display: block }}
</style>{figures}"""
COLOURS = {"light": ("#f4f1ec", "#22201c"), "dark": ("#171614", "#f5f1ea")}


def main() -> None:
    FOLDER.mkdir(parents=True, exist_ok=True)
    chromium = shutil.which("chromium")
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        built = build(Path(folder))
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        for device in VIEWPORTS:
            for theme in COLOURS:
                _draw(browser, built, device, theme)
        _draw_workbench(browser)
        draw_pages(browser, ROOT / "docs" / "images" / "models")
        draw_jobs(browser, ROOT / "docs" / "images" / "jobs")
        browser.close()


def _draw_workbench(browser: Browser) -> None:
    page = browser.new_page(viewport={"width": 1280, "height": 800})
    workbench = Workbench(page)
    with GreenroomServer("workbench:create_app") as server:
        server.control.freeze(20)
        server.control.advance(20)
        server.control.freeze(65)
        workbench.open(server.url)
        workbench.ask()
        workbench.expect_waiting(1)
        workbench.expect_progress(65)
        page.mouse.move(0, 0)
        page.screenshot(path=ROOT / "docs" / "images" / "loading.png")
    page.close()


def _draw(browser: Browser, built: Path, device: str, theme: str) -> None:
    width, height = VIEWPORTS[device]
    page = browser.new_page(viewport={"width": width, "height": height})
    gallery = Gallery(page, built)
    pictures = {scene: _picture(gallery, scene, theme) for scene in SCENES}
    columns = 3 if device == "desktop" else 4
    card_px = 384 if device == "desktop" else 296
    sheet_px = columns * (card_px + 2 * MARGIN_PX) + (columns - 1) * 12
    _compose(page, pictures, theme, columns, sheet_px, FOLDER / f"{device}-{theme}.png")
    page.close()


def _picture(gallery: Gallery, scene: str, theme: str) -> bytes:
    gallery.open(scene, theme=theme)
    # Of the page behind the card only its colour.
    gallery.page.add_style_tag(content="main { visibility: hidden } :root { --gr-shadow: none }")
    box = gallery.card.bounding_box()
    assert box is not None
    return gallery.page.screenshot(
        clip={
            "x": max(0, box["x"] - MARGIN_PX),
            "y": max(0, box["y"] - MARGIN_PX),
            "width": box["width"] + 2 * MARGIN_PX,
            "height": box["height"] + 2 * MARGIN_PX,
        }
    )


def _compose(page: Page, pictures: dict[str, bytes], theme: str, columns: int, width: int, path: Path) -> None:
    figures = "".join(
        f"<figure><figcaption>{scene}</figcaption>"
        f'<img src="data:image/png;base64,{base64.b64encode(data).decode()}"></figure>'
        for scene, data in pictures.items()
    )
    background, ink = COLOURS[theme]
    page.set_viewport_size({"width": width + 40, "height": 400})
    page.set_content(
        SHEET.format(width=width, page=background, ink=ink, columns=columns, margin=MARGIN_PX, figures=figures)
    )
    page.screenshot(path=path, full_page=True)


if __name__ == "__main__":
    main()
