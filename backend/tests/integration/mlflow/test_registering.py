"""Trained models go into a real registry, embedded or behind a server. Each registration has a process of its own, as
`greenroom train` gives it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from greenroom.registering import register
from greenroom.settings import load_settings
from greenroom.sources import mlflow_client
from greenroom.sources.fetcher import ProcessFetcher
from greenroom.sources.seam import Want
from greenroom.words import ConfigError, ModelSpec, RuntimeName, SourceNotFoundError, Task
from tests.integration.mlflow.heads import head_files, write_head
from tests.integration.mlflow.mlflow_server import MlflowServer, free_port

PROGRAM = """
import json, sys
from pathlib import Path
from greenroom.registering import register
from greenroom.words import GreenroomError

try:
    said = [register(Path(folder), *rest) for folder, *rest in json.load(sys.stdin)]
except GreenroomError as error:
    said = [type(error).__name__, str(error), error.temporary]
print(json.dumps(said))
"""
DEADLINE_SECONDS = 100.0
"""Of a process that imports MLflow and speaks to a server that does so too, on a crowded machine."""


def registered(folder: Path, *orders: list[object]) -> list[object]:
    """What `register` gave for each of `orders`, or the error that one raised."""
    ran = subprocess.run(
        [sys.executable, "-c", PROGRAM], input=json.dumps(orders), text=True, capture_output=True, check=True,
        timeout=DEADLINE_SECONDS, cwd=folder, env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )  # fmt: skip
    said: list[object] = json.loads(ran.stdout.splitlines()[-1])
    return said


def test_a_registration_keeps_figures_and_tags_and_moves_the_alias_only_when_it_has_one(
    mlflow: MlflowServer, name: str, tmp_path: Path
) -> None:
    head = str(write_head(tmp_path / "head", "positive"))
    figures, tags, params = {"accuracy": 0.91}, {"data": "two hundred texts"}, {"epochs": "3"}
    said = registered(
        tmp_path,
        [head, name, figures, tags, "production", mlflow.url, params],
        [head, name, figures, tags, None, mlflow.url],
    )
    assert said == ["1", "2"]
    version = mlflow.get("registered-models/alias", name=name, alias="production")["model_version"]
    assert version["version"] == "1"
    assert {"key": "data", "value": "two hundred texts"} in version["tags"]
    run = mlflow.get("runs/get", run_id=version["run_id"])["run"]
    assert run["info"]["status"] == "FINISHED"
    assert [(metric["key"], metric["value"]) for metric in run["data"]["metrics"]] == [("accuracy", 0.91)]
    assert run["data"]["params"] == [{"key": "epochs", "value": "3"}]


def test_a_registration_with_nobody_there_ends_soon_and_says_so(tmp_path: Path) -> None:
    head = str(write_head(tmp_path / "head", "positive"))
    said = registered(tmp_path, [head, "sentiment", {}, {}, None, f"http://127.0.0.1:{free_port()}"])
    assert said[0] == "SourceUnreachableError"
    assert said[2] is True


@pytest.mark.anyio
async def test_what_was_registered_in_an_embedded_registry_is_followed_without_a_server(tmp_path: Path) -> None:
    head = str(write_head(tmp_path / "head", "neutral"))
    uri = f"sqlite:///{tmp_path}/registry.db"
    assert registered(tmp_path, [head, "sentiment", {}, {}, "production", uri]) == ["1"]
    spec = ModelSpec("sentiment", "mlflow:models:/sentiment", Task.CLASSIFY, RuntimeName.TEXT_CLASSIFIER)
    fetcher = ProcessFetcher(load_settings(data=tmp_path / "data", mlflow_tracking_uri=uri))
    try:
        version = await fetcher.fetch(spec, Want.LATEST, lambda stage, done, total: None)
        for rest, said in (("sentiment@nobody", "no alias nobody"), ("sentiment/2", "no version 2"),
                           ("other", "no registered model named other")):  # fmt: skip
            with pytest.raises(SourceNotFoundError, match=said):
                await fetcher.look(ModelSpec("sentiment", f"mlflow:models:/{rest}"))
    finally:
        await fetcher.close()
    assert (version.label, version.stage) == ("1", "production")
    assert (version.folder / "head.safetensors").read_bytes() == head_files("neutral")["head.safetensors"]


@pytest.mark.anyio
async def test_a_database_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    uri = f"sqlite:///{tmp_path}/registry.db"
    fetcher = ProcessFetcher(load_settings(data=tmp_path / "data", mlflow_tracking_uri=uri))
    try:
        with pytest.raises(SourceNotFoundError, match="is not there"):
            await fetcher.look(ModelSpec("sentiment", "mlflow:models:/sentiment"))
    finally:
        await fetcher.close()
    assert not (tmp_path / "registry.db").exists()


def test_without_mlflow_an_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for variable, value in mlflow_client.TERMS.items():
        monkeypatch.setenv(variable, value)
    monkeypatch.setitem(sys.modules, "mlflow", None)
    with pytest.raises(ConfigError, match=r"pip install greenroom\[mlflow\]"):
        register(tmp_path, "sentiment", {}, {}, None, "http://127.0.0.1:1")


def test_without_a_tracking_uri_there_is_nowhere_to_register(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="MLFLOW_TRACKING_URI"):
        register(tmp_path, "sentiment", {}, {}, None, "")
