"""Which source stands for which scheme. A new source is one new file, and one line here."""

from __future__ import annotations

from collections.abc import Mapping

from greenroom.sources.folder import FolderSource
from greenroom.sources.package import PackageSource
from greenroom.sources.seam import Progress, Source
from greenroom.words import ConfigError, ModelSpec, ModelVersion

SOURCES: Mapping[str, type[Source]] = {
    "package": PackageSource,
    "path": FolderSource,
}


def split(source: str) -> tuple[str, str]:
    """`"package:some-model"` → `("package", "some-model")`. Raises ConfigError for a scheme that is not known."""
    scheme, colon, rest = source.partition(":")
    if not colon or scheme not in SOURCES:
        known = ", ".join(f"{name}:" for name in SOURCES)
        raise ConfigError(f"A model's source has to begin with one of {known}.")
    return scheme, rest.strip()


async def resolve(spec: ModelSpec, report: Progress) -> ModelVersion:
    """Find the files of `spec`, hash each of them, and return the version that they make up.

    Two calls that find the same bytes under the same names return the same digest. Raises ConfigError, SourceError."""
    scheme, rest = split(spec.source)
    return await SOURCES[scheme]().resolve(spec, rest, report)
