"""`WS /ws/jobs/{id}` and `WS /ws/jobs`: jobs as they change, the same object as over HTTP. The first one closes
with 1000 once its job has ended.

A slow reader costs no memory: the next look at the jobs is taken only when the last frame has left, so what has changed
several times meanwhile is sent once, as it is then."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from starlette.websockets import WebSocket

from greenroom.jobs.answer import job_answer
from greenroom.jobs.seam import Job
from greenroom.jobs.service import Jobs
from greenroom.protocol.base import timestamp
from greenroom.protocol.outgoing import Outgoing
from greenroom.protocol.socket import CloseCode, ErrorFrame, Ping
from greenroom.web.hub import HEARTBEAT_SECONDS, Hub
from greenroom.web.job_requests import job_id
from greenroom.web.line import PUSH_EXTENSION, AsgiLine, Line
from greenroom.web.rates import address_of
from greenroom.web.socket import Refusal, denial, end, read_until_over, subprotocol_of
from greenroom.words import GreenroomError


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
            queue = await jobs.queue()
            if id_ is not None:
                await queue.get(job_id({"id": id_}))
            await socket.accept(subprotocol)
            await _converse(socket, jobs, jobs.watch_all() if id_ is None else jobs.watch(id_))
    except GreenroomError as error:
        await socket.send_denial_response(await denial(socket, error))


async def _converse(socket: WebSocket, jobs: Jobs, watched: AsyncIterator[Job]) -> None:
    """Serve an accepted socket until the client leaves or there is nothing more to say."""
    own: Line | None = socket.scope["extensions"].get(PUSH_EXTENSION)
    line = own or AsgiLine(socket)
    pushing = asyncio.create_task(_push(line, jobs, watched))
    tasks: list[asyncio.Task[Refusal | None]] = [pushing, asyncio.create_task(read_until_over(socket))]
    if isinstance(line, AsgiLine):
        tasks.append(asyncio.create_task(_run(line)))
    try:
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


async def _push(line: Line, jobs: Jobs, watched: AsyncIterator[Job]) -> Refusal | None:
    """Write what is watched until its end; why the conversation is over then."""
    try:
        async for message in _messages(jobs, watched):
            await _until_free(line, jobs.settings.slow_reader_seconds)
            line.write([message])
        await _until_free(line, jobs.settings.slow_reader_seconds)
    except TimeoutError:
        line.abort()
        return None
    except GreenroomError as error:
        return Refusal(CloseCode.TRY_AGAIN_LATER, ErrorFrame(code=error.code, message=str(error)))
    return Refusal(CloseCode.FINISHED)


async def _messages(jobs: Jobs, watched: AsyncIterator[Job]) -> AsyncIterator[Outgoing]:
    """Each job that comes, and a ping where none does for long."""

    async def next_job() -> Job | None:
        return await anext(watched, None)

    upcoming = asyncio.create_task(next_job())
    try:
        while True:
            await asyncio.wait((upcoming,), timeout=HEARTBEAT_SECONDS)
            if not upcoming.done():
                yield Outgoing.of(Ping(at=timestamp(jobs.clock.unix())))
                continue
            if (job := upcoming.result()) is None:
                return
            yield Outgoing.of(job_answer(job, jobs.clock.unix()))
            upcoming = asyncio.create_task(next_job())
    finally:
        upcoming.cancel()
        await asyncio.gather(upcoming, return_exceptions=True)


async def _until_free(line: Line, seconds: float) -> None:
    """Raises TimeoutError when the client takes nothing for so long."""
    freed = asyncio.Event()
    line.on_free = freed.set
    if line.free:
        return
    async with asyncio.timeout(seconds):
        await freed.wait()
