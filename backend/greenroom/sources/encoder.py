"""Which encoder a text classifier puts its head on."""

from __future__ import annotations

import msgspec

from greenroom.sources.table import LOCAL
from greenroom.words import ModelVersion, SourceError

DESCRIPTION = "classifier.json"
MAX_DESCRIPTION_BYTES = 1024 * 1024
_FROM_AFAR = ("package", "hf", "https", "mlflow")
"""What a classifier that was downloaded may name: nothing that lies on this machine or answers only inside of it."""


class _Description(msgspec.Struct):
    encoder: str = ""


def encoder_source(version: ModelVersion, local: bool) -> str | None:
    """The source of the encoder that `classifier.json` names; None when it lies in the folder `encoder/`.

    `local`: whether the operator put the classifier on this machine. Raises SourceError."""
    source = _named(version)
    if any(file.path.startswith("encoder/") for file in version.files):
        return None
    if not source:
        raise SourceError(f'{DESCRIPTION} of {version.name} names no encoder: add "encoder": "<source>".')
    scheme = source.partition(":")[0]
    if scheme not in (_FROM_AFAR if not local else (*_FROM_AFAR, *LOCAL, "gdrive", "http")):
        raise SourceError(f"{DESCRIPTION} of {version.name} names an encoder whose source is not allowed there.")
    return source


def _named(version: ModelVersion) -> str:
    try:
        with (version.folder / DESCRIPTION).open("rb") as file:
            return msgspec.json.decode(file.read(MAX_DESCRIPTION_BYTES), type=_Description).encoder
    except FileNotFoundError as error:
        raise SourceError(f"{version.name} is no text classifier: it has no {DESCRIPTION}.") from error
    except (OSError, msgspec.DecodeError) as error:
        raise SourceError(f"{DESCRIPTION} of {version.name} cannot be read.") from error
