"""The inputs of a job, a chunk at a time: those that are still to be done, and those that results belong to. Of a file
never more is in memory."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from itertools import islice
from pathlib import Path
from typing import IO, Any

import msgspec

from greenroom.errors import JobInputsGoneError
from greenroom.jobs.seam import Chunk, Claim

_REMEDY = "Its results are there without `inputs=true`; for the rest, submit it again."


class Reader:
    """Reads a claim's inputs when their turn has come, however many jobs are claimed. `close` it."""

    def __init__(self, claim: Claim) -> None:
        self._claim = claim
        self._lines: IO[bytes] | None = None
        self._next = 0
        """Place in the job of the next line."""
        self._turn = asyncio.Lock()

    async def read(self, start: int, count: int) -> Sequence[Any]:
        """`count` inputs from that place on, not before those of an earlier call. Raises JobInputsGoneError."""
        if self._claim.file is None:
            return self._claim.inputs[start : start + count]
        async with self._turn:
            if self._lines is None:
                self._lines = await asyncio.to_thread(_opened, self._claim.file)
            inputs = await asyncio.to_thread(_read, self._lines, count, start - self._next)
            self._next = start + count
            return inputs

    def close(self) -> None:
        if self._lines is not None:
            self._lines.close()


async def beside(
    chunks: AsyncIterator[Chunk], inputs: Sequence[object], file: Path | None
) -> AsyncIterator[tuple[Chunk, Sequence[object]]]:
    """Each of the `chunks`, which come in the order of the inputs, with the inputs that it has results of; `inputs`
    are all of them, unless they lie in the `file`. Raises JobInputsGoneError."""
    if file is None:
        async for chunk in chunks:
            yield chunk, inputs[chunk.start : chunk.start + len(chunk.rows)]
        return
    read = 0
    with await asyncio.to_thread(_opened, file) as lines:
        async for chunk in chunks:
            yield chunk, await asyncio.to_thread(_read, lines, len(chunk.rows), chunk.start - read)
            read = chunk.start + len(chunk.rows)


def _opened(file: Path) -> IO[bytes]:
    try:
        return file.open("rb")
    except OSError as error:
        raise JobInputsGoneError(f"The file of this job's inputs is gone. {_REMEDY}") from error


def _read(lines: IO[bytes], count: int, skipped: int) -> list[Any]:
    """The `count` next inputs, after so many others. Raises JobInputsGoneError: it ends before the job does."""
    inputs = [msgspec.json.decode(line) for line in islice(lines, skipped, skipped + count)]
    if not inputs:
        raise JobInputsGoneError(f"The file of this job's inputs is shorter than it was. {_REMEDY}")
    return inputs
