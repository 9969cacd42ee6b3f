"""Versions from a real MLflow server."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from greenroom.settings import load_settings
from greenroom.sources.fetcher import ProcessFetcher
from greenroom.sources.job import Job
from greenroom.sources.plan import Place
from greenroom.sources.seam import Want
from greenroom.sources.versions import Versions
from greenroom.words import (
    ConfigError,
    ModelSpec,
    RuntimeName,
    SourceError,
    SourceNotFoundError,
    SourceUnreachableError,
    Task,
)
from tests.integration.mlflow.heads import head_files
from tests.integration.mlflow.mlflow_server import MlflowServer, free_port

pytestmark = pytest.mark.timeout(180)

HANG_DEADLINE_SECONDS = 30.0
"""Ours is four; MLflow's own client waits for minutes."""


def spec_of(rest: str) -> ModelSpec:
    return ModelSpec("sentiment", f"mlflow:models:/{rest}", Task.CLASSIFY, RuntimeName.TEXT_CLASSIFIER)


def embedder_of(rest: str) -> ModelSpec:
    return ModelSpec("embedder", f"mlflow:models:/{rest}")


def quiet() -> Job:
    return Job(lambda stage, done, total: None)


@pytest.fixture
def versions(mlflow: MlflowServer, tmp_path: Path) -> Versions:
    return Versions(Place(tmp_path / "data", mlflow.url))


def test_an_alias_is_resolved_to_a_number_and_the_files_of_that_number_are_had(
    mlflow: MlflowServer, versions: Versions, name: str
) -> None:
    number = mlflow.register(name, head_files("positive"))
    mlflow.alias(name, "champion", number)
    version = versions.fetch(spec_of(f"{name}@champion"), Want.LATEST, quiet())
    assert (version.label, version.stage) == (number, "champion")
    assert version.key.startswith(f"models:/{name}/{number}#")
    for file, content in head_files("positive").items():
        assert (version.folder / file).read_bytes() == content


def test_a_look_sees_that_an_alias_was_moved(mlflow: MlflowServer, versions: Versions, name: str) -> None:
    first, second = (mlflow.register(name, head_files(label)) for label in ("positive", "negative"))
    mlflow.alias(name, "production", first)
    before = versions.look(spec_of(f"{name}@production"), quiet())
    mlflow.alias(name, "production", second)
    after = versions.look(spec_of(f"{name}@production"), quiet())
    assert (before.label, after.label) == (first, second)
    assert before.key != after.key
    assert versions.fetch(spec_of(f"{name}@production"), Want.LATEST, quiet()).key == after.key


def test_a_stage_is_followed_and_named(mlflow: MlflowServer, versions: Versions, name: str) -> None:
    first, second = (mlflow.register(name, head_files(label)) for label in ("positive", "negative"))
    mlflow.stage(name, first, "Staging")
    mlflow.stage(name, second, "Production")
    staging = versions.look(spec_of(f"{name}/staging"), quiet())
    production = versions.look(spec_of(f"{name}/Production"), quiet())
    assert (staging.label, staging.stage) == (first, "Staging")
    assert (production.label, production.stage) == (second, "Production")


def test_a_number_is_followed_by_no_stage_and_stays(mlflow: MlflowServer, versions: Versions, name: str) -> None:
    first, second = (mlflow.register(name, head_files(label)) for label in ("positive", "negative"))
    mlflow.alias(name, "production", second)
    found = versions.look(spec_of(f"{name}/{first}"), quiet())
    assert (found.label, found.stage) == (first, None)


def test_a_name_alone_means_the_alias_production_and_the_stage_where_no_alias_is(
    mlflow: MlflowServer, versions: Versions, name: str
) -> None:
    first, second = (mlflow.register(name, head_files(label)) for label in ("positive", "negative"))
    mlflow.stage(name, first, "Production")
    staged = versions.look(spec_of(name), quiet())
    assert (staged.label, staged.stage) == (first, "Production")
    mlflow.alias(name, "production", second)
    named = versions.look(spec_of(name), quiet())
    assert (named.label, named.stage) == (second, "production")


def test_a_version_of_a_model_that_was_deleted_and_made_again_is_another_version(
    mlflow: MlflowServer, versions: Versions, name: str
) -> None:
    number = mlflow.register(name, head_files("positive"))
    before = versions.look(spec_of(f"{name}/{number}"), quiet())
    mlflow.delete_model(name)
    assert mlflow.register(name, head_files("negative")) == number
    after = versions.look(spec_of(f"{name}/{number}"), quiet())
    assert before.label == after.label
    assert before.key != after.key


def test_the_model_is_found_inside_of_an_mlflow_flavour(mlflow: MlflowServer, versions: Versions, name: str) -> None:
    files = {
        "MLmodel": b"flavors: {}",
        "python_env.yaml": b"",
        "model.sentence_transformer/modules.json": b"[]",
        "model.sentence_transformer/1_Pooling/config.json": b"{}",
        "model.sentence_transformer/model.safetensors": b"weights",
    }
    version = versions.fetch(embedder_of(f"{name}/{mlflow.register(name, files)}"), Want.LATEST, quiet())
    assert {file.path for file in version.files} == {"modules.json", "1_Pooling/config.json", "model.safetensors"}


def test_the_tag_of_a_version_says_which_embedding_space_it_has(
    mlflow: MlflowServer, versions: Versions, name: str
) -> None:
    number = mlflow.register(name, {"modules.json": b"[]"}, {"embedding_space": "house-2"})
    version = versions.fetch(embedder_of(f"{name}/{number}"), Want.LATEST, quiet())
    assert version.space == "house-2"
    assert json.loads((version.folder / "greenroom.json").read_bytes()) == {"embedding_space": "house-2"}


def test_names_of_files_may_hold_what_a_url_cannot(mlflow: MlflowServer, versions: Versions, name: str) -> None:
    files = {**head_files("positive"), "notes/größe 1+2.txt": b"x"}
    number = mlflow.register(name, files)
    version = versions.fetch(spec_of(f"{name}/{number}"), Want.LATEST, quiet())
    assert (version.folder / "notes/größe 1+2.txt").read_bytes() == b"x"


@pytest.mark.parametrize(
    ("rest", "said"),
    [
        ("nobody@production", "no registered model named nobody"),
        ("nobody", "no registered model named nobody"),
        ("nobody/Production", "no registered model named nobody"),
        ("nobody/3", "no version 3 of nobody"),
        ("{}@champion", "no alias champion"),
        ("{}/Staging", "in the stage Staging"),
        ("{}", "neither an alias production nor a stage Production"),
        ("{}/9", "no version 9"),
    ],
)
def test_what_mlflow_does_not_have_is_named_with_what_to_do(
    mlflow: MlflowServer, versions: Versions, name: str, rest: str, said: str
) -> None:
    mlflow.register(name, head_files("positive"))
    with pytest.raises(SourceNotFoundError, match=said) as caught:
        versions.look(spec_of(rest.format(name)), quiet())
    assert "press Try again" in str(caught.value)
    assert not caught.value.temporary


def test_a_folder_that_the_runtime_cannot_read_is_refused_before_a_byte_is_downloaded(
    mlflow: MlflowServer, versions: Versions, name: str, tmp_path: Path
) -> None:
    number = mlflow.register(name, {"MLmodel": b"", "model.pkl": b"\x80"})
    with pytest.raises(SourceError, match=r"MLmodel, model.pkl, and no classifier.json"):
        versions.fetch(spec_of(f"{name}/{number}"), Want.LATEST, quiet())
    assert not list((tmp_path / "data").rglob("model.pkl"))


def test_a_server_that_hangs_is_given_up_long_before_mlflows_own_client_would(
    mlflow: MlflowServer, versions: Versions, name: str
) -> None:
    mlflow.hang()
    try:
        with ThreadPoolExecutor(1) as looking:
            look = looking.submit(versions.look, spec_of(f"{name}@production"), quiet())
            error = look.exception(timeout=HANG_DEADLINE_SECONDS)
    finally:
        mlflow.go_on()
    assert isinstance(error, SourceUnreachableError)
    assert error.temporary


def test_files_that_are_here_are_had_without_a_server(mlflow: MlflowServer, name: str, tmp_path: Path) -> None:
    mlflow.alias(name, "production", mlflow.register(name, head_files("positive")))
    spec = spec_of(f"{name}@production")
    fetched = Versions(Place(tmp_path, mlflow.url)).fetch(spec, Want.LATEST, quiet())
    alone = Versions(Place(tmp_path, f"http://127.0.0.1:{free_port()}"))
    assert alone.fetch(spec, Want.CACHED, quiet()) == fetched
    assert alone.fetch(spec, fetched.key, quiet()) == fetched
    with pytest.raises(SourceUnreachableError):
        alone.look(spec, quiet())


@pytest.mark.anyio
async def test_the_front_gets_a_version_through_the_fetch_process(
    mlflow: MlflowServer, name: str, tmp_path: Path
) -> None:
    mlflow.alias(name, "production", mlflow.register(name, head_files("positive")))
    fetcher = ProcessFetcher(load_settings(data=tmp_path, mlflow_tracking_uri=mlflow.url))
    try:
        found = await fetcher.look(spec_of(f"{name}@production"))
        version = await fetcher.fetch(spec_of(f"{name}@production"), Want.CACHED, lambda stage, done, total: None)
        with pytest.raises(SourceNotFoundError, match="no alias champion"):
            await fetcher.look(spec_of(f"{name}@champion"))
    finally:
        await fetcher.close()
    assert (found.key, found.stage) == (version.key, "production")


def test_something_else_than_mlflow_is_told_apart(mlflow: MlflowServer, tmp_path: Path) -> None:
    elsewhere = Versions(Place(tmp_path, f"{mlflow.url}/static-files"))
    with pytest.raises(SourceError, match="not as MLflow does"):
        elsewhere.look(spec_of("sentiment@production"), quiet())


@pytest.mark.parametrize("rest", ["", "sentiment@", "sentiment@a@b", "sentiment/Prod", "/3", "a/b/c"])
def test_a_source_of_another_form_is_a_matter_of_the_configuration(rest: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"models:/|has Staging, Production, Archived"):
        Versions(Place(tmp_path, "http://127.0.0.1:1")).look(spec_of(rest), quiet())


def test_without_a_tracking_uri_the_configuration_is_wrong(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="MLFLOW_TRACKING_URI"):
        Versions(Place(tmp_path)).look(spec_of("sentiment@production"), quiet())
