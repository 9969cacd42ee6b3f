"""`package:<distribution>[==version]`: files inside an installed Python package.

The package is never imported: its metadata says where its files lie, and the RECORD that came with the wheel
says what they are. RECORD is read by us, because `Distribution.files` leaves out files that are not there.
"""

from __future__ import annotations

import importlib
import re
from importlib import metadata
from pathlib import Path, PurePosixPath

from greenroom.sources.manifest import below, parse_record
from greenroom.sources.marks import MARKS, model_folder
from greenroom.sources.plan import Claim, Place, Plan
from greenroom.words import ConfigError, ModelSpec, RuntimeName, SourceError, SourceNotFoundError

_FORM = re.compile(r"([A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?)\s*(?:==\s*([A-Za-z0-9.!+_-]+))?")
_MARKS = MARKS[RuntimeName.SENTENCE_TRANSFORMERS]


class PackageSource:
    """The source behind `package:`."""

    def find(self, spec: ModelSpec, rest: str, place: Place) -> Plan:
        """See `Source.find`. Messages say the pip command that mends the matter."""
        form = _FORM.fullmatch(rest)
        if not form:
            raise ConfigError(f"The source of {spec.name} has to be package:<name> or package:<name>==<version>.")
        name, version = form.groups()
        return Plan(claim=_claim(name, version))


def _claim(name: str, wanted: str | None) -> Claim:
    distribution = _find(name, wanted)
    version = distribution.version
    record = distribution.read_text("RECORD")
    again = f"Install the package again with `pip install --force-reinstall --no-deps {name}=={version}`"
    if record is None:
        raise SourceNotFoundError(
            f"The package {name} {version} has no list of its files (RECORD). {again}, then press Try again."
        )
    recorded = parse_record(record)
    inside = model_folder(filter(_may_be_the_models, map(PurePosixPath, recorded)), _MARKS)
    if inside is None:
        raise SourceNotFoundError(
            f"The package {name} {version} holds no folder with {' or '.join(_MARKS)}, so no model. "
            f"{again}, or name another package in the model's source setting."
        )
    return Claim(
        folder=Path(str(distribution.locate_file(str(inside)))).resolve(),
        promised=below(inside, recorded),
        origin=f"the package {name} {version}",
        promiser="the package",
        mend=f"{again}, then press Try again.",
        links_may_leave=True,
    )


def _find(name: str, wanted: str | None) -> metadata.Distribution:
    """The installed distribution; looked up afresh, so that a retry sees what pip did meanwhile."""
    importlib.invalidate_caches()
    install = f"Install it with `pip install {name}{f'=={wanted}' if wanted else ''}`, then press Try again."
    try:
        distribution = metadata.distribution(name)
        installed: str | None = distribution.version
    except metadata.PackageNotFoundError as error:
        raise SourceNotFoundError(f"The package {name} is not installed. {install}") from error
    except (OSError, KeyError, UnicodeDecodeError) as error:
        raise SourceError(f"What is installed of {name} cannot be read. {install}") from error
    if wanted and installed != wanted:
        raise SourceNotFoundError(
            f"The package {name} is installed in version {installed}, and {wanted} is asked for. {install}"
        )
    return distribution


def _may_be_the_models(path: PurePosixPath) -> bool:
    """Whether the file lies in a folder of the package's own."""
    inside = len(path.parts) > 1 and ".." not in path.parts and not path.is_absolute()
    return inside and not path.parts[0].endswith(".dist-info")
