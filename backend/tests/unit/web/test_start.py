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
