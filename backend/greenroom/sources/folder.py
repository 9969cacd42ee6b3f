"""`path:<folder>`: files that an operator put somewhere on this machine.

A `SHA256SUMS` file in the folder is its manifest; without one the files count as they are found. A change of any
file makes another version either way, because the digest is over what was read.
"""

from __future__ import annotations

from pathlib import Path

from greenroom.sources.manifest import SUMS_NAME, parse_sums
from greenroom.sources.plan import Claim, Place, Plan
from greenroom.words import ConfigError, ModelSpec, SourceError, SourceNotFoundError


class FolderSource:
    """The source behind `path:`. A relative folder counts from the server's working directory."""

    def find(self, spec: ModelSpec, rest: str, place: Place) -> Plan:
        """See `Source.find`. Messages name the folder by its last part only."""
        if not rest or "\0" in rest:
            raise ConfigError(f"The source of {spec.name} has to be path:<folder>.")
        return Plan(claim=_claim(spec, rest))


def _claim(spec: ModelSpec, rest: str) -> Claim:
    named = Path(rest).name or rest
    try:
        folder = Path(rest).expanduser().resolve(strict=True)
        if not folder.is_dir():
            raise SourceError(f"{named}, the source of {spec.name}, is a file. Name the folder that holds it.")
        sums = folder / SUMS_NAME
        promised = parse_sums(sums.read_text(encoding="utf-8")) if sums.exists() else {}
    except (FileNotFoundError, NotADirectoryError) as error:
        raise SourceNotFoundError(
            f"The folder {named}, the source of {spec.name}, is not there. "
            "Create it or correct the model's source setting, then press Try again."
        ) from error
    except UnicodeDecodeError as error:
        raise SourceError(
            f"{SUMS_NAME} in the folder {named} is not UTF-8 text. Write it again with sha256sum."
        ) from error
    except PermissionError as error:
        raise SourceError(
            f"The folder {named} may not be read. Give the server's user read access, then press Try again."
        ) from error
    except (OSError, RuntimeError) as error:
        raise SourceError(f"The folder {named}, the source of {spec.name}, cannot be read.") from error
    return Claim(
        folder=folder,
        promised=promised,
        origin=f"the folder {named}",
        promiser=SUMS_NAME,
        mend="Put the file back, then press Try again.",
    )
