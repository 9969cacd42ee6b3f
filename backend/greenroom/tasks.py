"""Tasks that live as long as the server: should one end by a bug, the log says so at once, not at its collection."""

from __future__ import annotations

import asyncio
from typing import Literal

import structlog

from greenroom.clock import Clock

log = structlog.get_logger("greenroom.tasks")


def crash_loudly(task: asyncio.Task[None]) -> None:
    """Done callback for such a task."""
    if not task.cancelled() and (error := task.exception()):
        log.critical("task_died", task=task.get_name(), error=repr(error))


async def first_of(event: asyncio.Event, clock: Clock, seconds: float | None) -> None:
    """Wait for `event` or for `seconds` of `clock` (None: for ever), whichever comes first."""
    waits = [asyncio.ensure_future(event.wait())]
    if seconds is not None:
        waits.append(asyncio.ensure_future(_slept(clock, seconds)))
    try:
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for wait in waits:
            wait.cancel()
        await asyncio.gather(*waits, return_exceptions=True)


async def _slept(clock: Clock, seconds: float) -> Literal[True]:
    await clock.sleep(seconds)
    return True
