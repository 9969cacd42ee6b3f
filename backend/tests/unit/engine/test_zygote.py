"""Keeping a zygote: a machine without room for one is asked again, with pauses that grow."""

from __future__ import annotations

import asyncio
import socket

import pytest

from greenroom.engine import zygote as module
from greenroom.engine.import_progress import ImportCount, ImportProgress
from greenroom.engine.zygote import Zygote, ZygoteLostError

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
