"""What an MLflow registry says about a registered model, asked in one of two ways.

A tracking server is asked over MLflow's public REST API, with nothing but httpx: see docs/adr/0011. Everything else
that a tracking URI can name (`sqlite:`, a folder, another database) is asked through the mlflow package.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlsplit

import httpx

from greenroom.sources.mlflow_client import (
    ABSENT,
    INVALID,
    error_code,
    our_errors,
    require_mlflow,
)
from greenroom.sources.mlflow_http import API, Server
from greenroom.words import SourceError, SourceNotFoundError


@dataclass(frozen=True)
class Registered:
    """One version of a registered model."""

    name: str
    number: str
    created_ms: int
    """Tells a version from one of the same number that was deleted before it."""
    status: str
    """READY, PENDING_REGISTRATION or FAILED_REGISTRATION."""
    tags: Mapping[str, str] = field(default_factory=dict)


class Registry(Protocol):
    """Each question is one short request. All raise SourceError."""

    def by_alias(self, name: str, alias: str) -> Registered | None:
        """None when the model has no such alias. Raises SourceNotFoundError when there is no such model."""

    def by_stage(self, name: str, stage: str) -> Registered | None:
        """None when no version is in that stage. Raises SourceNotFoundError when there is no such model."""

    def by_number(self, name: str, number: str) -> Registered | None:
        """None when there is no such model, or no such version of it."""

    def artifact_uri(self, version: Registered) -> str:
        """Where the version's files are kept."""


def registry_at(tracking_uri: str) -> Registry:
    """Raises ConfigError when MLflow is needed and not installed, SourceNotFoundError when no database is there."""
    if urlsplit(tracking_uri).scheme in ("http", "https"):
        return RestRegistry(Server(tracking_uri))
    return ClientRegistry(tracking_uri)


class RestRegistry:
    """A tracking server. https://mlflow.org/docs/latest/api_reference/rest-api.html"""

    def __init__(self, server: Server) -> None:
        self._server = server

    def by_alias(self, name: str, alias: str) -> Registered | None:
        answer = self._ask("registered-models/alias", {"name": name, "alias": alias})
        return _of_json(answer["model_version"]) if answer else None

    def by_stage(self, name: str, stage: str) -> Registered | None:
        answer = self._ask("registered-models/get-latest-versions", {"name": name, "stages": stage})
        versions = (answer or {}).get("model_versions", [])
        return _of_json(versions[0]) if versions else None

    def by_number(self, name: str, number: str) -> Registered | None:
        try:
            answer = self._ask("model-versions/get", {"name": name, "version": number})
        except SourceNotFoundError:
            return None
        return _of_json(answer["model_version"]) if answer else None

    def artifact_uri(self, version: Registered) -> str:
        answer = self._ask("model-versions/get-download-uri", {"name": version.name, "version": version.number})
        return str((answer or {}).get("artifact_uri", ""))

    def _ask(self, path: str, question: Mapping[str, str]) -> dict[str, Any] | None:
        """None for MLflow's INVALID: of names that are well formed, only an alias that is not there is answered so."""
        status, answer = self._server.get(f"{API}/mlflow/{path}", question)
        if status == httpx.codes.OK:
            return answer
        if answer.get("error_code") == INVALID:
            return None
        if answer.get("error_code") == ABSENT:
            raise no_model(question["name"])
        raise SourceError(
            f"What MLFLOW_TRACKING_URI names answered {status}, and not as MLflow does. Correct it, "
            "then press Try again."
        )


def _of_json(version: Mapping[str, Any]) -> Registered:
    return Registered(
        name=version["name"],
        number=str(version["version"]),
        created_ms=int(version.get("creation_timestamp", 0)),
        status=version.get("status", "READY"),
        tags={tag["key"]: tag.get("value", "") for tag in version.get("tags", [])},
    )


class ClientRegistry:
    """A database or a folder, through the mlflow package."""

    def __init__(self, tracking_uri: str) -> None:
        _require_database(tracking_uri)
        mlflow = require_mlflow()
        with our_errors():
            self._client = mlflow.MlflowClient(tracking_uri=tracking_uri, registry_uri=tracking_uri)

    def by_alias(self, name: str, alias: str) -> Registered | None:
        return self._ask(name, INVALID, lambda: self._client.get_model_version_by_alias(name, alias))

    def by_stage(self, name: str, stage: str) -> Registered | None:
        def ask() -> Any:
            return next(iter(self._client.get_latest_versions(name, [stage])), None)

        return self._ask(name, INVALID, ask)

    def by_number(self, name: str, number: str) -> Registered | None:
        return self._ask(name, ABSENT, lambda: self._client.get_model_version(name, number))

    def artifact_uri(self, version: Registered) -> str:
        with our_errors():
            return str(self._client.get_model_version_download_uri(version.name, version.number))

    def _ask(self, name: str, none_code: str, question: Callable[[], Any]) -> Registered | None:
        with our_errors():
            try:
                version = question()
            except Exception as error:  # MLflow's class is not known before it is imported
                if error_code(error) == none_code:
                    return None
                if error_code(error) == ABSENT:
                    raise no_model(name) from error
                raise
        return _of_entity(version) if version else None


def _of_entity(version: Any) -> Registered:
    return Registered(
        name=version.name,
        number=str(version.version),
        created_ms=int(version.creation_timestamp or 0),
        status=str(version.status),
        tags=dict(version.tags),
    )


def _require_database(tracking_uri: str) -> None:
    """MLflow would make a new, empty database where none is."""
    scheme, _, path = tracking_uri.partition(":///")
    if scheme == "sqlite" and not Path(path).is_file():
        raise SourceNotFoundError(
            "The database that MLFLOW_TRACKING_URI names is not there. Correct the path, then press Try again."
        )


def no_model(name: str) -> SourceNotFoundError:
    return SourceNotFoundError(
        f"MLflow has no registered model named {name}. Register it or correct the model's source setting, "
        "then press Try again."
    )
