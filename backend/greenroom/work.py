"""`greenroom jobs work`: a process that works jobs off and serves nothing, beside servers with GREENROOM_WORKER=off.

It has the models and the worker of a server, and neither port nor surface. A model is loaded when a job waits for it,
and leaves memory by the server's rules. What a server on the same data folder has decided of versions, a rollback for
one, holds here, too; and as nobody can press "Try again" here, what has failed for good is tried again every minute.

The first SIGTERM or SIGINT asks for an orderly end: chunks in progress are finished and saved, and what is left of
their jobs is given back, within the same seconds that a server takes (`greenroom.server.FINISH_SECONDS`). The second
one means at once; hosts end with their connection.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import time
from collections.abc import Callable
from types import FrameType

import structlog

from greenroom.app import create_worker
from greenroom.errors import JobsUnavailableError
from greenroom.jobs.service import Jobs
from greenroom.logs import take_standard_logs
from greenroom.server import CALL_SECONDS, READY_LINE, require_writable
from greenroom.serving.greenroom import Greenroom
from greenroom.serving.keeper import Keeper
from greenroom.serving.origin import is_local
from greenroom.settings import load_settings
from greenroom.tasks import crash_loudly

LOOK_AGAIN_SECONDS = 1.0
"""While the database of jobs cannot be opened."""
FOLLOW_SECONDS = 5.0
"""Between two looks at what servers have decided."""
FAILED_SECONDS = 60.0
"""Until a model that has failed for good is tried again: its files may have been mended."""

log = structlog.get_logger("greenroom.work")


def work() -> int:
    """Work jobs off until a signal; 0 after an orderly end, 1 after a bug. Raises ConfigError."""
    settings = load_settings()
    require_writable(settings)
    take_standard_logs(settings)
    greenroom, jobs = create_worker(settings)
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        return runner.run(_until_signal(greenroom, jobs))


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """uvloop's, as under uvicorn; None for asyncio's own."""
    if sys.platform == "win32":
        return None
    import uvloop

    return uvloop.new_event_loop


async def _until_signal(greenroom: Greenroom, jobs: Jobs) -> int:
    signalled = _first_signal()
    async with greenroom.running(), jobs.running():
        own = (
            asyncio.create_task(_say_when_ready(jobs), name="ready line"),
            asyncio.create_task(_look_after(greenroom), name="worker's models"),
        )
        for task in own:
            task.add_done_callback(crash_loudly)
        assert jobs.life is not None  # noqa: S101 - it runs
        await asyncio.wait((signalled, jobs.life), return_when=asyncio.FIRST_COMPLETED)
        for task in own:
            task.cancel()
        await asyncio.gather(*own, return_exceptions=True)
        begun = time.monotonic()
        log.info("stopping", signal=signalled.result().name if signalled.done() else None)
        greenroom.stop_soon(CALL_SECONDS)
    log.info("stopped", seconds=round(time.monotonic() - begun, 2))
    return 0 if signalled.done() else 1


def _first_signal() -> asyncio.Future[signal.Signals]:
    """Done with the first SIGTERM or SIGINT; the second one ends this process, whatever its event loop is doing."""
    loop = asyncio.get_running_loop()
    first: asyncio.Future[signal.Signals] = loop.create_future()
    seen: list[int] = []

    def handle(number: int, frame: FrameType | None) -> None:
        if seen:
            os._exit(128 + number)
        seen.append(number)
        loop.call_soon_threadsafe(first.set_result, signal.Signals(number))

    for which in (signal.SIGTERM, signal.SIGINT):
        signal.signal(which, handle)
    return first


async def _say_when_ready(jobs: Jobs) -> None:
    """One line for programs, and one for the log, once jobs can be claimed."""
    while True:
        try:
            await jobs.queue()
        except JobsUnavailableError:  # said by the store already, which tries again
            await asyncio.sleep(LOOK_AGAIN_SECONDS)
        else:
            break
    print(READY_LINE, json.dumps({"pid": os.getpid()}), flush=True)
    log.info("worker_ready", models=list(jobs.greenroom.keepers))


async def _look_after(greenroom: Greenroom) -> None:
    """See to what a server's operator would, for ever."""
    failed_at: dict[str, float] = {}
    while True:
        await asyncio.sleep(FOLLOW_SECONDS)
        for keeper in greenroom.keepers.values():
            await follow_servers(greenroom, keeper)
        try_failed_again(greenroom, failed_at, time.monotonic())


def try_failed_again(greenroom: Greenroom, failed_at: dict[str, float], now: float) -> None:
    """`failed_at`: since when each model has been seen to have failed for good, in seconds of the clock of `now`."""
    for name, keeper in greenroom.keepers.items():
        if not greenroom.board.readiness.is_failed_for_good((name,)):
            failed_at.pop(name, None)
        elif now - failed_at.setdefault(name, now) >= FAILED_SECONDS:
            del failed_at[name]
            keeper.try_again()


async def follow_servers(greenroom: Greenroom, keeper: Keeper) -> None:
    """When servers have another version serve by now, let the keeper load that one. Jobs wait meanwhile; calls in
    progress are answered by either."""
    if keeper.version is None or keeper.host is None or is_local(keeper.spec):
        return
    wanted = greenroom.means.ledger.refresh(keeper.spec).active
    if wanted not in (None, keeper.version.key):
        log.info("worker_follows", model=keeper.spec.name, left=keeper.version.id)
        await keeper.evict(back_soon=True)
