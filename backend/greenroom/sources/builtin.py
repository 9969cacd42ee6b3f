"""`builtin:<name>`: a model that ships inside Greenroom.

Its `SHA256SUMS` is its manifest, and not the wheel's RECORD: an installation from a working tree has no RECORD that
lists it.
"""

from __future__ import annotations

import re
from pathlib import Path

from greenroom.sources.manifest import SUMS_NAME, parse_sums
from greenroom.sources.plan import Claim, Place, Plan
from greenroom.words import ConfigError, ModelSpec, SourceNotFoundError

SHELF = Path(__file__).resolve().parent.parent / "models"
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]*")


class BuiltinSource:
    """The source behind `builtin:`."""

    def find(self, spec: ModelSpec, rest: str, place: Place) -> Plan:
        """See `Source.find`."""
        if not _NAME.fullmatch(rest):
            raise ConfigError(f"The source of {spec.name} has to be builtin:<name>.")
        folder = SHELF / rest
        try:
            promised = parse_sums((folder / SUMS_NAME).read_text(encoding="utf-8"))
        except OSError as error:
            raise SourceNotFoundError(
                f"Greenroom ships no model {rest}, the source of {spec.name}. Correct the model's source setting."
            ) from error
        mend = "Install Greenroom again, then press Try again."
        return Plan(claim=Claim(folder, promised, f"the built-in model {rest}", SUMS_NAME, mend, links_may_leave=True))
