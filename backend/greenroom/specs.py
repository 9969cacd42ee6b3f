"""Which models a server has: those of greenroom.toml, or the default ones, and those of `MODEL_<NAME>_URL`."""

from __future__ import annotations

from greenroom.settings import Settings, load_specs, make_spec, model_variables
from greenroom.sources.environment import tables
from greenroom.words import ModelSpec


def configured(settings: Settings) -> tuple[ModelSpec, ...]:
    """A variable's model comes after the file's, or in the place of one with the same name. Raises ConfigError."""
    specs = {spec.name: spec for spec in load_specs(settings.config)}
    for name, table in tables(model_variables()).items():
        specs[name] = make_spec(f"MODEL_{name.upper().replace('-', '_')}_…", name, table)
    return tuple(specs.values())
