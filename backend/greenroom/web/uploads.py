"""Uploaded files of inputs: streamed to disk as they come, then read in a thread and written again as one JSON value a
line, which is what a worker reads. Only the second file stays, and only once it is all on disk: what a 202 promises
must survive the power.

An upload is bounded in bytes, in time, and in how many there are at once; so is what it may grow to when each row of a
table carries the names of all its columns."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import hashlib
import os
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from starlette.applications import Starlette
from starlette.requests import Request

from greenroom.errors import JobsUnavailableError
from greenroom.jobs.inputs import FileKind, Inputs, Wanted
from greenroom.jobs.lines import UnreadableFileError
from greenroom.jobs.seam import BadLine
from greenroom.jobs.service import new_id
from greenroom.web.bodies import receive_body
from greenroom.web.headcount import Headcount
from greenroom.web.rates import address_of
from greenroom.words import InputFault, InvalidInputError, OverloadedError, PayloadTooLargeError

MOST_UPLOADS = 32
MOST_UPLOADS_PER_ADDRESS = 8
READ_AT_A_TIME = 2
MAX_GROWTH = 4
"""Of a file while it is rewritten, in times of the most bytes that an upload may have."""
BUFFER_BYTES = 1024 * 1024
LINES_PER_TURN = 64
"""Read before other threads get a turn: an event loop that has to ask for one waits 5 ms."""
TOLD_BAD_LINES = 20


@dataclass(frozen=True)
class Upload:
    """A file of inputs that is on disk, under the id that its job will have."""

    id: str
    file: Path
    total: int
    bad_lines: tuple[BadLine, ...]
    bad_line_count: int
    sha256: str
    """Of the bytes that were sent."""


class Uploads:
    """How many uploads are in progress, for `app.state`."""

    def __init__(self) -> None:
        self._inside = Headcount(MOST_UPLOADS, MOST_UPLOADS_PER_ADDRESS)
        self.reading = asyncio.Semaphore(READ_AT_A_TIME)

    @contextlib.contextmanager
    def place(self, address: str) -> Iterator[None]:
        """Raises OverloadedError when there is none."""
        if self._inside.is_full or self._inside.has_its_share(address):
            raise OverloadedError("Too many files are being uploaded. Try again in a moment.", 5)
        self._inside.enter(address)
        try:
            yield
        finally:
            self._inside.leave(address)


def uploads_of(app: Starlette) -> Uploads:
    """Those of this app; made when first asked for."""
    if not hasattr(app.state, "greenroom_uploads"):
        app.state.greenroom_uploads = Uploads()
    uploads: Uploads = app.state.greenroom_uploads
    return uploads


@contextlib.asynccontextmanager
async def uploaded(request: Request, folder: Path, kind: FileKind, wanted: Wanted) -> AsyncIterator[Upload]:
    """The request's body as a file of inputs in `folder`; the caller moves it to stay with `keep`, or it goes.

    Raises PayloadTooLargeError, BodyTooSlowError, OverloadedError, JobsUnavailableError when the disk is full, and
    InvalidInputError for a file without any input; its faults are the first bad lines."""
    uploads, id_ = uploads_of(request.app), new_id()
    raw, made = folder / f"{id_}.upload", folder / f"{id_}.part"
    try:
        with uploads.place(address_of(request)), _disk_troubles():
            sha256 = await _receive(request, raw)
            async with uploads.reading:
                inputs = await asyncio.to_thread(_rewrite, raw, made, Inputs(kind, wanted), _most_bytes(request))
        _require_some(inputs)
        lines = tuple(inputs.bad_lines)
        yield Upload(id_, folder / f"{id_}.jsonl", inputs.total, lines, inputs.bad_line_count, sha256)
    finally:
        await asyncio.shield(asyncio.to_thread(_remove, raw, made))


async def keep(upload: Upload) -> None:
    """Put the file where it stays, for good. Raises JobsUnavailableError."""
    with _disk_troubles():
        await asyncio.to_thread(_put_in_place, upload.file)


async def drop(upload: Upload) -> None:
    """The job came to nothing, or was there already."""
    await asyncio.shield(asyncio.to_thread(_remove, upload.file))


def _most_bytes(request: Request) -> int:
    most: int = request.app.state.greenroom.settings.max_upload_bytes
    return most


async def _receive(request: Request, raw: Path) -> str:
    """Write the body to `raw`; its SHA-256."""
    settings, most = request.app.state.greenroom.settings, _most_bytes(request)
    seconds = settings.body_timeout_seconds * max(1.0, most / settings.max_body_bytes)  # the same rate as other bodies
    digest, buffer = hashlib.sha256(), bytearray()
    file = await asyncio.to_thread(_create, raw)

    async def take(chunk: bytes) -> None:
        digest.update(chunk)
        buffer.extend(chunk)
        if len(buffer) >= BUFFER_BYTES:
            await asyncio.to_thread(file.write, bytes(buffer))
            buffer.clear()

    try:
        await receive_body(request, take, most, seconds, f"A file may have {most} bytes. Send it in parts.")
        await asyncio.to_thread(file.write, bytes(buffer))
    finally:
        await asyncio.shield(asyncio.to_thread(file.close))
    return digest.hexdigest()


def _create(file: Path) -> BinaryIO:
    file.parent.mkdir(parents=True, exist_ok=True)
    return file.open("xb")


def _rewrite(raw: Path, made: Path, inputs: Inputs, most_bytes: int) -> Inputs:
    written = 0
    with raw.open("rb") as source, made.open("xb") as target:
        try:
            for count, line in enumerate(inputs.read(source)):
                written += target.write(line)
                if written > MAX_GROWTH * most_bytes:
                    raise PayloadTooLargeError("The rows of this table take too much room. Send it in parts.")
                if count % LINES_PER_TURN == 0:
                    time.sleep(0)
        except UnreadableFileError as error:
            raise InvalidInputError(str(error), (InputFault("", str(error)),)) from error
        target.flush()
        os.fsync(target.fileno())
    return inputs


def _require_some(inputs: Inputs) -> None:
    if inputs.total:
        return
    faults = tuple(InputFault("", f"line {bad.line}: {bad.message}") for bad in inputs.bad_lines[:TOLD_BAD_LINES])
    detail = "The file has no line that is an input." if faults else "The file is empty."
    raise InvalidInputError(f"{detail} {faults[0].detail}" if faults else detail, faults or (InputFault("", detail),))


def _put_in_place(file: Path) -> None:
    file.with_suffix(".part").rename(file)
    folder = os.open(file.parent, os.O_RDONLY)
    try:
        os.fsync(folder)  # or the name may be lost where the content is not
    finally:
        os.close(folder)


def _remove(*files: Path) -> None:
    for file in files:
        with contextlib.suppress(OSError):
            file.unlink(missing_ok=True)


@contextlib.contextmanager
def _disk_troubles() -> Iterator[None]:
    """A disk that takes no file is a temporary trouble of ours."""
    try:
        yield
    except OSError as error:
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        why = "The disk is full." if full else "The file cannot be written here."
        raise JobsUnavailableError(f"{why} Nothing was accepted; the server's operator can help.") from error
