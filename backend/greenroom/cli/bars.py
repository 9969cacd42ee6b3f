"""Watching a change of versions from the command line, while the call that asked for it waits for its outcome."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Coroutine
from dataclasses import dataclass
from typing import Any, TypeVar

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

from greenroom.cli.remote import Remote
from greenroom.protocol.answers import ServerStatus
from greenroom.protocol.snapshot import InitState, ModelState, Phase
from greenroom.words import GreenroomError

T = TypeVar("T")
POLL_SECONDS = 0.5


@dataclass(frozen=True)
class Standing:
    """How far the change of one model is, for a bar. `percent` is None while there is nothing to measure."""

    doing: str
    percent: int | None


def standing(state: ModelState) -> Standing:
    """What to show of `state`: the version that is coming, else the model's own load, else that nothing came yet."""
    if state.target is not None:
        version = f"version {state.target.version}" if state.target.version else "new version"
        return Standing(f"{version} {state.target.phase}", state.target.progress)
    if state.phase is not Phase.READY:
        return Standing(state.phase, state.progress)
    return Standing("looking at the source", None)


async def watched(remote: Remote, name: str | None, order: Coroutine[Any, Any, T], console: Console | None = None) -> T:
    """The outcome of `order`; until it is there, bars of model `name` (None: of the required ones) on stderr when a
    person is looking."""
    console = console or Console(stderr=True)
    if not console.is_terminal:
        return await order
    columns = (
        TextColumn("{task.description}"), TextColumn("{task.fields[doing]}", style="cyan"), BarColumn(),
        TaskProgressColumn(), TimeElapsedColumn(),
    )  # fmt: skip
    with Progress(*columns, console=console, transient=True) as bars:
        watching = asyncio.create_task(_watch(remote, name, bars))
        try:
            return await order
        finally:
            watching.cancel()
            await asyncio.gather(watching, return_exceptions=True)


async def _watch(remote: Remote, name: str | None, bars: Progress) -> None:
    query = {"models": name} if name else {}
    while True:
        with contextlib.suppress(GreenroomError):  # if it matters, `order` meets it, too
            _show(bars, (await remote.read(ServerStatus, "/status", **query)).snapshot)
        await asyncio.sleep(POLL_SECONDS)


def _show(bars: Progress, snapshot: InitState) -> None:
    """One bar a model, made when the model is first seen."""
    known = {task.description: task.id for task in bars.tasks}
    for state in snapshot.models:
        now = standing(state)
        task = known[state.name] if state.name in known else bars.add_task(state.name, total=None, doing="")
        bars.update(task, doing=now.doing, completed=now.percent or 0, total=None if now.percent is None else 100)
