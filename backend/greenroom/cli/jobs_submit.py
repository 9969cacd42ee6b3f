"""`greenroom jobs submit`: texts, a file or stdin into a job, and only one, however often the connection breaks."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import stat
import sys
import time
import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from greenroom.cli.remote import LostError, NoServerError, RefusedError, Remote
from greenroom.protocol.jobs import JobAnswer
from greenroom.words import ConfigError

SUBMIT_SECONDS = 300.0
"""A file of 50 MiB is read through before it is accepted."""
AGAIN_SECONDS = 1.0
PATIENCE_SECONDS = 30.0
"""From the first lost connection on."""
PIECE_BYTES = 64 * 1024
SHOWN_BAD_LINES = 5
_MEDIA_TYPES = {
    "txt": "text/plain",
    "csv": "text/csv",
    "tsv": "text/tab-separated-values",
    "jsonl": "application/jsonl",
}
_SUFFIXES = {".txt": "txt", ".text": "txt", ".csv": "csv", ".tsv": "tsv", ".jsonl": "jsonl", ".ndjson": "jsonl"}

Body = bytes | AsyncIterator[bytes]


@dataclass(frozen=True)
class Parcel:
    """What is sent. `body` makes it, anew for each try; `again`: whether it can."""

    media_type: str
    body: Callable[[], Body]
    again: bool = True
    length: int | None = None
    """In bytes, where it is known before."""


async def handed_over(remote: Remote, options: argparse.Namespace) -> JobAnswer:
    """The accepted job. `options.unsure` is the key of one that was sent and may have been accepted.

    Raises ConfigError, NoServerError, RefusedError."""
    parcel, key = _parcel(options), options.key or str(uuid.uuid4())
    headers = {"idempotency-key": key, "content-type": parcel.media_type}
    headers |= {} if parcel.length is None else {"content-length": str(parcel.length)}
    given = {"model": options.model, "column": options.column, "name": _name(options)}
    given["priority"] = str(options.priority)
    query = {name: value for name, value in given.items() if value is not None}
    lost_at: float | None = None
    while True:
        options.unsure = key
        try:
            response = await remote.ask("POST", "/jobs", query, parcel.body(), headers, SUBMIT_SECONDS)
            return remote.understood(JobAnswer, response)
        except RefusedError:
            options.unsure = None
            raise
        except NoServerError as error:
            if lost_at is None and not isinstance(error, LostError):
                options.unsure = None  # there was nobody at all: nothing was sent
                raise
            lost_at = lost_at or time.monotonic()
            if not parcel.again or time.monotonic() - lost_at >= PATIENCE_SECONDS:
                raise
        await asyncio.sleep(AGAIN_SECONDS)


def accepted(job: JobAnswer) -> Iterator[str]:
    """What somebody may have to do something about."""
    for bad in job.bad_lines[:SHOWN_BAD_LINES]:
        yield f"line {bad.line} is no input: {bad.message}"
    if (more := job.bad_line_count - SHOWN_BAD_LINES) > 0:
        yield f"{more} more line{' is' if more == 1 else 's are'} no input. All others were taken."


def _parcel(options: argparse.Namespace) -> Parcel:
    """Raises ConfigError."""
    texts, file = options.texts, options.file
    if bool(texts) == (file is not None):
        raise ConfigError("Texts, --file or - for stdin: one of them is needed.")
    if file is not None and str(file) != "-":
        return _file(file, options.type)
    if file is not None or texts == ["-"]:
        return Parcel(_MEDIA_TYPES[options.type or "txt"], _stdin, again=False)
    if options.type or options.column:
        raise ConfigError("--type and --column are for files and stdin.")
    inputs = {"text": texts[0]} if len(texts) == 1 else {"inputs": texts}
    content = json.dumps(inputs).encode()
    return Parcel("application/json", lambda: content)


def _name(options: argparse.Namespace) -> str | None:
    """What to call the job. The system's names need not be UTF-8, which an address is."""
    file = options.file
    name = options.name if options.name is not None or file is None or str(file) == "-" else file.name
    return name and os.fsencode(name).decode(errors="replace")


def _file(file: Path, type_: str | None) -> Parcel:
    known = type_ or _SUFFIXES.get(file.suffix.lower())
    if known is None:
        raise ConfigError(f"{file}: is it text, CSV or JSON Lines? Say so with --type.")
    try:
        length = file.stat().st_size
        file.open("rb").close()
    except OSError as error:
        raise ConfigError(f"{file} cannot be read: {error.strerror}.") from error
    return Parcel(_MEDIA_TYPES[known], lambda: _read(file), length=length if file.is_file() else None)


async def _read(file: Path) -> AsyncIterator[bytes]:
    with file.open("rb") as opened:
        while piece := opened.read(PIECE_BYTES):
            yield piece


async def _stdin() -> AsyncIterator[bytes]:
    """From a pipe or a terminal without blocking: they may let us wait for ever, and Ctrl-C is to be heard."""
    stdin = sys.stdin.buffer
    mode = os.fstat(stdin.fileno()).st_mode
    if not (stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode) or stdin.isatty()):
        while piece := stdin.read(PIECE_BYTES):
            yield piece
        return
    reader = asyncio.StreamReader(PIECE_BYTES)
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), stdin)
    try:
        while piece := await reader.read(PIECE_BYTES):
            yield piece
    finally:
        with contextlib.suppress(OSError, ValueError):
            os.set_blocking(0, True)  # the terminal is our shell's, too
