"""Keeping a zygote: a machine without room for one is asked again, with pauses that grow."""

from __future__ import annotations

import asyncio
import socket
import subprocess
import sys

import pytest

from greenroom import frames
from greenroom.engine import zygote as module
from greenroom.engine.import_progress import ImportCount, ImportProgress
from greenroom.engine.zygote import Zygote, ZygoteLostError
from greenroom.engine.zygote_process import ZygoteProcess

pytestmark = pytest.mark.anyio


async def test_a_zygote_that_cannot_be_started_is_tried_again_after_growing_pauses(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pauses: list[float] = []
    started = object()

    async def pause(seconds: float) -> None:
        pauses.append(seconds)

    def start() -> object:
        if len(pauses) < 3:
            raise OSError("no room")
        return started

    monkeypatch.setattr(module, "start_zygote", start)
    monkeypatch.setattr(asyncio, "sleep", pause)
    assert await Zygote(ImportProgress(ImportCount(None)))._start_again(deaths=0) is started
    assert pauses == [0.0, 1.0, 2.0]


async def test_without_a_zygote_a_fork_is_refused_at_once() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs, pytest.raises(ZygoteLostError):
        await Zygote(ImportProgress(ImportCount(None))).fork(theirs)


async def test_a_bug_in_how_a_zygote_is_heard_ends_it_and_makes_a_new_one(monkeypatch: pytest.MonkeyPatch) -> None:
    started: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    ours, theirs = socket.socketpair()

    async def start_again(deaths: int) -> ZygoteProcess:
        started.set_result(None)
        return await asyncio.Future()

    def broken(message: object) -> None:
        raise KeyError(message)

    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)  # noqa: ASYNC220 - it is quick
    zygote = Zygote(ImportProgress(ImportCount(None)), ZygoteProcess(child, ours))
    monkeypatch.setattr(zygote, "_handle", broken)
    monkeypatch.setattr(zygote, "_start_again", start_again)
    zygote.start()
    with theirs:
        theirs.sendall(frames.encode(frames.Imported(1)))
        child.communicate(b"\n")
        await asyncio.wait_for(started, 10)
        theirs.settimeout(10)
        while theirs.recv(1024):
            pass  # until our end is closed
    await zygote.close()
