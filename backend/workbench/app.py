"""The composition root of the workbench: its endpoints and its pages on top of Greenroom's."""

from __future__ import annotations

from pathlib import Path

from starlette.applications import Starlette

import greenroom
from workbench.golden import PAIRS_FILE, GoldenPairs, load_pairs
from workbench.rfq import ENDPOINTS, MODEL

STATIC = Path(__file__).with_name("static")
"""The built web app; without it the server answers programs only."""


def create_app(settings: greenroom.Settings | None = None) -> Starlette:
    """The workbench as an ASGI app, for `greenroom serve --app workbench:create_app` and `uvicorn --factory`.

    `settings` default to the environment. Raises ConfigError when they are wrong."""
    app = greenroom.create_app(settings, routes=ENDPOINTS, static=STATIC)
    app.state.golden = GoldenPairs(load_pairs(PAIRS_FILE), MODEL)
    return app
