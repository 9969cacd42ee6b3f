"""Apps that tests can ask in this process."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import structlog
from starlette.applications import Starlette

from greenroom import create_app
from greenroom.jobs.service import Jobs
from greenroom.settings import load_settings
from greenroom.testing.memory_queue import MemoryQueue
from tests.unit.web.in_process import AppMaker

MODELS = """
[models.minilm]
source = "path:anything"
[models.sentiment]
source = "path:anything"
runtime = "text-classifier"
[models.remarks]
source = "path:anything"
runtime = "tabular"
"""


@pytest.fixture
def log(monkeypatch: pytest.MonkeyPatch) -> io.StringIO:
    """What the app logs, as a person at a terminal sees it. The app's own configuration would outlive the test."""
    written = io.StringIO()
    logger = structlog.wrap_logger(
        structlog.PrintLogger(written),
        processors=[structlog.processors.format_exc_info, structlog.dev.ConsoleRenderer(colors=False)],
    )
    monkeypatch.setattr("greenroom.app.configure_logs", lambda settings: None)
    for module in ("middleware", "problems", "admin"):
        monkeypatch.setattr(f"greenroom.web.{module}.log", logger)
    return written


@pytest.fixture
def make_app(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, log: io.StringIO) -> AppMaker:
    """`create_app` with the scripted engine; keyword arguments are settings."""
    monkeypatch.chdir(tmp_path)

    def make(routes: Sequence[Any] = (), static: Path | None = None, **settings: Any) -> Starlette:
        loaded = load_settings(engine="scripted", data=tmp_path / "data", **settings)
        return create_app(loaded, routes=routes, static=static)

    return make


@pytest.fixture
def queue() -> MemoryQueue:
    """Of `make_jobs_app`."""
    return MemoryQueue(max_pending=50_000)


@pytest.fixture
def make_jobs_app(make_app: AppMaker, tmp_path: Path, queue: MemoryQueue) -> AppMaker:
    """As `make_app`, with jobs in memory that nobody works off."""
    (tmp_path / "greenroom.toml").write_text(MODELS)

    def make(**settings: Any) -> Starlette:
        app = make_app(**settings)
        app.state.jobs = Jobs(app.state.greenroom.settings, app.state.greenroom, queue=queue)
        return app

    return make
