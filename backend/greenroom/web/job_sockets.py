"""`WS /ws/jobs/{id}` and `WS /ws/jobs`: jobs as they change, the same object as over HTTP. The first one closes
with 1000 once its job has ended.

A slow reader costs no memory: the next state is asked for only when the last frame has left, so what has changed
several times meanwhile is sent once, as it is then. One that takes nothing for GREENROOM_SLOW_READER_SECONDS is cut
off. A frame is made once for all who get it."""

from __future__ import annotations

import asyncio

import structlog
from starlette.applications import Starlette
from starlette.websockets import WebSocket

from greenroom.jobs.answer import job_answer
from greenroom.jobs.seam import Job
from greenroom.jobs.service import Jobs
from greenroom.jobs.watching import Watcher
from greenroom.protocol.base import timestamp
from greenroom.protocol.outgoing import Outgoing
from greenroom.protocol.socket import CloseCode, ErrorFrame, Ping
from greenroom.web.hub import HEARTBEAT_SECONDS, Hub
from greenroom.web.job_requests import job_id
from greenroom.web.line import PUSH_EXTENSION, AsgiLine, Line
from greenroom.web.rates import address_of
from greenroom.web.socket import Refusal, denial, end, read_until_over, subprotocol_of
from greenroom.words import GreenroomError

MAX_FRAMES = 256
"""Kept for others who are to get them."""

log = structlog.get_logger("greenroom.web")


class Frames:
    """The last frames made, by job."""

    def __init__(self) -> None:
        self._made: dict[str, tuple[int, Outgoing]] = {}

    def of(self, job: Job) -> Outgoing:
        changes, frame = self._made.get(job.id, (-1, None))
        if frame is None or changes != job.changes:
            frame = Outgoing.of(job_answer(job))
            self._made.pop(job.id, None)
            self._made[job.id] = (job.changes, frame)
            if len(self._made) > MAX_FRAMES:
                del self._made[next(iter(self._made))]
        return frame


def frames_of(app: Starlette) -> Frames:
    """Those of this app; made when first asked for."""
    if not hasattr(app.state, "greenroom_job_frames"):
        app.state.greenroom_job_frames = Frames()
    frames: Frames = app.state.greenroom_job_frames
    return frames


async def job_socket(socket: WebSocket) -> None:
    """Endpoint of `/ws/jobs/{id}`."""
    await _serve(socket, socket.path_params["id"])


async def all_jobs_socket(socket: WebSocket) -> None:
    """Endpoint of `/ws/jobs`."""
    await _serve(socket, None)


async def _serve(socket: WebSocket, id_: str | None) -> None:
    jobs: Jobs = socket.app.state.jobs
    hub: Hub = socket.app.state.greenroom_hub
    try:
        subprotocol = subprotocol_of(socket, jobs.settings)
        with hub.seat(address_of(socket)):
            async with jobs.watching(None if id_ is None else job_id({"id": id_})) as watcher:
                await socket.accept(subprotocol)
                await _converse(socket, hub, watcher)
    except GreenroomError as error:
        await socket.send_denial_response(await denial(socket, error))


async def _converse(socket: WebSocket, hub: Hub, watcher: Watcher) -> None:
    """Serve an accepted socket until the client leaves or there is nothing more to say."""
    own: Line | None = socket.scope["extensions"].get(PUSH_EXTENSION)
    line = own or AsgiLine(socket)
    pushing = asyncio.create_task(_Push(line, socket.app, watcher).run())
    tasks: list[asyncio.Task[Refusal | None]] = [pushing, asyncio.create_task(read_until_over(socket))]
    if isinstance(line, AsgiLine):
        tasks.append(asyncio.create_task(_run(line)))
    try:
        with hub.visited(line):
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            refusal = pushing.result() if pushing in done else done.pop().result()
    finally:
        line.on_free = None
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    if refusal is not None:
        await end(socket, refusal)


async def _run(line: AsgiLine) -> Refusal:
    await line.run()
    return Refusal(CloseCode.TOO_SLOW)


class _Push:
    """Writes what is watched to a line."""

    def __init__(self, line: Line, app: Starlette, watcher: Watcher) -> None:
        self._line = line
        self._jobs: Jobs = app.state.jobs
        self._frames = frames_of(app)
        self._watcher = watcher
        self._freed = asyncio.Event()
        line.on_free = self._freed.set

    async def run(self) -> Refusal | None:
        """Until there is nothing more to say, or nobody takes it; why the conversation is over then."""
        try:
            while (message := await self._next()) is not None:
                await self._until_free()  # the hub may have said goodbye meanwhile
                self._line.write([message])
                await self._until_free()
        except TimeoutError:
            log.info("socket_too_slow", seconds=self._jobs.settings.slow_reader_seconds)
            self._line.abort()
            return None
        except GreenroomError as error:
            return Refusal(CloseCode.TRY_AGAIN_LATER, ErrorFrame(code=error.code, message=str(error)))
        return Refusal(CloseCode.FINISHED)

    async def _next(self) -> Outgoing | None:
        """The next state, or a ping where none comes for long; None after the last one."""
        try:
            async with asyncio.timeout(HEARTBEAT_SECONDS):
                job = await self._watcher.next()
        except TimeoutError:
            return Outgoing.of(Ping(at=timestamp(self._jobs.clock.unix())))
        return None if job is None else self._frames.of(job)

    async def _until_free(self) -> None:
        """Raises TimeoutError when the client takes nothing for so long."""
        self._freed.clear()
        if not self._line.free:
            async with asyncio.timeout(self._jobs.settings.slow_reader_seconds):
                await self._freed.wait()
