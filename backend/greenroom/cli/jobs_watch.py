"""`greenroom jobs watch`: a job as it changes, over its socket; over plain calls where sockets do not get through.

Each round asks once how the job stands, which also finds refusals and their reasons, then listens to the socket for as
long as it holds. A server that goes away meanwhile is waited for: the job is in its database, and goes on with it.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import AsyncIterator, Callable
from typing import Literal
from urllib.parse import quote

import msgspec
from pydantic import ValidationError
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskProgressColumn, TextColumn
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake

from greenroom.cli.jobs_reasons import reasons_told
from greenroom.cli.remote import NoServerError, Remote
from greenroom.cli.tables import shortened
from greenroom.protocol.jobs import JobAnswer
from greenroom.words import JobState

LOOK_SECONDS = 1.0
"""Between two rounds."""
PATIENCE_SECONDS = 60.0
"""Without any answer."""
SOCKET_AGAIN_SECONDS = 30.0
SILENCE_SECONDS = 22.0
"""Two heartbeats and a little: after that a socket is dead."""
MAX_FRAME_BYTES = 1 << 20
MAX_BAR_NAME_CELLS = 24
ENDED = (JobState.COMPLETED, JobState.FAILED, JobState.CANCELLED)


async def watched(
    remote: Remote,
    id_: str,
    *,
    as_json: bool,
    now_known: Callable[[JobAnswer], None],
    console: Console | None = None,
) -> JobAnswer:
    """The job once it has ended. Its way there as a bar on stderr when a person is looking, else as lines; `as_json`:
    each change as a line of JSON on stdout. `now_known` is told what it was seen as first.

    Raises NoServerError, RefusedError."""
    console = console or Console(stderr=True)
    if not as_json and console.is_terminal:
        return await _with_bar(remote, id_, now_known, console)
    said = ""
    async with reasons_told(remote, _nobody if as_json else _on_a_line) as note:
        async for job in states(remote, id_):
            now_known(job)
            note(job)
            line = job.model_dump_json() if as_json else standing(job)
            if line != said:
                print(line, file=sys.stdout if as_json else sys.stderr, flush=True)
            said = line
    return job


def _on_a_line(reason: str) -> None:
    if reason:
        print(reason, file=sys.stderr, flush=True)


def _nobody(reason: str) -> None:
    """Programs ask for themselves: see `/status` and `/metrics`."""


async def _with_bar(remote: Remote, id_: str, now_known: Callable[[JobAnswer], None], console: Console) -> JobAnswer:
    columns = (
        TextColumn("{task.description}", style="cyan", markup=False), BarColumn(), MofNCompleteColumn(),
        TaskProgressColumn(), TextColumn("{task.fields[left]}"),
    )  # fmt: skip
    with Progress(*columns, console=console, transient=True) as bars:
        bar = bars.add_task("looking", total=None, left="")
        async with reasons_told(remote, lambda reason: bars.update(bar, left=escape(reason))) as note:
            async for job in states(remote, id_):
                now_known(job)
                note(job)
                bars.update(bar, description=_beside_a_bar(job), completed=job.done, total=job.total, left=_left(job))
    return job


def standing(job: JobAnswer) -> str:
    """In a line, the same until a whole per cent more is done."""
    name, left = job.name and f"{job.name}: ", _left(job)
    return f"{name or ''}{_doing(job)}, {job.progress} % of {job.total}{f', {left}' if left else ''}"


def called(job: JobAnswer) -> str:
    """Both by what a command finds it and by what a person does."""
    return f"{job.job_uuid} ({job.name})" if job.name else job.job_uuid


def outcome(job: JobAnswer) -> str:
    """In a sentence, once it has ended."""
    done = f"{called(job)}: {job.status}, {job.done} of {job.total} have results."
    if job.error is not None and job.status == JobState.FAILED:
        return f"{done} {job.error.message}"
    label = job.result_label
    if label is not None:
        return f"{done[:-1]}: {label}{'' if job.result_score is None else f' ({job.result_score:.4f})'}."
    return done


def _doing(job: JobAnswer) -> str:
    if job.cancelling:
        return f"{job.status}, ends at its next chunk"
    return f"{job.status}, tried again at {job.retry_at}" if job.retry_at else job.status


def _beside_a_bar(job: JobAnswer) -> str:
    """The bar needs room, too."""
    return f"{shortened(job.name, MAX_BAR_NAME_CELLS)}: {_doing(job)}" if job.name else _doing(job)


def _left(job: JobAnswer) -> str:
    """A round number: one that changes each second says more than is known."""
    seconds = job.estimated_seconds
    if seconds is None:
        return ""
    if seconds < 90:
        return f"about {seconds if seconds < 10 else round(seconds, -1)} s left"
    return f"about {round(seconds / 60)} min left" if seconds < 5400 else f"about {seconds / 3600:.1f} h left"


async def states(remote: Remote, id_: str) -> AsyncIterator[JobAnswer]:
    """The job now, and as it changes, until it has ended. Raises NoServerError, RefusedError."""
    sockets_from, heard_at = 0.0, None
    while True:
        try:
            job = remote.understood(JobAnswer, await remote.ask("GET", f"/jobs/{quote(id_, safe='')}"))
        except NoServerError:
            if heard_at is None or time.monotonic() - heard_at > PATIENCE_SECONDS:
                raise
        else:
            heard_at = time.monotonic()
            yield job
            if job.status in ENDED:
                return
            try:
                async for job in _frames(remote, id_) if heard_at >= sockets_from else _nothing():
                    heard_at = time.monotonic()
                    yield job
                    if job.status in ENDED:
                        return
            except InvalidHandshake:  # somebody on the way lets none through, and the same will be so a second later
                sockets_from = time.monotonic() + SOCKET_AGAIN_SECONDS
            except (OSError, TimeoutError, ConnectionClosed):
                pass  # the next round says whether it is the server
        await asyncio.sleep(LOOK_SECONDS)


async def _nothing() -> AsyncIterator[JobAnswer]:
    no_jobs: tuple[JobAnswer, ...] = ()
    for job in no_jobs:
        yield job


async def _frames(remote: Remote, id_: str) -> AsyncIterator[JobAnswer]:
    """What the job's socket says, until it closes. Raises OSError, TimeoutError, InvalidHandshake, ConnectionClosed."""
    address = f"ws{remote.url.removeprefix('http')}/ws/jobs/{quote(id_, safe='')}"
    proxy: Literal[True] | None = None if remote.is_near else True
    async with connect(address, proxy=proxy, max_size=MAX_FRAME_BYTES, open_timeout=5, close_timeout=1) as socket:
        while True:
            async with asyncio.timeout(SILENCE_SECONDS):
                frame = await socket.recv(decode=False)
            if job := _job_of(frame):
                yield job


def _job_of(frame: bytes) -> JobAnswer | None:
    """None for a ping, and for whatever a newer server says beside jobs."""
    try:
        said = msgspec.json.decode(frame)
        return JobAnswer.model_validate(said, extra="ignore") if "job_uuid" in said else None
    except (msgspec.DecodeError, ValidationError, TypeError):
        return None
