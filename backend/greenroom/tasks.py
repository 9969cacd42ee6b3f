"""Tasks that live as long as the server: should one end by a bug, the log says so at once, not at its collection."""

from __future__ import annotations

import asyncio

import structlog

log = structlog.get_logger("greenroom.tasks")


def crash_loudly(task: asyncio.Task[None]) -> None:
    """Done callback for such a task."""
    if not task.cancelled() and (error := task.exception()):
        log.critical("task_died", task=task.get_name(), error=repr(error))
