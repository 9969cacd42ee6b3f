"""Puts a trained model into MLflow's registry. Imports MLflow, which is large: not for the front."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from greenroom.sources.mlflow_client import error_code, our_errors, require_mlflow
from greenroom.words import ConfigError, GreenroomError, SourceError

ARTIFACTS = "model"
"""The folder of the files within the run's artifacts."""
_UPLOAD_TIMEOUT_SECONDS = "30"
"""A store that MLflow's server writes to may take its time for a large file; nobody waits for a registration."""


def register(
    folder: Path,
    name: str,
    metrics: Mapping[str, float],
    tags: Mapping[str, str],
    alias: str | None,
    tracking_uri: str,
    params: Mapping[str, str] | None = None,
) -> str:
    """Log `folder` as a run of the experiment `name`, register it as the next version of the model `name`, and give
    that version `alias` where there is one; the version's number, such as `"3"`.

    `metrics` and `params` go to the run, `tags` to run and version. The alias moves last: whoever follows it never
    sees half a version. Blocks. Raises ConfigError without MLflow or without a tracking URI, SourceError."""
    if not tracking_uri:
        raise ConfigError("Set MLFLOW_TRACKING_URI, such as http://127.0.0.1:5000, to register a model.")
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", _UPLOAD_TIMEOUT_SECONDS)
    mlflow = require_mlflow()
    with our_errors():
        client = mlflow.MlflowClient(tracking_uri=tracking_uri, registry_uri=tracking_uri)
        run = client.create_run(_experiment(client, name), tags=dict(tags))
        try:
            number = _register_run(client, run, folder, name, metrics, tags, params or {})
        except BaseException:
            with contextlib.suppress(Exception):  # the first error is the one that says why
                client.set_terminated(run.info.run_id, "FAILED")
            raise
    _finish(client, run, name, number, alias)
    return number


def _finish(client: Any, run: Any, name: str, number: str, alias: str | None) -> None:
    """The version is there for good, whatever happens now. Raises SourceError that says so."""
    try:
        with our_errors():
            client.set_terminated(run.info.run_id, "FINISHED")
            if alias:
                client.set_registered_model_alias(name, alias, number)
    except GreenroomError as error:
        left = f"the alias {alias} was not moved" if alias else "its run was not finished"
        told = SourceError(f"Registered as version {number} of {name}; {left}: {error}")
        told.temporary = error.temporary
        raise told from error


def _experiment(client: Any, name: str) -> str:
    found = client.get_experiment_by_name(name)
    return str(found.experiment_id if found else client.create_experiment(name))


def _register_run(
    client: Any, run: Any, folder: Path, name: str, metrics: Mapping[str, float], tags: Mapping[str, str],
    params: Mapping[str, str],
) -> str:  # fmt: skip
    for key, value in params.items():
        client.log_param(run.info.run_id, key, value)
    for key, figure in metrics.items():
        client.log_metric(run.info.run_id, key, figure)
    client.log_artifacts(run.info.run_id, str(folder), ARTIFACTS)
    _have_model(client, name)
    source = f"{run.info.artifact_uri}/{ARTIFACTS}"
    version = client.create_model_version(name, source, run_id=run.info.run_id, tags=dict(tags))
    return str(version.version)


def _have_model(client: Any, name: str) -> None:
    try:
        client.create_registered_model(name)
    except Exception as error:  # MLflow's class is not known before it is imported
        if error_code(error) != "RESOURCE_ALREADY_EXISTS":
            raise
