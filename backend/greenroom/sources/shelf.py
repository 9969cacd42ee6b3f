"""Where downloaded versions lie, and which of them are whole.

<data>/models/<name>/<folder>/          the files of one version
                     <folder>.json      its manifest, written last: without it the folder does not count
                     <folder>.partial/  a download in progress, or one to go on from
                     <folder>.lock      held by who downloads it; never deleted, or two could hold it
                     last.json          for each source that was ever configured: the version it gave last
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path

import msgspec

from greenroom.sources.job import Job
from greenroom.sources.plan import Claim, Plan
from greenroom.words import ModelFile

try:
    import fcntl
except ImportError:  # Windows: one server a machine
    fcntl = None  # type: ignore[assignment]

LOOK_AGAIN_SECONDS = 0.1
"""How often somebody who waits for another one's download looks whether it has ended."""
_LAST = "last.json"


class Manifest(msgspec.Struct, frozen=True):
    """What a whole version consists of, and what its source said of it."""

    key: str
    label: str
    origin: str
    files: tuple[ModelFile, ...]
    sealed: dict[str, str] = {}
    """SHA-256 of the archives that the files were in."""
    encoder: bool = False
    """Whether it was downloaded as the encoder of another version of this name."""
    stage: str | None = None
    """Filled in from `last.json`: an alias moves, the version stays."""


class _Given(msgspec.Struct, frozen=True):
    """The version that a source gave last."""

    folder: str
    stage: str | None = None


_manifest = msgspec.json.Decoder(Manifest)
_last = msgspec.json.Decoder(dict[str, _Given])


class Shelf:
    """The downloaded versions of one model name."""

    def __init__(self, data: Path, name: str) -> None:
        self.root = data.absolute() / "models" / name

    def folder(self, plan_or_key: Plan | str, scheme: str) -> Path:
        """Where the version with this key lies, or will."""
        key = plan_or_key.key if isinstance(plan_or_key, Plan) else plan_or_key
        readable = re.sub(r"[^A-Za-z0-9._-]+", "-", key).strip("-.")[-40:].strip("-.")
        return self.root / f"{readable}-{hashlib.sha256(f'{scheme}:{key}'.encode()).hexdigest()[:12]}"

    def read(self, folder: Path) -> Manifest | None:
        """The manifest of a whole version; None where there is none, or one that cannot be read."""
        try:
            return _manifest.decode(_beside(folder, ".json").read_bytes()) if folder.is_dir() else None
        except (OSError, msgspec.DecodeError):
            return None

    def last(self, source: str) -> tuple[Path, Manifest] | None:
        """The version that `source` gave last, if it is still whole."""
        given = self._last().get(_hashed(source))
        folder = self.root / given.folder if given and Path(given.folder).name == given.folder else None
        manifest = self.read(folder) if folder else None
        return (folder, replace_stage(manifest, given.stage)) if folder and given and manifest else None

    def give(self, source: str, folder: Path, stage: str | None, job: Job) -> None:
        """Remember that `source` gives the version in `folder` from now on."""
        given = _Given(folder.name, stage)
        if self._last().get(_hashed(source)) != given:
            with locked(self.root / "last.lock", job):
                write_whole(self.root / _LAST, msgspec.json.encode({**self._last(), _hashed(source): given}))

    def keep(self, folder: Path, manifest: Manifest) -> None:
        """Make `<folder>.partial` the version of `manifest`, for good."""
        partial = _beside(folder, ".partial")
        if folder.exists():
            shutil.rmtree(folder)  # one that has lost its manifest
        os.replace(partial, folder)
        sync_folder(self.root)
        write_whole(_beside(folder, ".json"), msgspec.json.encode(manifest))

    def drop(self, folder: Path) -> int:
        """Delete one version, its manifest first; the bytes that became free."""
        _beside(folder, ".json").unlink(missing_ok=True)
        freed = 0
        for place in (folder, _beside(folder, ".partial")):
            freed += sum(file.stat().st_size for file in place.rglob("*") if file.is_file() and not file.is_symlink())
            shutil.rmtree(place, ignore_errors=True)
        return freed

    def all(self) -> Iterator[tuple[Path, Manifest | None]]:
        """Every version, whole or not."""
        if not self.root.is_dir():
            return
        names = {path.name.removesuffix(".partial") for path in self.root.iterdir() if path.is_dir()}
        for folder in sorted(self.root / name for name in names):
            yield folder, self.read(folder)

    def _last(self) -> Mapping[str, _Given]:
        try:
            return _last.decode((self.root / _LAST).read_bytes())
        except (OSError, msgspec.DecodeError):
            return {}


def _hashed(source: str) -> str:
    return hashlib.sha256(source.encode()).hexdigest()


def replace_stage(manifest: Manifest, stage: str | None) -> Manifest:
    return msgspec.structs.replace(manifest, stage=stage)


def claim_of(folder: Path, manifest: Manifest) -> Claim:
    """What the manifest says about the files in `folder`."""
    return Claim(
        folder=folder,
        promised={file.path: file.sha256 for file in manifest.files},
        origin=f"the download of {manifest.origin}",
        promiser="its manifest",
        mend="Press Try again: it is downloaded anew.",
    )


def partial_of(folder: Path) -> Path:
    return _beside(folder, ".partial")


def lock_of(folder: Path) -> Path:
    return _beside(folder, ".lock")


def _beside(folder: Path, suffix: str) -> Path:
    return folder.with_name(folder.name + suffix)


@contextlib.contextmanager
def locked(path: Path, job: Job) -> Iterator[None]:
    """Hold the lock of this file; other threads, processes and servers of this machine wait. Raises StoppedError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as file:
        while not try_lock(file.fileno()):
            job.pause(LOOK_AGAIN_SECONDS)
        yield  # closing the file lets go of the lock


@contextlib.contextmanager
def locked_now(path: Path) -> Iterator[bool]:
    """Hold the lock of this file, if nobody else does; whether it worked."""
    with path.open("a") as file:
        yield try_lock(file.fileno())


def try_lock(descriptor: int) -> bool:
    """Whether the open file is ours alone now; it is until it is closed."""
    if fcntl is None:
        return True
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def write_whole(path: Path, data: bytes) -> None:
    """Replace the file so that after a crash it has the old content or the new one. For one thread of a process at a
    time; another server may do the same. Raises OSError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_name(f"{path.name}.{os.getpid()}.new")
    try:
        with new.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(new, path)
    except BaseException:
        new.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Make the names in `folder` durable; where folders cannot be opened (Windows), nothing is to be done."""
    with contextlib.suppress(PermissionError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
