"""Which models a server has: those of greenroom.toml, or the default ones, and those of `MODEL_<NAME>_URL`."""

from __future__ import annotations

from dataclasses import fields

from greenroom.settings import Settings, load_specs, make_spec, model_variables
from greenroom.sources.environment import tables
from greenroom.sources.forms import require_form
from greenroom.words import ModelSpec

_OWN = frozenset({"name", "source", "sha256", "trust"})
"""What a variable's model never has of the one that it replaces: files from elsewhere have other hashes, and trust
was put in those."""


def configured(settings: Settings) -> tuple[ModelSpec, ...]:
    """A variable's model comes after the file's, or in the place of one with the same name, whose other members it
    keeps where no variable says otherwise. Asks nobody. Raises ConfigError that names the file or the variable."""
    specs = {spec.name: spec for spec in load_specs(settings.config)}
    places = {name: f"{settings.config.name}: [models.{name}]" for name in specs}
    for name, table in tables(model_variables()).items():
        specs[name] = make_spec(_variable(name, "…"), name, _kept(specs.get(name)) | table)
        places[name] = _variable(name)
    for name, spec in specs.items():
        require_form(spec, places[name], settings.mlflow_tracking_uri)
    return tuple(specs.values())


def replaced(settings: Settings) -> dict[str, str]:
    """Name of each model whose place a variable's model takes → that variable. Raises ConfigError."""
    given = tables(model_variables())
    return {spec.name: _variable(spec.name) for spec in load_specs(settings.config) if spec.name in given}


def _kept(spec: ModelSpec | None) -> dict[str, object]:
    """Members for a successor; none where nothing is replaced."""
    if spec is None:
        return {}
    return {member.name: getattr(spec, member.name) for member in fields(spec) if member.name not in _OWN}


def _variable(name: str, suffix: str = "URL") -> str:
    return f"MODEL_{name.upper().replace('-', '_')}_{suffix}"
