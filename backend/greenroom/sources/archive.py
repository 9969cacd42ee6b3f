"""Unpacking an archive that a stranger made: only plain files, only below the folder, and not without end."""

from __future__ import annotations

import lzma
import shutil
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, Protocol

from greenroom.sources.job import Job
from greenroom.sources.manifest import hidden
from greenroom.words import FileCorruptError, SourceError

CHUNK_BYTES = 1 << 20


@dataclass(frozen=True)
class Bounds:
    """Weights hardly shrink in an archive: who grows more than this was made to fill a disk."""

    members: int = 10_000
    growth: int = 50
    """How many bytes may come out of each that went in,"""
    free_bytes: int = 64 * 1024 * 1024
    """and these on top."""


@dataclass(frozen=True)
class _Member:
    path: PurePosixPath
    content: IO[bytes]


class _Stream(Protocol):
    def read(self, size: int, /) -> bytes: ...
    def tell(self) -> int: ...


def unpack(archive: Path, folder: Path, job: Job, bounds: Bounds = Bounds()) -> None:
    """Put the archive's files into `folder`, a single folder around all of them left away.

    Raises SourceError for anything that a model's archive does not hold, FileCorruptError, OSError, StoppedError."""
    most = left = archive.stat().st_size * bounds.growth + bounds.free_bytes
    inner = folder / ".unpacking"
    shutil.rmtree(inner, ignore_errors=True)
    with _readable(archive):
        for number, member in enumerate(_members(archive, most, job)):
            if number >= bounds.members:
                raise SourceError(f"{archive.name} holds more than {bounds.members} files, so it is no model's.")
            left = _copy(archive, member, inner, left, job)
    _move_up(inner, folder)


def _copy(archive: Path, member: _Member, folder: Path, left: int, job: Job) -> int:
    place = folder / member.path
    place.parent.mkdir(parents=True, exist_ok=True)
    with member.content, place.open("xb") as file:
        while chunk := member.content.read(CHUNK_BYTES):
            job.check()
            left -= len(chunk)
            if left < 0:
                raise _beyond_measure(archive)
            file.write(chunk)
    return left


def _members(archive: Path, most: int, job: Job) -> Iterator[_Member]:
    members = _zipped(archive) if zipfile.is_zipfile(archive) else _tarred(archive, most, job)
    for name, content in members:
        path = _safe(archive, name)
        if not hidden(str(path)):
            yield _Member(path, content)


def _tarred(archive: Path, most: int, job: Job) -> Iterator[tuple[str, IO[bytes]]]:
    with tarfile.open(archive) as tar:
        for member in tar:
            if member.isdir():
                _safe(archive, member.name)
                continue
            content = tar.extractfile(member) if member.isreg() else None
            if content is None:
                raise SourceError(f"{archive.name} holds a link or a device ({_shown(member.name)}). Pack plain files.")
            yield member.name, content
        _read_to_the_end(archive, tar.fileobj, most, job)


def _read_to_the_end(archive: Path, stream: _Stream | None, most: int, job: Job) -> None:
    """The compressions keep their checksum behind everything else, and look at it only when they get there."""
    while stream and stream.read(CHUNK_BYTES):
        job.check()
        if stream.tell() > most:
            raise _beyond_measure(archive)


def _beyond_measure(archive: Path) -> SourceError:
    return SourceError(f"{archive.name} grows beyond all measure when it is unpacked, so it is no model's.")


def _zipped(archive: Path) -> Iterator[tuple[str, IO[bytes]]]:
    with zipfile.ZipFile(archive) as packed:
        for member in packed.infolist():
            kind = stat.S_IFMT(member.external_attr >> 16)
            if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
                raise SourceError(
                    f"{archive.name} holds a link or a device ({_shown(member.filename)}). Pack plain files."
                )
            if member.flag_bits & 1:
                raise SourceError(f"{archive.name} is encrypted. Pack it without a password.")
            if member.is_dir():
                _safe(archive, member.filename)
                continue
            yield member.filename, packed.open(member)


def _safe(archive: Path, name: str) -> PurePosixPath:
    path = PurePosixPath(name)
    leaves = path.is_absolute() or ".." in path.parts or "\\" in name or "\0" in name or ":" in name
    if leaves or not name.isprintable():
        raise SourceError(f"{archive.name} holds a file that would leave the model's folder ({_shown(name)}).")
    return path


def _shown(name: str) -> str:
    return ascii(name[:80])


def _move_up(inner: Path, folder: Path) -> None:
    """Everything in `inner` becomes part of `folder`; a lone folder in it is opened first."""
    if not inner.is_dir():
        raise SourceError("The archive is empty. Pack the model's files.")
    top = list(inner.iterdir())
    root = top[0] if len(top) == 1 and top[0].is_dir() else inner
    for entry in root.iterdir():
        target = folder / entry.name
        if target.is_dir():
            shutil.rmtree(target)  # of an earlier try
        entry.replace(target)
    shutil.rmtree(inner)


@contextmanager
def _readable(archive: Path) -> Iterator[None]:
    try:
        yield
    except FileExistsError as error:
        raise SourceError(f"{archive.name} holds one file twice. Pack it again.") from error
    except (tarfile.TarError, zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, NotImplementedError) as error:
        raise _damaged(archive) from error
    except OSError as error:
        if error.errno is not None:  # the operating system's: a full disk
            raise
        raise _damaged(archive) from error  # what gzip and bz2 say of bad data


def _damaged(archive: Path) -> FileCorruptError:
    return FileCorruptError(
        f"{archive.name} is damaged or no archive that can be unpacked. Press Try again, or pack it again."
    )
