"""Which source stands for which scheme. A new source is one new file, and one line here."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module

from greenroom.sources.plan import Source
from greenroom.words import ConfigError

SOURCES: Mapping[str, str] = {
    "package": "greenroom.sources.package:PackageSource",
    "path": "greenroom.sources.folder:FolderSource",
    "builtin": "greenroom.sources.builtin:BuiltinSource",
    "hf": "greenroom.sources.hub:HubSource",
    "https": "greenroom.sources.web:WebSource",
    "http": "greenroom.sources.web:WebSource",
    "gdrive": "greenroom.sources.drive:DriveSource",
    "mlflow": "greenroom.sources.mlflow_source:MlflowSource",
}
"""Scheme → module and class; imported when the scheme is first used, in the fetch process."""

LOCAL = frozenset({"package", "path", "builtin"})
"""Schemes whose files already lie on this machine: nothing of theirs is downloaded, and nothing deleted."""


def split(source: str) -> tuple[str, str]:
    """`"package:some-model"` → `("package", "some-model")`. Raises ConfigError for a scheme that is not known."""
    scheme, colon, rest = source.partition(":")
    if not colon or scheme not in SOURCES:
        known = ", ".join(f"{name}:" for name in SOURCES if name != "http")
        raise ConfigError(f"A model's source has to begin with one of {known}.")
    return scheme, rest.strip()


def source_of(scheme: str) -> Source:
    """The source behind one of SOURCES' schemes."""
    module, _, name = SOURCES[scheme].partition(":")
    source: Source = getattr(import_module(module), name)()
    return source
