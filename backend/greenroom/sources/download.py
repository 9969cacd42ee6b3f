"""The one downloader: from a list of wanted files to a folder that holds them, verified, and nothing else.

A thread whose server is silent, or which is inside of another library, cannot be ended, and is not waited for: it may
still write when the folder is somebody else's. So whatever is written, is written under a name that nobody else uses
(`.writing-*`) or with the file itself locked (`Part`), and takes its place only as long as the download goes on.
"""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from functools import partial
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from greenroom.sources import archive
from greenroom.sources.job import Job
from greenroom.sources.manifest import hidden
from greenroom.sources.part import State, read_state, write_state
from greenroom.sources.patience import USUAL, Patience
from greenroom.sources.plan import Http, WantedFile
from greenroom.sources.promises import sha256_of, wrong
from greenroom.sources.shelf import sync_folder
from greenroom.words import DiskFullError, FileCorruptError, FileMissingError, ModelFile, ModelSpec, SourceError

if TYPE_CHECKING:
    import httpx

    from greenroom.sources.http_file import HttpFile

PARALLEL_FILES = 4
_LOOK_SECONDS = 0.1
"""How soon the end of all interest is noticed while every file waits for its server."""
_ARCHIVES = ".archives"
"""Below the partial folder; hidden, so no model's file can have this name."""
_WRITING = ".writing-"
"""How the folder's name begins in which one file is written; hidden as well."""
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


class Tally:
    """Bytes of all files together; called by many threads."""

    def __init__(self, files: Sequence[WantedFile], job: Job) -> None:
        self._lock = threading.Lock()
        self._sizes = {file.path: file.bytes or 0 for file in files}
        self._done = dict.fromkeys(self._sizes, 0)
        self._job = job

    def expect(self, path: str, size: int) -> None:
        """A file's size, known only now."""
        with self._lock:
            self._sizes[path] = size

    def reached(self, path: str, done: int) -> None:
        """Raises StoppedError."""
        with self._lock:
            self._done[path] = done
            self._sizes[path] = max(self._sizes[path], done)
            done, total = sum(self._done.values()), sum(self._sizes.values())
        self._job.tell("download", done, total)


class Download:
    """One version's download into one `.partial` folder, which the caller has locked. A version is either plain files
    or archives, never both."""

    def __init__(self, spec: ModelSpec, origin: str, folder: Path, job: Job, patience: Patience = USUAL) -> None:
        self._spec, self._origin, self._folder = spec, origin, folder
        self._job, self._patience = job, patience
        self._coming: list[HttpFile] = []
        self._placing = threading.Lock()

    def run(self, wanted: Sequence[WantedFile]) -> tuple[tuple[ModelFile, ...], dict[str, str]]:
        """Have all files; the version's files, and of each archive the SHA-256.

        Raises SourceError and its kin, StoppedError. What was downloaded stays for the next try."""
        files = [file for file in wanted if not hidden(_relative(file.path))]
        if not files:
            raise SourceError(f"{self._origin[:1].upper()}{self._origin[1:]} holds no file that a model needs.")
        with self._roomy():
            self._folder.mkdir(parents=True, exist_ok=True)
            _forget_writers(self._folder)
            self._check_space(files)
            hashes = self._bring_all(files)
            return self._assemble(files, hashes)

    def _check_space(self, files: Sequence[WantedFile]) -> None:
        there = sum(min(file.bytes or 0, _bytes_there(self._place(file))) for file in files)
        needed = sum(file.bytes or 0 for file in files) - there
        free = shutil.disk_usage(self._folder).free
        if needed > free:
            raise DiskFullError(
                f"{self._spec.name} needs {_megabytes(needed)} more on the disk of the data folder, and "
                f"{_megabytes(free)} are free. Make room, then press Try again."
            )

    def _bring_all(self, files: Sequence[WantedFile]) -> dict[str, str]:
        """Path → SHA-256. The first failure ends the others."""
        tally, failed = Tally(files, self._job), threading.Event()
        with _client(files) as client:
            pool = ThreadPoolExecutor(PARALLEL_FILES, thread_name_prefix="download")
            try:
                futures = {
                    file.path: pool.submit(self._bring, file, client, tally, self._job.unless(failed)) for file in files
                }
                self._await(list(futures.values()))
            finally:
                failed.set()
                for coming in list(self._coming):
                    coming.abort()
                pool.shutdown(wait=False, cancel_futures=True)
                with self._placing:
                    pass  # whoever was putting a file in its place has done so, and nobody else begins to
        return {path: future.result() for path, future in futures.items()}

    def _await(self, futures: list[Future[str]]) -> None:
        """Raises what the first failure is, and StoppedError at once, whatever the threads still wait for."""
        pending = set(futures)
        while pending:
            self._job.check()
            done, pending = wait(pending, _LOOK_SECONDS, return_when=FIRST_EXCEPTION)
            for future in done:
                future.result()

    @contextlib.contextmanager
    def _in_place(self, job: Job) -> Iterator[None]:
        """In it, files that others see may be changed. Raises StoppedError once the download has ended."""
        with self._placing:
            job.check()
            yield

    def _bring(self, file: WantedFile, client: httpx.Client | None, tally: Tally, job: Job) -> str:
        target = self._place(file)
        target.parent.mkdir(parents=True, exist_ok=True)
        check = partial(wrong, file, self._spec, self._origin)
        if there := _already(file, target):
            if not check(there, target, target.stat().st_size):
                tally.reached(file.path, target.stat().st_size)
                return there
            with self._in_place(job):
                target.unlink()
        if not isinstance(file.how, Http):
            return self._written(file, target, tally, job)
        from greenroom.sources.http_file import HttpFile, Progress

        assert client is not None  # noqa: S101 - there is one as soon as a file needs it
        progress = Progress(partial(tally.reached, file.path), partial(tally.expect, file.path))
        coming = HttpFile(client, file, file.how, job, self._patience)
        self._coming.append(coming)
        return coming.bring(target, progress, check, self._in_place(job))

    def _written(self, file: WantedFile, target: Path, tally: Tally, job: Job) -> str:
        """A file that the source's own client writes."""

        def counted(done: int) -> None:
            job.check()
            tally.reached(file.path, done)

        assert not isinstance(file.how, Http)  # noqa: S101 - asked before
        with tempfile.TemporaryDirectory(prefix=_WRITING, dir=self._folder, ignore_cleanup_errors=True) as own:
            written = Path(own, target.name)
            file.how(written, counted)
            sha256, size = sha256_of(written), written.stat().st_size
            if fault := wrong(file, self._spec, self._origin, sha256, written, size):
                raise FileCorruptError(fault)
            tally.reached(file.path, size)
            _make_durable(written)
            with self._in_place(job):
                write_state(target, State(sha256=sha256))
                os.replace(written, target)
        return sha256

    def _assemble(
        self, files: Sequence[WantedFile], hashes: dict[str, str]
    ) -> tuple[tuple[ModelFile, ...], dict[str, str]]:
        """Unpack what is packed, and take away everything that is no file of the version."""
        sealed = {file.path: hashes[file.path] for file in files if file.unpack}
        plain = {file.path: hashes[file.path] for file in files if not file.unpack}
        found = self._unpacked(sealed) if sealed else plain
        missing = sorted(set(self._spec.sha256) - set(found) - set(sealed))
        if missing:
            raise FileMissingError(
                f"{missing[0]} has a sha256 in the configuration of {self._spec.name}, and {self._origin} holds no "
                "such file. Correct the model's sha256 setting."
            )
        self._check_unpacked(found)
        _prune(self._folder, set(found))
        return tuple(self._model_file(path, sha256) for path, sha256 in sorted(found.items())), sealed

    def _unpacked(self, sealed: Mapping[str, str]) -> dict[str, str]:
        """Path → SHA-256 of what was in the archives, and nothing that an earlier try left."""
        _forget_writers(self._folder)
        for entry in self._folder.iterdir():
            if entry.name != _ARCHIVES:
                shutil.rmtree(entry) if entry.is_dir() else entry.unlink()
        for path in sealed:
            sealed_file = self._folder / _ARCHIVES / path
            try:
                archive.unpack(sealed_file, self._folder, self._job)
            except FileCorruptError:
                sealed_file.unlink()  # it may have been damaged on its way
                raise
        return _hashed(self._folder, self._job)

    def _check_unpacked(self, found: dict[str, str]) -> None:
        for path, sha256 in found.items():
            if fault := wrong(WantedFile(path, Http("")), self._spec, self._origin, sha256, self._folder / path, 0):
                raise FileCorruptError(fault)

    def _model_file(self, path: str, sha256: str) -> ModelFile:
        return ModelFile(path, (self._folder / path).stat().st_size, sha256)

    def _place(self, file: WantedFile) -> Path:
        return self._folder / (_ARCHIVES if file.unpack else "") / _relative(file.path)

    @contextlib.contextmanager
    def _roomy(self) -> Iterator[None]:
        """Turns what the operating system says about the disk into words."""
        try:
            yield
        except OSError as error:
            if error.errno in _FULL:
                free = _megabytes(shutil.disk_usage(self._folder.parent).free)
                raise DiskFullError(
                    f"The disk of the data folder was full before {self._spec.name} was there ({free} are free). Make "
                    "room, then press Try again: it goes on where it stopped."
                ) from error
            raise SourceError(
                f"The files of {self._spec.name} cannot be written to the data folder: {error.strerror}."
            ) from error


def _relative(path: str) -> str:
    """`path`, if it stays inside of the folder. Raises SourceError."""
    parts = PurePosixPath(path)
    if parts.is_absolute() or not parts.parts or ".." in parts.parts or "\\" in path or not path.isprintable():
        raise SourceError(f"The source lists a file that would leave the model's folder ({path[:80]!a}).")
    return str(parts)


@contextlib.contextmanager
def _client(files: Sequence[WantedFile]) -> Iterator[httpx.Client | None]:
    """One client for all files, if any needs one: its import is not free."""
    if not any(isinstance(file.how, Http) for file in files):
        yield None
        return
    from greenroom.sources.http import open_client

    with open_client(PARALLEL_FILES) as client:
        yield client


def _already(file: WantedFile, target: Path) -> str:
    """The SHA-256 of a file that an earlier try finished; empty when it is not known to be that file."""
    if not target.is_file():
        return ""
    sha256 = sha256_of(target)
    return sha256 if file.sha256 or file.git_blob or read_state(target).sha256 == sha256 else ""


def _hashed(folder: Path, job: Job) -> dict[str, str]:
    found: dict[str, str] = {}
    for path in sorted(folder.rglob("*")):
        relative = path.relative_to(folder).as_posix()
        if path.is_file() and not hidden(relative):
            job.check()
            found[relative] = sha256_of(path)
    return found


def _forget_writers(folder: Path) -> None:
    """Take away what writers left that were killed, or that still write for nobody."""
    for left in folder.glob(f"{_WRITING}*"):
        shutil.rmtree(left, ignore_errors=True)


def _prune(folder: Path, keep: set[str]) -> None:
    """Delete what is no file of the version, and make the rest durable."""
    _forget_writers(folder)
    shutil.rmtree(folder / _ARCHIVES, ignore_errors=True)
    for path in sorted(folder.rglob("*"), reverse=True):  # a folder after what is in it
        if path.is_dir():
            with contextlib.suppress(OSError):  # that is not empty
                path.rmdir()
        elif path.relative_to(folder).as_posix() not in keep:
            path.unlink()
        else:
            _make_durable(path)
    for place in (folder, *(path for path in folder.rglob("*") if path.is_dir())):
        sync_folder(place)


def _make_durable(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())


def _bytes_there(target: Path) -> int:
    for path in (target, target.with_name(target.name + ".part")):
        with contextlib.suppress(OSError):
            return path.stat().st_size
    return 0


def _megabytes(count: int) -> str:
    return f"{count / 1e6:.1f} MB"
