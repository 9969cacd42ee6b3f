"""`greenroom jobs results`: the rows of a job into a file or to stdout, as they come."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import quote

from greenroom.cli.jobs import FORMATS, PART
from greenroom.cli.remote import Remote
from greenroom.protocol.jobs import JobAnswer
from greenroom.words import ConfigError


async def download(
    remote: Remote, id_: str, format_: str | None, output: Path | None, flags: Sequence[str] = ()
) -> int:
    """The exit status. `output`: replaced once all of it is here; None: stdout. `flags`: what else is true of them.

    Raises ConfigError, NoServerError, RefusedError."""
    path = f"/jobs/{quote(id_, safe='')}"
    job = remote.understood(JobAnswer, await remote.ask("GET", path))
    status = 0 if job.status == "completed" else PART
    if status == PART:
        print(f"The job is {job.status}: results of {job.done} of {job.total} inputs so far.", file=sys.stderr)
    suffix = output.suffix.removeprefix(".").lower() if output else ""
    query = {"format": format_ or (suffix if suffix in FORMATS else "json"), **dict.fromkeys(flags, "true")}
    if output is None:
        await _to_stdout(remote, f"{path}/results", query)
        return status
    try:
        await _to_file(remote, f"{path}/results", query, output)
    except OSError as error:
        raise ConfigError(f"{output} cannot be written: {error.strerror}.") from error
    print(f"{output}: {job.done} of {job.total} results.")
    return status


async def _to_stdout(remote: Remote, path: str, query: dict[str, str]) -> None:
    async with remote.streamed(path, query) as pieces:
        async for piece in pieces:
            sys.stdout.buffer.write(piece)
        sys.stdout.buffer.flush()


async def _to_file(remote: Remote, path: str, query: dict[str, str], output: Path) -> None:
    partial = output.with_name(f"{output.name}.{os.getpid()}.partial")
    try:
        with partial.open("wb") as file:
            async with remote.streamed(path, query) as pieces:
                async for piece in pieces:
                    await asyncio.to_thread(file.write, piece)
        partial.replace(output)
    finally:
        partial.unlink(missing_ok=True)
