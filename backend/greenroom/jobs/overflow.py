"""Inputs that came in one call and are too long for a row of the database: they lie in a file, like those of an upload.

A row is written anew with each chunk of results, and a worker has those of many jobs in memory; so what stands in it is
small."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from pathlib import Path

import msgspec

from greenroom.errors import GreenroomError
from greenroom.jobs.disk import disk_troubles, put_in_place
from greenroom.jobs.room import Room

MAX_ROW_BYTES = 32 * 1024
"""Of all inputs of a job, as JSON; the text of one call is longer only where it is made of other letters than ASCII."""


@contextlib.asynccontextmanager
async def overflow(
    folder: Path, room: Room, id_: str, inputs: Sequence[object], may_exist: Callable[[str], Awaitable[bool]]
) -> AsyncIterator[Path | None]:
    """The file with the inputs, on disk, for the job of this id; None where a row holds them. An error within removes
    it, unless the job `may_exist` all the same; whoever is cancelled leaves it there, since nobody knows then.

    Raises JobsUnavailableError, also where there is no room for the inputs, wherever they are to lie."""
    lines = [msgspec.json.encode(one) for one in inputs]
    size_bytes = sum(map(len, lines))
    await room.require(size_bytes)
    room.take(size_bytes)
    if size_bytes <= MAX_ROW_BYTES:
        yield None
        return
    file = folder / f"{id_}.jsonl"
    with disk_troubles():
        await asyncio.to_thread(_write, file, lines)
    try:
        yield file
    except GreenroomError:
        if not await may_exist(id_):
            await asyncio.shield(asyncio.to_thread(file.unlink, missing_ok=True))
            room.give_back(size_bytes)
        raise


def _write(file: Path, lines: Iterable[bytes]) -> None:
    """Under its name once it is all on disk."""
    file.parent.mkdir(parents=True, exist_ok=True)
    made = file.with_suffix(".part")
    try:
        with made.open("xb") as target:
            target.writelines(line + b"\n" for line in lines)
            target.flush()
            os.fsync(target.fileno())
        put_in_place(made, file)
    except OSError:
        made.unlink(missing_ok=True)
        raise
