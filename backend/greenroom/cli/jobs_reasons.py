"""Why a job waits, for `greenroom jobs list | watch | submit --wait`: nobody works jobs off, or its model is not ready.

A job says no more than `pending`. The reason stands in what the server says of itself; where it says nothing, there is
none, and nobody is kept from following the job.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator, Callable, Iterable

from greenroom.cli.remote import NoServerError, RefusedError, Remote
from greenroom.protocol.answers import ServerStatus
from greenroom.protocol.jobs import JobAnswer
from greenroom.protocol.snapshot import ModelState, Phase
from greenroom.wording import without_button
from greenroom.words import JobState

FIRST_LOOK_SECONDS = 1.0
"""Most jobs do not wait for so long."""
LOOK_SECONDS = 5.0
NOBODY = "waits for a worker: nobody works this server's jobs off. Start one with greenroom jobs work."
_WORKERS = re.compile(r"^greenroom_job_workers (\d+)", re.MULTILINE)


def waits(job: JobAnswer) -> bool:
    """Whether it has not begun, for no reason that it says itself."""
    return job.status == JobState.PENDING and job.retry_at is None


async def reasons(remote: Remote, jobs: Iterable[JobAnswer]) -> dict[str, str]:
    """Model → what those of the `jobs` wait for that wait; without those that wait for their turn."""
    models = {job.model: "" for job in jobs if waits(job)}
    if not models:
        return {}
    try:
        workers = _WORKERS.search((await remote.ask("GET", "/metrics")).text)
        if workers is not None and int(workers[1]) == 0:
            return dict.fromkeys(models, NOBODY)
        status = await remote.read(ServerStatus, "/status", models=",".join(models))
    except (NoServerError, RefusedError):
        return {}
    return {model.name: reason for model in status.snapshot.models if (reason := _reason(model))}


def _reason(model: ModelState) -> str:
    """Empty when it is ready, and when this server has no need of it: a worker beside it has its own."""
    if model.phase is Phase.READY or (model.phase is Phase.QUEUED and not model.required):
        return ""
    if model.phase is not Phase.FAILED:
        return f"waits for {model.name} ({model.phase} {model.progress} %)"
    why = f": {without_button(model.error.message)}" if model.error else ""
    again = f" It is tried again at {model.retry_at}." if model.retry_at else ""
    return f"waits for {model.name}, which has failed to load{why}{again}"


@contextlib.asynccontextmanager
async def reasons_told(remote: Remote, say: Callable[[str], None]) -> AsyncIterator[Callable[[JobAnswer], None]]:
    """Tell what comes how the job stands, and while it waits `say` is told why, whenever that changes."""
    latest: JobAnswer | None = None

    def note(job: JobAnswer) -> None:
        nonlocal latest
        latest = job

    async def look() -> None:
        said, pause_seconds = "", FIRST_LOOK_SECONDS
        while True:
            await asyncio.sleep(pause_seconds)
            pause_seconds = LOOK_SECONDS
            looked_at = latest
            found = await reasons(remote, () if looked_at is None else (looked_at,))
            reason = "" if looked_at is None else found.get(looked_at.model, "")
            if reason != said and latest == looked_at:  # else it has gone on meanwhile
                said = reason
                say(reason)

    looking = asyncio.create_task(look(), name="reasons")
    try:
        yield note
    finally:
        looking.cancel()
        await asyncio.gather(looking, return_exceptions=True)
