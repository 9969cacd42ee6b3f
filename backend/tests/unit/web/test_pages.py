"""Which page of the app answers at which address."""

from __future__ import annotations

from pathlib import Path

import pytest
from starlette.applications import Starlette

from tests.unit.web.in_process import AppMaker, ask


@pytest.fixture
def app(make_app: AppMaker, tmp_path: Path) -> Starlette:
    static = tmp_path / "static"
    (static / "assets").mkdir(parents=True)
    (static / "index.html").write_text('first "./assets/first.js"')
    (static / "models.html").write_text('models "./assets/models.js"')
    (tmp_path / "secret.html").write_text("not of the app")
    return make_app(static=static)


@pytest.mark.parametrize(
    ("path", "page"),
    [("", "first"), ("models", "models"), ("models/", "models"), ("models.html", "models"), ("a/b", "first")],
)
def test_each_page_is_opened_and_reloaded_at_its_own_address(app: Starlette, path: str, page: str) -> None:
    answer = ask(app, f"/app/{path}")
    assert (answer.status, answer.body.decode()) == (200, f'{page} "/app/assets/{page}.js"')
    assert answer.headers["cache-control"] == "no-cache"
    assert "etag" not in answer.headers


@pytest.mark.parametrize("path", ["assets/gone.js", "gone.png"])
def test_a_file_that_is_gone_is_no_page(app: Starlette, path: str) -> None:
    assert ask(app, f"/app/{path}").status == 404


def test_no_page_outside_of_the_app_answers(app: Starlette) -> None:
    assert ask(app, "/app/%2e%2e/secret").body.startswith(b"first")
    assert ask(app, "/app/../secret").body.startswith(b"first")
