"""Which embedding space a version's vectors lie in: two versions with the same id have comparable vectors."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path, PurePosixPath

import msgspec

from greenroom.words import ModelFile, ModelVersion, SourceError

DECLARED = "greenroom.json"
MAX_DECLARATION_BYTES = 64 * 1024
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/@+-]{0,63}")
_DOCUMENTS = frozenset({".md", ".png", ".jpg", ".jpeg", ".gif", ".svg", ".webp", ".pdf"})


class _Declaration(msgspec.Struct):
    embedding_space: str = ""


def embedding_space(version: ModelVersion) -> str:
    """The id that `greenroom.json` in the version's folder declares, else one that follows from the files.

    A guess from files can only err to one side: a change that leaves the vectors as they are (another dtype, another
    file name) counts as another space, and whoever knows better declares it. Raises SourceError."""
    return _declared(version.folder / DECLARED) or _of_files(version.files)


def _declared(path: Path) -> str:
    if not path.is_file():
        return ""
    try:
        with path.open("rb") as file:
            space = msgspec.json.decode(file.read(MAX_DECLARATION_BYTES), type=_Declaration).embedding_space
    except (OSError, msgspec.DecodeError) as error:
        raise SourceError(
            f'{DECLARED} cannot be read; it has to be such as {{"embedding_space": "my-space-1"}}.'
        ) from error
    if space and not _ID.fullmatch(space):
        raise SourceError(f"The embedding_space in {DECLARED} may have 64 letters, digits and ._:/@+- at most.")
    return space


def _of_files(files: tuple[ModelFile, ...]) -> str:
    lines = sorted(f"{file.path}\0{file.sha256}\n" for file in files if not _is_document(file.path))
    return hashlib.sha256("".join(lines).encode()).hexdigest()[:16]


def _is_document(path: str) -> bool:
    name = PurePosixPath(path).name
    return name.upper().startswith(("LICENSE", "LICENCE", "NOTICE")) or PurePosixPath(name).suffix.lower() in _DOCUMENTS
