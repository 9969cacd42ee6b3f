"""The inputs of a claimed job that are still to be done, a chunk at a time; of a file never more is in memory."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from itertools import islice
from typing import IO, Any

import msgspec

from greenroom.errors import FileMissingError
from greenroom.jobs.seam import Claim


async def parts(claim: Claim, inputs_each: int) -> AsyncIterator[tuple[int, Sequence[Any]]]:
    """The place of each part's first input in the job, and the inputs. Raises FileMissingError."""
    done = claim.job.done
    if claim.file is None:
        for start in range(done, claim.job.total, inputs_each):
            yield start, claim.inputs[start : start + inputs_each]
        return
    try:
        lines = await asyncio.to_thread(_opened, claim, done)
    except OSError as error:
        raise FileMissingError("The file of this job's inputs is gone.") from error
    with lines:
        for start in range(done, claim.job.total, inputs_each):
            yield start, await asyncio.to_thread(_read, lines, inputs_each)


def _opened(claim: Claim, done: int) -> IO[bytes]:
    assert claim.file is not None  # noqa: S101 - the caller's condition
    lines = claim.file.open("rb")
    for _ in islice(lines, done):
        pass
    return lines


def _read(lines: IO[bytes], count: int) -> list[Any]:
    """Raises FileMissingError: it ends before the job does."""
    inputs = [msgspec.json.decode(line) for line in islice(lines, count)]
    if not inputs:
        raise FileMissingError("The file of this job's inputs is shorter than it was.")
    return inputs
