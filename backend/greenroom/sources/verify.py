"""Reads every file of a version and holds it against what was promised.

Nothing is remembered between two calls: a time stamp can lie, and hashing the default model takes a fifth of a
second beside an import that takes four. It counts bytes as it goes, and who counts may end it between two chunks.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from greenroom.sources.manifest import digest, hidden
from greenroom.sources.plan import Claim
from greenroom.sources.seam import Progress
from greenroom.words import FileCorruptError, FileMissingError, ModelFile, ModelSpec, ModelVersion, SourceError

CHUNK_BYTES = 1 << 20


def verify(spec: ModelSpec, claim: Claim, progress: Progress) -> ModelVersion:
    """Hash every file of `claim`; blocks. An exception out of `progress` ends the work.

    Raises FileMissingError, FileCorruptError, SourceError."""
    sizes = _list(claim)
    for path in sorted({*claim.promised, *spec.sha256}):
        if path not in sizes:
            raise _missing(claim, path)
    total, done = sum(sizes.values()), 0
    progress(0, total)
    files: list[ModelFile] = []
    for path, size in sorted(sizes.items()):
        file = _hash(claim, path, partial(_count, progress, done, size, total))
        _check(claim, spec, file)
        files.append(file)
        done += size
        progress(done, total)
    return ModelVersion(name=spec.name, digest=digest(files), folder=claim.folder, files=tuple(files))


def _count(progress: Progress, before: int, size: int, total: int, read: int) -> None:
    """A file that grows while it is read counts for no more than it was said to have."""
    progress(before + min(read, size), total)


def _list(claim: Claim) -> dict[str, int]:
    """File → bytes, for everything in the folder that is not hidden."""
    sizes: dict[str, int] = {}
    for path in _walk(claim):
        if not path.isprintable():
            raise SourceError(
                f"{claim.subject} holds a file whose name cannot be shown. Rename it, then press Try again."
            )
        with _readable(claim, path):
            status = (claim.folder / path).stat()
        if not stat.S_ISREG(status.st_mode):
            raise SourceError(f"{path} in {claim.origin} is not a file. Remove it, then press Try again.")
        sizes[path] = status.st_size
    if not sizes and not claim.promised:
        raise SourceError(f"{claim.subject} is empty. Put the model's files there, then press Try again.")
    return sizes


def _walk(claim: Claim) -> Iterator[str]:
    """Every file below the folder, relative to it, with forward slashes; refuses links that lead out of it."""
    folder = claim.folder
    with _readable(claim, ""):
        for place, folders, names in os.walk(folder, onerror=_raise):
            folders[:] = [name for name in folders if not hidden(name)]
            for name in [*names, *(name for name in folders if Path(place, name).is_symlink())]:
                path = Path(place, name)
                relative = path.relative_to(folder).as_posix()
                if hidden(relative):
                    continue
                if path.is_symlink():
                    _check_link(claim, relative)
                yield relative


def _raise(error: OSError) -> None:
    if not isinstance(error, FileNotFoundError):  # a folder that is gone: its promised files count as missing
        raise error


def _check_link(claim: Claim, path: str) -> None:
    target = Path(os.path.realpath(claim.folder / path))  # unlike resolve() it does not raise for a link to itself
    if target.is_dir():
        raise SourceError(
            f"{path} in {claim.origin} is a link to a folder. Put the folder itself there, then press Try again."
        )
    if not claim.links_may_leave and not target.is_relative_to(claim.folder):
        raise SourceError(
            f"{path} in {claim.origin} is a link that leads out of it. Put the file itself there (`cp -L`), "
            "then press Try again."
        )


def _hash(claim: Claim, path: str, counted: Callable[[int], None]) -> ModelFile:
    """Read one file in chunks; `counted` gets the bytes read so far, after each."""
    hasher, read, chunk = hashlib.sha256(), 0, bytearray(CHUNK_BYTES)
    view = memoryview(chunk)
    with _readable(claim, path), (claim.folder / path).open("rb", buffering=0) as file:
        while count := file.readinto(chunk):
            hasher.update(view[:count])
            read += count
            counted(read)
    return ModelFile(path=path, bytes=read, sha256=hasher.hexdigest())


def _check(claim: Claim, spec: ModelSpec, file: ModelFile) -> None:
    if claim.promised.get(file.path, file.sha256) != file.sha256:
        raise FileCorruptError(
            f"{file.path} in {claim.origin} is damaged or was changed: "
            f"its SHA-256 is not the one that {claim.promiser} promises. {claim.mend}"
        )
    wanted = spec.sha256.get(file.path, file.sha256).lower()
    if wanted != file.sha256:
        raise FileCorruptError(
            f"{file.path} in {claim.origin} is not the file that the configuration of {spec.name} asks for: its "
            f"SHA-256 begins with {file.sha256[:12]}, not {wanted[:12]}. Put the right file there or correct the "
            "model's sha256 setting, then press Try again."
        )


def _missing(claim: Claim, path: str) -> FileMissingError:
    return FileMissingError(f"{path} is missing from {claim.origin}. {claim.mend}")


@contextmanager
def _readable(claim: Claim, path: str) -> Iterator[None]:
    """Turns what the operating system refuses into an error for people; no absolute path gets through."""
    try:
        yield
    except FileNotFoundError as error:
        raise _missing(claim, path) from error
    except PermissionError as error:
        what = _refused(claim, path, error)
        raise SourceError(
            f"{what} may not be read. Give the server's user read access, then press Try again."
        ) from error
    except OSError as error:
        what = _refused(claim, path, error)
        raise SourceError(f"{what} cannot be read: {error.strerror or 'input/output error'}.") from error


def _refused(claim: Claim, path: str, error: OSError) -> str:
    """What could not be read, for people: `path`, or the place below the folder that the error names."""
    place = Path(os.fsdecode(error.filename)) if isinstance(error.filename, str | bytes) else claim.folder
    if not path and place != claim.folder and place.is_relative_to(claim.folder):
        path = place.relative_to(claim.folder).as_posix()
    return f"{path} in {claim.origin}" if path and path.isprintable() else claim.subject
