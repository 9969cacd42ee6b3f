"""What an operator is told when the app is made."""

from __future__ import annotations

import io

import pytest
import structlog

from tests.unit.web.in_process import AppMaker


def test_a_misspelt_variable_is_warned_of_once(
    make_app: AppMaker, log: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("greenroom.app.log", structlog.wrap_logger(structlog.PrintLogger(log)))
    monkeypatch.setenv("GREENROOM_ALOWED_HOSTS", "a.example")
    make_app()
    (line,) = [line for line in log.getvalue().splitlines() if "ALOWED" in line]
    assert "unknown_setting" in line
    assert "GREENROOM_ALLOWED_HOSTS" in line


def test_a_model_that_a_variable_replaces_is_told_of_once(
    make_app: AppMaker, log: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("greenroom.app.log", structlog.wrap_logger(structlog.PrintLogger(log)))
    monkeypatch.setenv("MODEL_SENTIMENT_URL", "path:trained/sentiment")
    make_app()
    (line,) = [line for line in log.getvalue().splitlines() if "model_replaced" in line]
    assert "MODEL_SENTIMENT_URL" in line


@pytest.mark.parametrize(("size", "warnings"), [("1", 1), ("2", 0)])
def test_a_memory_without_a_place_for_optional_models_is_warned_of(
    make_app: AppMaker, log: io.StringIO, monkeypatch: pytest.MonkeyPatch, size: str, warnings: int
) -> None:
    monkeypatch.setattr("greenroom.app.log", structlog.wrap_logger(structlog.PrintLogger(log)))
    monkeypatch.setenv("MODEL_CACHE_SIZE", size)
    make_app()
    lines = [line for line in log.getvalue().splitlines() if "model_cache_too_small" in line]
    assert len(lines) == warnings
    assert all("set MODEL_CACHE_SIZE to 2 or more" in line and "sentiment" in line for line in lines)
