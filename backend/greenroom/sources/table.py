"""Which source stands for which scheme. A new source is one new file, and one line here."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from pathlib import Path

from greenroom.sources.plan import Claim, Place, Source
from greenroom.sources.seam import Progress
from greenroom.sources.verify import verified
from greenroom.words import ConfigError, ModelSpec, ModelVersion, SourceError

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


async def resolve(spec: ModelSpec, report: Progress) -> ModelVersion:
    """Find the files of a `path:` or `package:` spec, hash each of them, and return the version that they make up.

    Two calls that find the same bytes under the same names return the same digest. Raises ConfigError, SourceError."""
    scheme, rest = split(spec.source)
    if scheme not in LOCAL:
        raise SourceError(f"{scheme}: needs the fetch process.")

    def locate() -> Claim:
        claim = source_of(scheme).find(spec, rest, Place(Path())).claim
        assert claim is not None  # noqa: S101 - true for every scheme of LOCAL
        return claim

    return await verified(spec, locate, report)
