"""The host handle against a scripted peer on the other end of a real socket."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import AsyncIterator, Callable
from typing import TypeVar

import pytest

from greenroom import frames
from greenroom.engine.link import HostLink
from greenroom.engine.local_host import BACKGROUND_BATCH_SECONDS, LocalHost, Pace
from greenroom.engine.pulse import Patience, Pulse
from greenroom.engine.seam import HostInfo, Vectors
from greenroom.engine.watch import Watch
from greenroom.frames import Cancel, Encode, Encoded, Failed, Stop
from greenroom.words import (
    DeadlineExceededError,
    GreenroomError,
    HostLostError,
    InvalidInputError,
    OverloadedError,
    PayloadTooLargeError,
    PredictionError,
)

pytestmark = pytest.mark.anyio
M = TypeVar("M", bound=frames.Message)
QUIET = Patience(tick_seconds=3600)
"""No tick comes by itself in a test; `Stage.tick` makes one."""


class Process:
    """A process that ends when told to."""

    pid = 4242

    def __init__(self, on_kill: Callable[[], None]) -> None:
        self.ended: asyncio.Future[int | None] = asyncio.get_running_loop().create_future()
        self._on_kill = on_kill

    def kill(self) -> None:
        if not self.ended.done():
            self.ended.set_result(-9)
        self._on_kill()


class Peer:
    """The host's end: reads what the handle sends, answers as a test says."""

    def __init__(self, link: HostLink) -> None:
        self._link = link
        self._frames = link.frames()

    async def next(self, kind: type[M]) -> M:
        frame = await asyncio.wait_for(anext(self._frames), 5)
        assert isinstance(frame.message, kind)
        return frame.message

    def answer(self, call: int, rows: int = 1) -> None:
        header = Encoded(call, 2, [3] * rows)
        self._link._writer.write(frames.encode(header, struct.pack("<2f", 1.0, 0.0) * rows))

    def refuse(self, call: int, code: str) -> None:
        self._link.send(Failed(call, code, "because"))

    def drop(self, call: int) -> None:
        self._link.send(frames.Dropped(call))

    def pong(self, rounds: int) -> None:
        self._link.send(frames.Pong(rounds))

    def leave(self) -> None:
        self._link.close()


class Stage:
    def __init__(self, host: LocalHost, peer: Peer, process: Process, watch: Watch) -> None:
        self.host, self.peer, self.process, self.watch = host, peer, process, watch

    def embed(self, *texts: str, deadline: float | None = 30.0) -> asyncio.Task[Vectors]:
        return asyncio.create_task(self.host.embed(texts, deadline))


@pytest.fixture
async def stage() -> AsyncIterator[Stage]:
    ours, theirs = socket.socketpair()
    peer = Peer(await HostLink.open(theirs, Pulse(QUIET, 5)))
    process = Process(peer.leave)
    info = HostInfo(process.pid, 2, 256, "cpu", "float32")
    link = await HostLink.open(ours, Pulse(QUIET, 5))
    watch = Watch("m", link.pulse, QUIET, ping=lambda: link.send(frames.Ping()), kill=process.kill, let_go=link.close)
    host = LocalHost("m", info, process, link, watch, max_queued_texts=4)
    yield Stage(host, peer, process, watch)
    process.kill()
    await asyncio.wait_for(asyncio.shield(host.exited), 5)


async def test_answers_reach_their_own_callers_in_any_order(stage: Stage) -> None:
    one, two = stage.embed("a"), stage.embed("b", "c")
    calls = [(await stage.peer.next(Encode)) for _ in range(2)]
    for call in reversed(calls):
        stage.peer.answer(call.call, len(call.texts))
    assert len((await asyncio.wait_for(one, 5)).tokens) == 1
    assert len((await asyncio.wait_for(two, 5)).data) == 16


async def test_a_full_queue_refuses_at_the_door_and_says_when_to_come_back(stage: Stage) -> None:
    waiting = stage.embed("a", "b", "c")
    call = await stage.peer.next(Encode)
    with pytest.raises(OverloadedError) as refusal:
        await stage.host.embed(["d", "e"], None)
    assert refusal.value.retry_after_seconds >= 1
    stage.peer.answer(call.call, 3)
    await asyncio.wait_for(waiting, 5)


async def test_room_is_given_back_when_a_call_ends(stage: Stage) -> None:
    for _ in range(3):
        asked = stage.embed("a", "b", "c")
        stage.peer.answer((await stage.peer.next(Encode)).call, 3)
        await asyncio.wait_for(asked, 5)


async def test_an_idle_host_takes_one_call_larger_than_its_queue(stage: Stage) -> None:
    asked = stage.embed(*"abcdefgh")
    stage.peer.answer((await stage.peer.next(Encode)).call, 8)
    await asyncio.wait_for(asked, 5)


async def test_a_caller_who_leaves_has_its_work_cancelled_and_its_place_kept_until_the_host_says_so(
    stage: Stage,
) -> None:
    asked = stage.embed("a", "b", "c")
    call = await stage.peer.next(Encode)
    asked.cancel()
    assert (await stage.peer.next(Cancel)).call == call.call
    with pytest.raises(OverloadedError):
        await stage.host.embed(["d", "e"], None)
    stage.peer.drop(call.call)
    await asyncio.wait_for(stage.host.drained(), 5)
    later = stage.embed("d", "e")
    stage.peer.answer((await stage.peer.next(Encode)).call, 2)
    await asyncio.wait_for(later, 5)


async def test_an_answer_for_a_caller_who_left_frees_its_place_as_well(stage: Stage) -> None:
    asked = stage.embed("a", "b", "c")
    call = await stage.peer.next(Encode)
    asked.cancel()
    stage.peer.answer(call.call, 3)
    await asyncio.wait_for(stage.host.drained(), 5)


async def test_drained_waits_for_the_last_answer_or_the_end(stage: Stage) -> None:
    asked = [stage.embed("a"), stage.embed("b")]
    calls = [await stage.peer.next(Encode) for _ in asked]
    drained = asyncio.create_task(stage.host.drained())
    stage.peer.answer(calls[0].call)
    await asyncio.wait_for(asked[0], 5)
    assert not drained.done()
    stage.process.kill()
    await asyncio.wait_for(drained, 5)
    with pytest.raises(HostLostError):
        await asked[1]


async def test_an_end_names_each_text_that_was_never_answered_those_of_leavers_too(stage: Stage) -> None:
    asked = [stage.embed("answered"), stage.embed("left"), stage.embed("waiting", "waiting")]
    calls = [await stage.peer.next(Encode) for _ in asked]
    stage.peer.answer(calls[0].call)
    await asyncio.wait_for(asked[0], 5)
    asked[1].cancel()
    await stage.peer.next(Cancel)
    stage.process.kill()
    end = await asyncio.wait_for(asyncio.shield(stage.host.exited), 5)
    assert end.unanswered == ("left", "waiting")
    with pytest.raises(HostLostError):
        await asked[2]


async def test_more_text_than_a_frame_may_carry_is_refused_and_never_sent(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(frames, "MAX_FRAME_BYTES", 1000)
    with pytest.raises(PayloadTooLargeError):
        await stage.host.embed(["x" * 1000], None)
    asked = stage.embed("a")
    stage.peer.answer((await stage.peer.next(Encode)).call)
    await asyncio.wait_for(asked, 5)


async def test_a_host_that_never_answers_a_ping_is_killed_and_the_reason_told(stage: Stage) -> None:
    for _ in range(QUIET.silent_ticks + 1):
        assert not stage.process.ended.done()
        stage.watch._tick()
    end = await asyncio.wait_for(asyncio.shield(stage.host.exited), 5)
    assert "no sign of life" in end.reason
    assert not end.expected
    assert stage.process.ended.result() == -9


async def test_a_host_that_answers_pings_is_killed_when_it_is_stuck_in_one_batch(stage: Stage) -> None:
    asked = stage.embed("a", deadline=0.05)
    await stage.peer.next(Encode)
    with pytest.raises(DeadlineExceededError):
        await asyncio.wait_for(asked, 5)
    stage.watch._tick()  # an hour long
    assert stage.process.ended.done()
    assert stage.watch.reason is not None
    assert "stuck" in stage.watch.reason


async def test_a_main_thread_that_comes_back_is_not_stuck_however_long_it_owes(stage: Stage) -> None:
    first = stage.embed("a", deadline=0.05)
    call = await stage.peer.next(Encode)
    for rounds in range(1, 10):
        stage.peer.pong(rounds)
        stage.peer.answer(call.call)  # behind the pong, which is through when the answer is
        await asyncio.wait_for(first, 5)
        first = stage.embed("a", deadline=0.05)
        call = await stage.peer.next(Encode)
        stage.watch._tick()  # an hour long
        await stage.peer.next(frames.Ping)
        assert stage.watch.reason is None
    stage.peer.answer(call.call)
    await asyncio.wait_for(first, 5)


async def test_a_call_without_a_deadline_leaves_later_ones_watched(stage: Stage) -> None:
    for deadline in (None, 1e9):
        patient = stage.embed("a", deadline=deadline)
        stage.peer.answer((await stage.peer.next(Encode)).call)
        await asyncio.wait_for(patient, 5)
    asked = stage.embed("b", deadline=1.0)
    await stage.peer.next(Encode)
    stage.watch._tick()  # an hour long
    assert stage.watch.reason is not None
    with pytest.raises(HostLostError):
        await asyncio.wait_for(asked, 5)


async def test_a_call_for_which_nobody_waits_says_so_and_may_take_long_without_hiding_a_stuck_batch(
    stage: Stage,
) -> None:
    asked = asyncio.create_task(stage.host.embed(["a"], 600.0, background=True))
    assert (await stage.peer.next(Encode)).background
    assert stage.host._owes() == (True, BACKGROUND_BATCH_SECONDS)
    waited_for = stage.embed("b", deadline=60.0)
    assert not (await stage.peer.next(Encode)).background
    assert stage.host._owes() == (True, 60.0)
    for call in (asked, waited_for):
        call.cancel()
    await asyncio.wait([asked, waited_for])


async def test_a_deadline_travels_along_and_is_kept_here_too(stage: Stage) -> None:
    asked = stage.embed("a", deadline=0.01)
    assert (await stage.peer.next(Encode)).deadline_seconds == 0.01
    with pytest.raises(DeadlineExceededError):
        await asyncio.wait_for(asked, 5)
    await stage.peer.next(Cancel)


@pytest.mark.parametrize(
    ("code", "error"),
    [
        ("deadline-exceeded", DeadlineExceededError),
        ("overloaded", OverloadedError),
        ("invalid-input", InvalidInputError),
        ("prediction-failed", PredictionError),
        ("something-new", PredictionError),
    ],
)
async def test_a_refusal_becomes_the_error_of_its_code(stage: Stage, code: str, error: type[GreenroomError]) -> None:
    asked = stage.embed("a")
    stage.peer.refuse((await stage.peer.next(Encode)).call, code)
    with pytest.raises(error, match="because"):
        await asyncio.wait_for(asked, 5)


async def test_all_who_wait_are_told_when_the_host_is_lost_and_so_is_the_next(stage: Stage) -> None:
    asked = [stage.embed("a"), stage.embed("b")]
    for _ in asked:
        await stage.peer.next(Encode)
    stage.process.ended.set_result(-11)
    stage.peer.leave()
    for one in asked:
        with pytest.raises(HostLostError, match="SIGSEGV"):
            await asyncio.wait_for(one, 5)
    end = await asyncio.wait_for(asyncio.shield(stage.host.exited), 5)
    assert (end.reason, end.expected) == ("killed by SIGSEGV", False)
    with pytest.raises(HostLostError):
        await stage.host.embed(["c"], None)


async def test_a_host_that_talks_nonsense_is_killed(stage: Stage) -> None:
    asked = stage.embed("a")
    await stage.peer.next(Encode)
    stage.peer._link._writer.write(struct.pack("<II", 1, 0) + b"\xc1")
    with pytest.raises(HostLostError):
        await asyncio.wait_for(asked, 5)
    assert stage.process.ended.done()


async def test_a_bug_in_how_frames_are_handled_ends_the_host_and_everybody_hears_of_it(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(frame: frames.Frame) -> None:
        raise KeyError(frame)

    asked = stage.embed("a")
    call = await stage.peer.next(Encode)
    monkeypatch.setattr(stage.host, "_handle", broken)
    stage.peer.answer(call.call)
    with pytest.raises(HostLostError):
        await asyncio.wait_for(asked, 5)
    assert stage.process.ended.done()
    assert not stage.host.exited.result().expected


async def test_a_host_whose_end_cannot_be_explained_has_ended_all_the_same(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*arguments: object) -> str:
        raise OSError(str(arguments))

    monkeypatch.setattr("greenroom.engine.local_host.exit_reason", broken)
    stage.process.kill()
    end = await asyncio.wait_for(asyncio.shield(stage.host.exited), 5)
    assert "could not be seen" in end.reason


async def test_closing_asks_first_and_the_end_was_expected(stage: Stage) -> None:
    closing = asyncio.create_task(stage.host.close())
    await stage.peer.next(Stop)
    stage.process.ended.set_result(0)
    stage.peer.leave()
    await asyncio.wait_for(closing, 5)
    assert stage.host.exited.result().expected


async def test_a_host_that_does_not_stop_in_time_is_killed(stage: Stage) -> None:
    await asyncio.wait_for(stage.host.close(grace_seconds=0.01), 5)
    assert stage.process.ended.result() == -9


def test_pace_says_how_long_the_line_will_take_and_never_less_than_a_second() -> None:
    pace = Pace()
    pace.begin(100.0)
    assert pace.seconds_for(500, 100.0) == 1
    pace.answered = 100
    assert pace.seconds_for(500, 101.0) == 5
    assert pace.seconds_for(10**9, 101.0) == 60
