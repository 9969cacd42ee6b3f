"""A file that is being downloaded: `<file>.part`, and beside it what is known of it, so that another process can go
on where this one was killed."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

import msgspec

from greenroom.sources.job import Job
from greenroom.sources.shelf import LOOK_AGAIN_SECONDS, sync_folder, try_lock, write_whole

CHUNK_BYTES = 1 << 20


class State(msgspec.Struct, frozen=True):
    """What is known of a `.part` file, or of the whole file that it has become."""

    address: str = ""
    """SHA-256 of the URL: that itself may be signed, and is nobody's to read."""
    etag: str = ""
    """Of the answer that the bytes came from; a strong one or none."""
    sha256: str = ""
    """Of the whole file, once it is whole."""


class Part:
    """Owned by one thread at a time, of whatever process: the file itself is locked. Close it."""

    def __init__(self, target: Path, job: Job, read: Callable[[int], None]) -> None:
        """Open what there is and hash it; `read` hears of the bytes. Raises OSError, StoppedError."""
        self._target = target
        self.path = target.with_name(target.name + ".part")
        self._file: BinaryIO = self.path.open("ab+", buffering=0)
        try:
            while not try_lock(self._file.fileno()):
                job.pause(LOOK_AGAIN_SECONDS)
            self.state = read_state(target)
            self._hash(job, read)
        except BaseException:
            self._file.close()
            raise

    def _hash(self, job: Job, read: Callable[[int], None]) -> None:
        self.hasher, self.size = hashlib.sha256(), 0
        self._file.seek(0)
        while chunk := self._file.read(CHUNK_BYTES):
            job.check()
            self.hasher.update(chunk)
            self.size += len(chunk)
            read(self.size)

    def restart(self, address: str, etag: str) -> None:
        """Throw the bytes away; those that come are of this answer."""
        self._file.truncate(0)
        self.hasher, self.size = hashlib.sha256(), 0
        self.state = State(address, etag)
        write_state(self._target, self.state)

    def append(self, chunk: bytes) -> None:
        """Raises OSError; what was written of the chunk is not counted then, and read again by the next one."""
        written = 0
        while written < len(chunk):
            written += self._file.write(chunk[written:])
        self.hasher.update(chunk)
        self.size += len(chunk)

    def finish(self) -> str:
        """Make it the whole file, for good; its SHA-256."""
        sha256 = self.hasher.hexdigest()
        os.fsync(self._file.fileno())
        write_state(self._target, State(self.state.address, self.state.etag, sha256))
        os.replace(self.path, self._target)
        sync_folder(self._target.parent)
        return sha256

    def close(self) -> None:
        self._file.close()


def read_state(target: Path) -> State:
    """What is known of `target`; empty where nothing is."""
    try:
        return msgspec.json.decode(_state_path(target).read_bytes(), type=State)
    except (OSError, msgspec.DecodeError):
        return State()


def write_state(target: Path, state: State) -> None:
    write_whole(_state_path(target), msgspec.json.encode(state))


def _state_path(target: Path) -> Path:
    return target.with_name(target.name + ".part.json")
