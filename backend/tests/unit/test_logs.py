from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

from greenroom.logs import configure_logs, hide_queries, take_standard_logs
from greenroom.settings import load_settings


@pytest.mark.parametrize(
    ("logger", "line", "arguments"),
    [
        ("uvicorn.error", '%s - "WebSocket %s" [accepted]', ("127.0.0.1:5", "/ws/init/me?token=geheim&x=?")),
        ("uvicorn.error", '%s - "WebSocket %s" 403', ("127.0.0.1:5", "/ws/init/me?token=geheim")),
        ("uvicorn.access", '%s - "%s %s HTTP/%s" %d', ("127.0.0.1:5", "GET", "/status?token=geheim", "1.1", 200)),
    ],
)
def test_uvicorns_lines_lose_their_query_strings(
    caplog: pytest.LogCaptureFixture, logger: str, line: str, arguments: tuple[object, ...]
) -> None:
    hide_queries()
    with caplog.at_level(logging.INFO, logger):
        logging.getLogger(logger).info(line, *arguments)
    assert str(arguments[0]) in caplog.text
    assert "geheim" not in caplog.text


@pytest.fixture
def handlers_restored() -> Iterator[None]:
    root = logging.getLogger()
    before = list(root.handlers)
    yield
    for handler in set(root.handlers).difference(before):
        root.removeHandler(handler)


@pytest.mark.usefixtures("handlers_restored")
def test_lines_of_the_standard_library_are_json_among_json(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    take_standard_logs(load_settings(data=tmp_path, log_format="json"))
    try:
        raise KeyError("a bug")
    except KeyError:
        logging.getLogger("uvicorn.error").exception("Exception in %s", "somebody's\napp")
    (line,) = capsys.readouterr().err.splitlines()
    said = json.loads(line)
    assert (said["event"], said["level"], said["logger"]) == ("Exception in somebody's\napp", "error", "uvicorn.error")
    assert "KeyError: 'a bug'" in said["exception"]
    assert "timestamp" in said


@pytest.mark.usefixtures("handlers_restored")
@pytest.mark.parametrize(("level", "lines"), [("info", 0), ("debug", 1)])
def test_what_any_client_can_make_uvicorn_say_is_at_debug(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, level: str, lines: int
) -> None:
    take_standard_logs(load_settings(data=tmp_path, log_format="json", log_level=level))
    logging.getLogger("uvicorn.error").warning("Invalid HTTP request received.")
    assert capsys.readouterr().err.count('"level": "debug"') == lines


def test_a_log_advises_no_button(
    capsys: pytest.CaptureFixture[str], request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    before = structlog.get_config()
    request.addfinalizer(lambda: structlog.configure(**before))
    configure_logs(load_settings(data=tmp_path, log_format="json"))
    structlog.get_logger("test").error("load_failed", reason="Put the file back, then press Try again.")
    assert json.loads(capsys.readouterr().err)["reason"] == "Put the file back, then try again."
