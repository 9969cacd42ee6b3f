"""Which encoder a text classifier puts its head on."""

from __future__ import annotations

import msgspec

from greenroom.words import ModelVersion, SourceError

DESCRIPTION = "classifier.json"
MAX_DESCRIPTION_BYTES = 1024 * 1024
_FROM_AFAR = ("hf", "package", "builtin", "mlflow")
"""What a classifier that was downloaded may name: only places that the operator chose (the hub, the registry) or filled
(the installed packages). With an address it could have this machine ask whatever answers inside of its network."""


class _Description(msgspec.Struct):
    encoder: str = ""


def encoder_source(version: ModelVersion, local: bool) -> str | None:
    """The source of the encoder that `classifier.json` names; None when it lies in the folder `encoder/`.

    `local`: whether the operator put the classifier on this machine: then any source will do. Raises SourceError."""
    source = _named(version)
    if any(file.path.startswith("encoder/") for file in version.files):
        return None
    if not source:
        raise SourceError(f'{DESCRIPTION} of {version.name} names no encoder: add "encoder": "<source>".')
    if not local and source.partition(":")[0] not in _FROM_AFAR:
        allowed = ", ".join(f"{scheme}:" for scheme in _FROM_AFAR)
        raise SourceError(
            f"{DESCRIPTION} of {version.name} names an encoder by a source that a downloaded classifier may not have "
            f"(allowed: {allowed}). Publish it again with one of those, or with the encoder's files in encoder/."
        )
    return source


def _named(version: ModelVersion) -> str:
    try:
        with (version.folder / DESCRIPTION).open("rb") as file:
            return msgspec.json.decode(file.read(MAX_DESCRIPTION_BYTES), type=_Description).encoder
    except FileNotFoundError as error:
        raise SourceError(f"{version.name} is no text classifier: it has no {DESCRIPTION}.") from error
    except (OSError, msgspec.DecodeError) as error:
        raise SourceError(f"{DESCRIPTION} of {version.name} cannot be read.") from error
