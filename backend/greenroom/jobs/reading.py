"""The inputs of a job, a chunk at a time: those that are still to be done, and those that results belong to. Of a file
never more is in memory."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from itertools import islice
from pathlib import Path
from typing import IO, Any

import msgspec

from greenroom.errors import FileMissingError
from greenroom.jobs.seam import Chunk, Claim


async def parts(claim: Claim, inputs_each: int) -> AsyncIterator[tuple[int, Sequence[Any]]]:
    """The place of each part's first input in the job, and the inputs. Raises FileMissingError."""
    done = claim.job.done
    if claim.file is None:
        for start in range(done, claim.job.total, inputs_each):
            yield start, claim.inputs[start : start + inputs_each]
        return
    with await asyncio.to_thread(_opened, claim.file) as lines:
        for start in range(done, claim.job.total, inputs_each):
            yield start, await asyncio.to_thread(_read, lines, inputs_each, done if start == done else 0)


async def beside(
    chunks: AsyncIterator[Chunk], inputs: Sequence[object], file: Path | None
) -> AsyncIterator[tuple[Chunk, Sequence[object]]]:
    """Each of the `chunks`, which come in the order of the inputs, with the inputs that it has results of; `inputs`
    are all of them, unless they lie in the `file`. Raises FileMissingError."""
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
        raise FileMissingError("The file of this job's inputs is gone.") from error


def _read(lines: IO[bytes], count: int, skipped: int) -> list[Any]:
    """The `count` next inputs, after so many others. Raises FileMissingError: it ends before the job does."""
    inputs = [msgspec.json.decode(line) for line in islice(lines, skipped, skipped + count)]
    if not inputs:
        raise FileMissingError("The file of this job's inputs is shorter than it was.")
    return inputs
