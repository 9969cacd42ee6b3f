"""Holding a downloaded file against everything that was promised of it."""

from __future__ import annotations

import hashlib
from pathlib import Path

from greenroom.sources.plan import WantedFile
from greenroom.words import ModelSpec

CHUNK_BYTES = 1 << 20


def wrong(file: WantedFile, spec: ModelSpec, origin: str, sha256: str, place: Path, size: int) -> str | None:
    """What is wrong with the bytes at `place`, for people; None when every promise holds."""
    if file.bytes not in (None, size):
        return f"{file.path} of {origin} has {size} bytes, and {file.bytes} were promised. Press Try again."
    if file.sha256 not in (None, sha256) or (file.git_blob and git_blob(place, size) != file.git_blob):
        return f"{file.path} of {origin} is not the file that was promised: its hash is another one. Press Try again."
    wanted = spec.sha256.get(file.path, sha256).lower()
    if wanted != sha256:
        return (
            f"{file.path} of {origin} is not the file that the configuration of {spec.name} asks for: its SHA-256 "
            f"begins with {sha256[:12]}, not {wanted[:12]}. Correct the model's sha256 setting, then press Try again."
        )
    return None


def git_blob(place: Path, size: int) -> str:
    """Git's object id of a file, as hexadecimal SHA-1."""
    hasher = hashlib.sha1(b"blob %d\0" % size, usedforsecurity=False)
    with place.open("rb") as file:
        while chunk := file.read(CHUNK_BYTES):
            hasher.update(chunk)
    return hasher.hexdigest()


def sha256_of(place: Path) -> str:
    """Lower-case hexadecimal."""
    with place.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
