"""`mlflow:models:/<name>@<alias>`, `…/<stage>`, `…/<number>`, or the name alone: a version from MLflow's registry.

MLflow only says which version it is and hands out its files; we load them ourselves. An alias is resolved once, to a
number, and the number is what is fetched. A number alone would not do to tell versions apart: those of a model that was
deleted and made again begin at 1 again, so the moment of creation is part of the key.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath

from greenroom.sources.marks import MARKS, model_folder
from greenroom.sources.mlflow_artifacts import Artifact, Artifacts, artifacts_at, list_files
from greenroom.sources.mlflow_registry import Registered, Registry, registry_at
from greenroom.sources.plan import Counted, Place, Plan, WantedFile
from greenroom.sources.space import DECLARED
from greenroom.words import ConfigError, ModelSpec, SourceError, SourceNotFoundError

DEFAULT_ALIAS = "production"
DEFAULT_STAGE = "Production"
STAGES = ("Staging", "Production", "Archived")
SPACE_TAG = "embedding_space"
"""A tag of a version that says in which embedding space its vectors lie. Read when the version is downloaded."""

_FORM = re.compile(r"models:/([^/:@]+)(?:@([^/:@]+)|/([^/:@]+))?")


@dataclass(frozen=True)
class Reference:
    """What stands behind `mlflow:`. With none of the three: the default alias, else the default stage."""

    name: str
    alias: str = ""
    stage: str = ""
    number: str = ""


class MlflowSource:
    """The source behind `mlflow:`."""

    def find(self, spec: ModelSpec, rest: str, place: Place) -> Plan:
        """See `Source.find`."""
        reference = parse(spec, rest)
        tracking_uri = place.mlflow_tracking_uri or os.environ.get("MLFLOW_TRACKING_URI", "")
        if not tracking_uri:
            raise ConfigError(f"The source of {spec.name} needs MLFLOW_TRACKING_URI, such as http://127.0.0.1:5000.")
        registry = registry_at(tracking_uri)
        version, stage = resolve(registry, reference)
        _require_registered(version)
        return Plan(
            key=f"models:/{version.name}/{version.number}#{_registration(version, tracking_uri)}",
            label=version.number,
            stage=stage,
            origin=f"version {version.number} of {version.name} in MLflow",
            list_files=partial(_wanted, spec, registry, version, tracking_uri),
        )


def parse(spec: ModelSpec, rest: str) -> Reference:
    """Raises ConfigError."""
    form = _FORM.fullmatch(rest)
    if not form:
        raise ConfigError(
            f"The source of {spec.name} has to be mlflow:models:/<name>@<alias>, or with /<stage> or /<number>."
        )
    name, alias, what = form.groups(default="")
    if not what or what.isdecimal():
        return Reference(name, alias=alias, number=what)
    if what.capitalize() not in STAGES:
        raise ConfigError(
            f"The source of {spec.name} names the stage {what}; MLflow has {', '.join(STAGES)}. "
            f"An alias is written with an @: mlflow:models:/{name}@{what}."
        )
    return Reference(name, stage=what.capitalize())


def resolve(registry: Registry, reference: Reference) -> tuple[Registered, str | None]:
    """The version that `reference` names now, and the alias or stage that was followed. Raises SourceError."""
    name = reference.name
    if reference.number:
        return _some(registry.by_number(name, reference.number), f"no version {reference.number} of {name}"), None
    if reference.alias:
        found = registry.by_alias(name, reference.alias)
        return _some(found, f"no alias {reference.alias} for {name}"), reference.alias
    if reference.stage:
        found = registry.by_stage(name, reference.stage)
        return _some(found, f"no version of {name} in the stage {reference.stage}"), reference.stage
    if found := registry.by_alias(name, DEFAULT_ALIAS):
        return found, DEFAULT_ALIAS
    found = registry.by_stage(name, DEFAULT_STAGE)
    return _some(found, f"neither an alias {DEFAULT_ALIAS} nor a stage {DEFAULT_STAGE} for {name}"), DEFAULT_STAGE


def _some(found: Registered | None, missing: str) -> Registered:
    if found is None:
        raise SourceNotFoundError(
            f"MLflow has {missing}. Set it on the model's page in MLflow or correct the model's source setting, "
            "then press Try again."
        )
    return found


def _require_registered(version: Registered) -> None:
    if version.status == "PENDING_REGISTRATION":
        error = SourceError(f"MLflow is still registering version {version.number} of {version.name}.")
        error.temporary = True
        raise error
    if version.status == "FAILED_REGISTRATION":
        raise SourceError(f"MLflow could not register version {version.number} of {version.name}. Register it again.")


def _registration(version: Registered, tracking_uri: str) -> str:
    """Tells the version from one of the same name and number: in another registry, or deleted before it."""
    scheme, separator, address = tracking_uri.partition("://")
    public = f"{scheme}{separator}{address.rpartition('@')[2]}".rstrip("/")
    return hashlib.sha256(f"{public}\n{version.created_ms}".encode()).hexdigest()[:8]


def _wanted(spec: ModelSpec, registry: Registry, version: Registered, tracking_uri: str) -> Sequence[WantedFile]:
    artifacts = artifacts_at(registry.artifact_uri(version), tracking_uri)
    files = list_files(artifacts)
    folder = _folder(spec, files)
    wanted = {file.path: file for file in _inside(folder, files, artifacts)}
    if space := version.tags.get(SPACE_TAG):
        wanted[DECLARED] = _declaration(space)
    return list(wanted.values())


def _folder(spec: ModelSpec, files: Sequence[Artifact]) -> PurePosixPath:
    """The folder that the runtime of `spec` can read. Raises SourceError when there is none."""
    marks = MARKS[spec.runtime]
    found = model_folder([PurePosixPath(file.path) for file in files], marks)
    if found is None:
        held = ", ".join(sorted(file.path for file in files)[:5]) or "no file"
        raise SourceError(
            f"What MLflow has as {spec.name} is nothing for the runtime {spec.runtime}: it holds {held}, and no "
            f"{' or '.join(marks)}. Register a folder with one, or correct the model's runtime setting."
        )
    return found


def _inside(folder: PurePosixPath, files: Sequence[Artifact], artifacts: Artifacts) -> list[WantedFile]:
    return [
        WantedFile(str(PurePosixPath(file.path).relative_to(folder)), artifacts.how(file.path), file.bytes)
        for file in files
        if PurePosixPath(file.path).is_relative_to(folder)
    ]


def _declaration(space: str) -> WantedFile:
    content = json.dumps({"embedding_space": space}).encode()

    def write(target: Path, counted: Counted) -> None:
        target.write_bytes(content)
        counted(len(content))

    return WantedFile(DECLARED, write, len(content), hashlib.sha256(content).hexdigest())
