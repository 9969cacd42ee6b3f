"""A server with a second model, `sentiment`, that loads when it is first asked for, and that takes orders from here."""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import Page

MODELS = """\
[models.minilm]
source = "path:minilm"

[models.sentiment]
source = "mlflow:models:/sentiment@production"
task = "classify"
runtime = "text-classifier"
required = false
"""
MODEL = "sentiment"
ENVIRONMENT = {"GREENROOM_LOCAL": "1", "MLFLOW_TRACKING_URI": "http://127.0.0.1:9"}  # which nobody asks


def configure(folder: Path) -> Path:
    """Returns the folder, with the two models in its configuration."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "greenroom.toml").write_text(MODELS)
    return folder


def assert_no_sideways_scrolling(page: Page) -> None:
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
