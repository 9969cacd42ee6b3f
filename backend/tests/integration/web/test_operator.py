"""The commands and the metrics of a real server whose model gets new versions."""

from __future__ import annotations

import json
import urllib.request
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from greenroom.cli.main import run
from greenroom.testing import GreenroomServer
from greenroom.testing.plugin import GreenroomServerFactory

TOKEN = "a-token-of-24-characters-or-more"


@pytest.fixture
def server(
    greenroom_server_factory: GreenroomServerFactory, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> GreenroomServer:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GREENROOM_ADMIN_TOKEN", TOKEN)
    config = tmp_path / "one-model.toml"
    config.write_text('[models.minilm]\nsource = "mlflow:models:/minilm@production"\n')
    environment = {
        "GREENROOM_ADMIN_TOKEN": TOKEN, "GREENROOM_CONFIG": str(config), "MLFLOW_TRACKING_URI": "http://127.0.0.1:9",
    }  # fmt: skip
    server: GreenroomServer = greenroom_server_factory(environment=environment)
    server.control.auto(0.05)
    server.control.wait_for(lambda state: bool(state["ready"]), "ready")
    return server


def models(server: GreenroomServer, *arguments: str) -> int:
    return run(["models", *arguments, "--url", server.url])


def sample(server: GreenroomServer, name: str) -> dict[str, float]:
    """The samples of this name by the label that tells them apart."""
    with urllib.request.urlopen(f"{server.url}/metrics", timeout=10) as page:
        families = list(text_string_to_metric_families(page.read().decode()))
    found = [one for family in families for one in family.samples if one.name == name]
    return {
        next(one.labels[label] for label in ("version", "automatic", "code", "model") if label in one.labels): one.value
        for one in found
    }


def test_a_version_is_brought_in_taken_back_and_let_go_from_the_command_line(
    server: GreenroomServer, capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()
    server.control.publish("2")
    assert models(server, "reload", "minilm") == 0
    assert capsys.readouterr().out == "minilm: version 2 serves now, 1 did before.\n"
    assert models(server, "reload") == 0
    assert capsys.readouterr().out == "minilm: version 2 serves, which is what its source names.\n"
    assert models(server, "rollback", "minilm") == 0
    assert capsys.readouterr().out.startswith("minilm: version 1 serves again, 2 did before. It is held fast")
    assert models(server, "list", "--json") == 0
    (report,) = json.loads(capsys.readouterr().out)["models"]
    assert (report["state"]["version"], report["pinned"]) == ("1", True)
    assert models(server, "list") == 0
    assert "1 (pinned)" in capsys.readouterr().out
    assert models(server, "unpin", "minilm") == 0
    assert capsys.readouterr().out == "minilm: follows its source again.\n"


def test_a_version_in_another_space_fails_and_the_one_before_serves_on(
    server: GreenroomServer, capsys: pytest.CaptureFixture[str]
) -> None:
    server.control.publish("2", space="another")
    assert models(server, "reload") == 1
    said = capsys.readouterr().err
    assert said.startswith("greenroom: minilm was not changed: ")
    assert said.endswith("Version 1 serves on.\n")
    assert sample(server, "model_update_errors_total")["version-refused"] == 1


def test_metrics_name_the_version_that_serves_and_count_what_was_changed(server: GreenroomServer) -> None:
    swaps = sample(server, "greenroom_swaps_total")["minilm"]
    server.control.publish("2")
    assert models(server, "reload") == 0
    assert models(server, "rollback", "minilm") == 0
    assert sample(server, "model_version") == {"1": 1}
    assert sample(server, "greenroom_swaps_total")["minilm"] == swaps + 2
    assert sample(server, "greenroom_rollbacks_total") == {"false": 1, "true": 0}
    assert sample(server, "greenroom_model_ready") == {"minilm": 1}


def test_without_the_token_nothing_is_changed(
    server: GreenroomServer, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("GREENROOM_ADMIN_TOKEN")
    server.control.publish("2")
    assert models(server, "reload") == 1
    assert "Set GREENROOM_ADMIN_TOKEN" in capsys.readouterr().err
    assert "2" not in sample(server, "model_version")
