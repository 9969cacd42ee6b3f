"""Uploaded files of inputs: streamed to disk as they come, then read in a thread and written again as one JSON value a
line, which is what a worker reads. Only the second file stays, and only once it is all on disk: what a 202 promises
must survive the power.

An upload is bounded in bytes, in time, and in how many there are at once; so is what it may grow to when each row of a
table carries the names of all its columns, and what all files take together.

While it is under way it holds its first file locked, by which any housekeeping knows it from what a process left that
died; that file goes last."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import io
import os
import time
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

from starlette.applications import Starlette
from starlette.requests import Request

from greenroom.jobs.disk import disk_troubles, put_in_place
from greenroom.jobs.inputs import FileKind, Inputs, Wanted
from greenroom.jobs.lines import UnreadableFileError
from greenroom.jobs.lives import hold
from greenroom.jobs.room import Room
from greenroom.jobs.service import new_id
from greenroom.settings import Settings
from greenroom.web.bodies import declared_bytes, receive_body
from greenroom.web.headcount import Headcount
from greenroom.web.rates import address_of
from greenroom.wording import sized
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


FileIn = Callable[[bytes], Iterable[bytes]]


def _all(piece: bytes) -> Iterable[bytes]:
    return (piece,)


class Uploads:
    """How many uploads are in progress and what room jobs take, for `app.state`."""

    def __init__(self, room: Room) -> None:
        self.room = room
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
        app.state.greenroom_uploads = Uploads(app.state.jobs.room)
    uploads: Uploads = app.state.greenroom_uploads
    return uploads


@contextlib.asynccontextmanager
async def upload_from(request: Request) -> AsyncIterator[Upload]:
    """A file of inputs that this request brings; unless it was kept, nothing of it stays.

    Raises OverloadedError, and JobsUnavailableError when the disk is full."""
    uploads, upload = uploads_of(request.app), Upload(request)
    with uploads.place(address_of(request)):
        try:
            with disk_troubles():
                await asyncio.to_thread(upload.open)
            yield upload
        finally:
            await asyncio.shield(asyncio.to_thread(upload.close))


class Upload:
    """One file on its way: `receive`, `read`, `keep`, in this order. Its id is the one that its job will have.

    Each raises JobsUnavailableError when the disk is full, or what all files may take."""

    def __init__(self, request: Request) -> None:
        folder = request.app.state.jobs.folder
        self.id = new_id()
        self.file: Path = folder / f"{self.id}.jsonl"
        """Where it will stay."""
        self.inputs: Inputs
        """What there is in it, once it has been read."""
        self.sha256 = ""
        """Of the bytes of the file, once they were received."""
        self._request = request
        self._settings: Settings = request.app.state.greenroom.settings
        self._uploads = uploads_of(request.app)
        self._raw, self._made = folder / f"{self.id}.upload", folder / f"{self.id}.part"
        self._taken_bytes = 0
        """Of the room."""
        self._kept_bytes = 0
        self._held: BinaryIO

    def open(self) -> None:
        """Its file is held until `close`, by which everybody knows that it is in use."""
        self._raw.parent.mkdir(parents=True, exist_ok=True)
        self._held = self._raw.open("xb")
        hold(self._held)

    def close(self) -> None:
        _remove(self._raw, self._made)
        self._uploads.room.give_back(self._taken_bytes - self._kept_bytes)
        if hasattr(self, "_held"):
            with contextlib.suppress(OSError):  # what it could not write, it need not
                self._held.close()

    async def receive(self, file_in: FileIn = _all, spare_bytes: int = 0) -> None:
        """Write the file to disk. `file_in`: what of the file is in a piece of the body, which may have `spare_bytes`
        more than the file.

        Raises PayloadTooLargeError, BodyTooSlowError, InvalidInputError when it breaks off."""
        settings, most = self._settings, self._settings.max_upload_bytes
        seconds = settings.body_timeout_seconds * max(1.0, most / settings.max_body_bytes)  # the rate of other bodies
        too_large = f"A file may have {sized(most)}. Send it in parts."
        digest, buffer, received_bytes = hashlib.sha256(), bytearray(), 0

        async def take(piece: bytes) -> None:
            nonlocal received_bytes
            for content in file_in(piece):
                received_bytes += len(content)
                if received_bytes > most:
                    raise PayloadTooLargeError(too_large)
                digest.update(content)
                buffer.extend(content)
                await asyncio.sleep(0)
            if len(buffer) >= BUFFER_BYTES:
                await self._write(buffer)

        with disk_troubles():
            await self._uploads.room.require(min(declared_bytes(self._request), most))
            await receive_body(self._request, take, most + spare_bytes, seconds, too_large)
            await self._write(buffer)
        self.sha256 = digest.hexdigest()

    async def _write(self, buffer: bytearray) -> None:
        self._take_room(len(buffer))
        await asyncio.to_thread(self._append, bytes(buffer))
        buffer.clear()

    def _append(self, content: bytes) -> None:
        self._held.write(content)
        self._held.flush()

    def _take_room(self, more_bytes: int) -> None:
        self._uploads.room.take(more_bytes)
        self._taken_bytes += more_bytes

    async def read(self, kind: FileKind, wanted: Wanted) -> None:
        """Find the inputs in it. Raises PayloadTooLargeError, and InvalidInputError for a file without any; its faults
        are the first bad lines."""
        inputs = Inputs(kind, wanted)
        with disk_troubles():
            async with self._uploads.reading:
                await asyncio.to_thread(self._rewrite, inputs)
        _require_some(inputs)
        self.inputs = inputs

    def _rewrite(self, inputs: Inputs) -> None:
        most = MAX_GROWTH * self._settings.max_upload_bytes
        written = not_counted = 0
        with _Yielding(self._raw.open("rb", buffering=0)) as source, self._made.open("xb") as target:
            try:
                for line in inputs.read(source):
                    written += len(line)
                    not_counted += len(line)
                    if written > most:
                        raise PayloadTooLargeError("The rows of this table take too much room. Send it in parts.")
                    if not_counted >= BUFFER_BYTES:
                        self._take_room(not_counted)
                        not_counted = 0
                    target.write(line)
            except UnreadableFileError as error:
                raise InvalidInputError(str(error), (InputFault("", str(error)),)) from error
            self._take_room(not_counted)
            target.flush()
            os.fsync(target.fileno())
        self._made_bytes = written

    async def keep(self) -> None:
        """Put it where it stays, for good."""
        with disk_troubles():
            await asyncio.to_thread(put_in_place, self._made, self.file)
        self._kept_bytes = self._made_bytes

    async def drop(self) -> None:
        """It was kept, and the job came to nothing, or was there already."""
        await asyncio.shield(asyncio.to_thread(_remove, self.file))
        self._kept_bytes = 0


class _Yielding(io.BufferedReader):
    """Whoever reads it line by line lets others have their turn, whatever the lines are."""

    _lines = 0

    def readline(self, size: int | None = -1) -> bytes:
        self._lines += 1
        if self._lines % LINES_PER_TURN == 0:
            time.sleep(0)
        return super().readline(size)


def _require_some(inputs: Inputs) -> None:
    if inputs.total:
        return
    faults = tuple(InputFault("", f"line {bad.line}: {bad.message}") for bad in inputs.bad_lines[:TOLD_BAD_LINES])
    raise InvalidInputError(inputs.refusal, faults or (InputFault("", inputs.refusal),))


def _remove(*files: Path) -> None:
    for file in files:
        with contextlib.suppress(OSError):
            file.unlink(missing_ok=True)
