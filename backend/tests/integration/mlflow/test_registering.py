"""Trained models go into a real registry, embedded or behind a server. Each registration has a process of its own, as
`greenroom train` gives it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from greenroom.registering import register
from greenroom.settings import load_settings
from greenroom.sources import mlflow_client
from greenroom.sources.fetcher import ProcessFetcher
from greenroom.sources.seam import Want
from greenroom.words import ConfigError, ModelSpec, RuntimeName, SourceNotFoundError, Task
from tests.integration.mlflow.heads import head_files, write_head
from tests.integration.mlflow.mlflow_server import MlflowServer, free_port

pytestmark = pytest.mark.timeout(180)

PROGRAM = """
import json, sys
from pathlib import Path
from greenroom.registering import register
from greenroom.words import GreenroomError

def said(folder, *rest):
    try:
        return register(Path(folder), *rest)
    except GreenroomError as error:
        return [type(error).__name__, error.temporary, str(error)]

print(json.dumps([said(*order) for order in json.load(sys.stdin)]))
"""
DEADLINE_SECONDS = 100.0
"""Of a process that imports MLflow and speaks to a server that does so too, on a crowded machine."""
NAME = "trained"
FIGURES, TAGS, PARAMS = {"accuracy": 0.91}, {"data": "two hundred texts"}, {"epochs": "3"}


@dataclass(frozen=True)
class Registrations:
    embedded_uri: str
    with_alias: str
    without_alias: str
    embedded: str
    with_nobody_there: tuple[str, bool]
    with_alias_refused: str


@pytest.fixture(scope="module")
def registrations(mlflow: MlflowServer, tmp_path_factory: pytest.TempPathFactory) -> Registrations:
    """What `register` said to five orders, in one process: importing MLflow takes longer than all of them."""
    folder = tmp_path_factory.mktemp("registering")
    head, uri = str(write_head(folder / "head", "neutral")), f"sqlite:///{folder}/registry.db"
    with_alias, without_alias, embedded, (error, temporary, _), (_, _, refused) = _said(
        folder,
        [head, NAME, FIGURES, TAGS, "production", mlflow.url, PARAMS],
        [head, NAME, FIGURES, TAGS, None, mlflow.url],
        [head, NAME, {}, {}, "production", uri],
        [head, NAME, {}, {}, None, f"http://127.0.0.1:{free_port()}"],
        [head, "other-one", {}, {}, "no alias!", uri],
    )
    return Registrations(uri, with_alias, without_alias, embedded, (error, temporary), refused)


def _said(folder: Path, *orders: list[object]) -> list[Any]:
    ran = subprocess.run(
        [sys.executable, "-c", PROGRAM], input=json.dumps(orders), text=True, capture_output=True, check=True,
        timeout=DEADLINE_SECONDS, cwd=folder, env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )  # fmt: skip
    return list(json.loads(ran.stdout.splitlines()[-1]))


def test_a_registration_keeps_figures_and_tags_and_moves_the_alias_only_when_it_has_one(
    mlflow: MlflowServer, registrations: Registrations
) -> None:
    assert (registrations.with_alias, registrations.without_alias) == ("1", "2")
    version = mlflow.get("registered-models/alias", name=NAME, alias="production")["model_version"]
    assert version["version"] == "1"
    assert {"key": "data", "value": "two hundred texts"} in version["tags"]
    run = mlflow.get("runs/get", run_id=version["run_id"])["run"]
    assert run["info"]["status"] == "FINISHED"
    assert [(metric["key"], metric["value"]) for metric in run["data"]["metrics"]] == [("accuracy", 0.91)]
    assert run["data"]["params"] == [{"key": "epochs", "value": "3"}]


def test_a_registration_with_nobody_there_says_so(registrations: Registrations) -> None:
    assert registrations.with_nobody_there == ("SourceUnreachableError", True)


def test_a_version_that_is_registered_is_named_when_its_alias_does_not_move(registrations: Registrations) -> None:
    said = "Registered as version 1 of other-one; the alias no alias! was not moved: MLflow refuses what it was asked."
    assert registrations.with_alias_refused.startswith(said)


@pytest.mark.anyio
async def test_what_was_registered_in_an_embedded_registry_is_followed_without_a_server(
    registrations: Registrations, tmp_path: Path
) -> None:
    assert registrations.embedded == "1"
    spec = ModelSpec("sentiment", f"mlflow:models:/{NAME}", Task.CLASSIFY, RuntimeName.TEXT_CLASSIFIER)
    fetcher = ProcessFetcher(load_settings(data=tmp_path, mlflow_tracking_uri=registrations.embedded_uri))
    try:
        version = await fetcher.fetch(spec, Want.LATEST, lambda stage, done, total: None)
        for rest, said in ((f"{NAME}@nobody", "no alias nobody"), (f"{NAME}/2", "no version 2"),
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
