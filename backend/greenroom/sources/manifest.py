"""Manifests: which file promises which SHA-256. Pure; text in, mapping out.

Two spellings are read: the lines of GNU coreutils' `sha256sum` (text, binary, `--tag`, and the escaped form for
names with a backslash or a line break), and a wheel's RECORD
(https://packaging.python.org/en/latest/specifications/recording-installed-packages/).
"""

from __future__ import annotations

import base64
import binascii
import csv
import hashlib
import re
from collections.abc import Iterable, Mapping
from pathlib import PurePosixPath

from greenroom.words import ModelFile, SourceError

SUMS_NAME = "SHA256SUMS"

_LINE = re.compile(r"(\\?)([0-9a-fA-F]{64}) [ *](.+)")
_TAGGED = re.compile(r"(\\?)SHA256 \((.+)\) = ([0-9a-fA-F]{64})")
_ESCAPES = {"\\\\": "\\", "\\n": "\n", "\\r": "\r"}


def hidden(path: str) -> bool:
    """Whether no model has a use for the file: dot files, caches of Python, the manifest itself."""
    parts = PurePosixPath(path).parts
    return path == SUMS_NAME or any(part.startswith(".") or part == "__pycache__" for part in parts)


def parse_sums(text: str) -> dict[str, str]:
    """File → SHA-256 (lower-case hexadecimal) from a `SHA256SUMS` file; hidden files are left out.

    Raises SourceError, with the number of the line, for a line that is none, for a name that leaves the folder,
    and for a name that stands twice with two sums."""
    promised: dict[str, str] = {}
    listed = 0
    for number, line in enumerate(text.removeprefix("\ufeff").split("\n"), start=1):
        line = line.removesuffix("\r")
        if not line.strip() or line.startswith("#"):
            continue
        listed += 1
        path, sha256 = _parse_line(line, number)
        if promised.setdefault(path, sha256) != sha256:
            raise SourceError(f"Line {number} of {SUMS_NAME} gives {path} a second, different sum.")
    if not listed:
        raise SourceError(f"{SUMS_NAME} lists no file. Write it again with `sha256sum * > {SUMS_NAME}`.")
    return {path: sha256 for path, sha256 in promised.items() if not hidden(path)}


def _parse_line(line: str, number: int) -> tuple[str, str]:
    if match := _LINE.fullmatch(line):
        escaped, sha256, name = match.groups()
    elif match := _TAGGED.fullmatch(line):
        escaped, name, sha256 = match.groups()
    else:
        raise SourceError(f"Line {number} of {SUMS_NAME} is not of the form that sha256sum writes.")
    if escaped:
        name = re.sub(r"\\[\\nr]", lambda found: _ESCAPES[found[0]], name)
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or not path.parts:
        raise SourceError(f"Line {number} of {SUMS_NAME} names a file outside of its folder.")
    return str(path), sha256.lower()


def parse_record(text: str) -> dict[str, str | None]:
    """Path relative to the folder that the package was installed in → SHA-256, or None where RECORD has no hash.

    Raises SourceError for a row that is none, and for a hash that is no SHA-256."""
    try:
        rows = [row for row in csv.reader(text.splitlines()) if row]
    except csv.Error as error:
        raise SourceError("The package's RECORD cannot be read.") from error
    return {row[0]: _record_hash(row[1] if len(row) > 1 else "") for row in rows}


def _record_hash(cell: str) -> str | None:
    """RECORD's hashes are url-safe base64 without the padding."""
    if not cell:
        return None
    algorithm, _, value = cell.partition("=")
    try:
        raw = base64.b64decode(value + "=" * (-len(value) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError) as error:
        raise SourceError("The package's RECORD has a hash that cannot be read.") from error
    if algorithm != "sha256" or len(raw) != hashlib.sha256().digest_size:
        raise SourceError("The package's RECORD has a hash other than SHA-256, so its files cannot be verified.")
    return raw.hex()


def digest(files: Iterable[ModelFile]) -> str:
    """SHA-256 over the sorted lines `"<sha256>  <bytes>  <path>\\n"`: the same files, the same digest."""
    lines = sorted(f"{file.sha256}  {file.bytes}  {file.path}\n" for file in files)
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def below(folder: PurePosixPath, recorded: Mapping[str, str | None]) -> dict[str, str]:
    """The promises of `recorded` for the files inside `folder`, named relative to it; hidden files are left out."""
    promised: dict[str, str] = {}
    for name, sha256 in recorded.items():
        path = PurePosixPath(name)
        if sha256 and ".." not in path.parts and path.is_relative_to(folder):
            relative = str(path.relative_to(folder))
            if not hidden(relative):
                promised[relative] = sha256
    return promised
