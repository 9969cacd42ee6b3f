"""Work for a caller is worth doing only while there is one."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from starlette.requests import Request

from greenroom import run_until_disconnect
from greenroom.words import ClientLeftError

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


class Caller:
    """The other end of a request whose body has been read."""

    def __init__(self) -> None:
        self._left = asyncio.Event()
        self.request = Request({"type": "http", "headers": []}, self._receive)

    def leave(self) -> None:
        self._left.set()

    async def _receive(self) -> Any:
        await self._left.wait()
        return {"type": "http.disconnect"}


class Work:
    def __init__(self) -> None:
        self.begun, self.go_on = asyncio.Event(), asyncio.Event()
        self.cancelled = False

    async def run(self) -> str:
        self.begun.set()
        try:
            await self.go_on.wait()
        except asyncio.CancelledError:
            self.cancelled = True
            raise
        return "done"


async def test_who_stays_gets_the_result() -> None:
    caller, work = Caller(), Work()
    asking = asyncio.create_task(run_until_disconnect(caller.request, work.run()))
    await work.begun.wait()
    work.go_on.set()
    assert await asking == "done"


async def test_who_leaves_takes_the_work_along() -> None:
    caller, work = Caller(), Work()
    asking = asyncio.create_task(run_until_disconnect(caller.request, work.run()))
    await work.begun.wait()
    caller.leave()
    with pytest.raises(ClientLeftError):
        await asking
    assert work.cancelled
    assert not asking.cancelling()


async def test_a_cancelled_caller_is_not_taken_for_one_who_left() -> None:
    caller, work = Caller(), Work()
    asking = asyncio.create_task(run_until_disconnect(caller.request, work.run()))
    await work.begun.wait()
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    assert work.cancelled


async def test_one_who_leaves_and_is_cancelled_at_once_is_cancelled() -> None:
    caller, work = Caller(), Work()
    asking = asyncio.create_task(run_until_disconnect(caller.request, work.run()))
    await work.begun.wait()
    caller.leave()
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking


async def test_a_deadline_of_the_work_stays_a_deadline() -> None:
    caller, work = Caller(), Work()
    with pytest.raises(TimeoutError):
        await run_until_disconnect(caller.request, asyncio.wait_for(work.run(), 0.01))


async def test_who_leaves_as_the_work_ends_does_not_harm_what_comes_after() -> None:
    """The listening has ended, and its callback is scheduled, in the very step that ends the work."""
    left, now = asyncio.Event(), asyncio.get_running_loop().create_future()

    async def receive() -> Any:
        await left.wait()
        now.set_result("done")  # the work's task is woken first, then the callback of this one runs
        return {"type": "http.disconnect"}

    async def ask() -> str:
        answer: str = await run_until_disconnect(Request({"type": "http", "headers": []}, receive), now)
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        return answer

    asking = asyncio.create_task(ask())
    await asyncio.sleep(0)
    left.set()
    assert await asking == "done"
    assert not asking.cancelling()


async def test_nothing_keeps_listening_afterwards() -> None:
    caller, work = Caller(), Work()
    work.go_on.set()
    before = asyncio.all_tasks()
    await run_until_disconnect(caller.request, work.run())
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert asyncio.all_tasks() == before
