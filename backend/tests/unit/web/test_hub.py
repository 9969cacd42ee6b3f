"""The hub with lines that take, or do not take, what they are given."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest

from greenroom.protocol.outgoing import Outgoing
from greenroom.protocol.socket import Event, EventName
from greenroom.serving.greenroom import Greenroom
from greenroom.settings import load_settings
from greenroom.testing import ScriptedEngine, StandingClock
from greenroom.web.hub import HEARTBEAT_SECONDS, MAX_EVENTS, Hub
from greenroom.words import ModelSpec, OverloadedError

pytestmark = pytest.mark.anyio

SCOPE = ("minilm",)


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


class HeldLine:
    """A `Line` that is free, or not, as the test says."""

    def __init__(self) -> None:
        self.free = True
        self.on_free: Callable[[], None] | None = None
        self.taken: list[dict[str, Any]] = []
        self.aborted = False

    def write(self, messages: Iterable[Outgoing]) -> None:
        assert self.free
        self.taken += [json.loads(message.data) for message in messages]

    def abort(self) -> None:
        self.aborted = True

    def become_free(self) -> None:
        self.free = True
        assert self.on_free is not None
        self.on_free()

    def kinds(self) -> list[str]:
        return [message["type"] for message in self.taken]


class Stage:
    def __init__(self, folder: Path, **settings: Any) -> None:
        self.time = 1000.0
        spec = ModelSpec(name="minilm", source=f"path:{folder}")
        clock = StandingClock()
        self.greenroom = Greenroom(load_settings(data=folder, **settings), (spec,), ScriptedEngine(clock), clock)
        self.hub = Hub(self.greenroom, lambda: self.time)

    async def publish(self) -> None:
        self.greenroom.board.touch()
        await self.hub.go_round()


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return Stage(tmp_path)


async def test_a_client_is_greeted_and_gets_the_snapshot_before_anything_happens(stage: Stage) -> None:
    line = HeldLine()
    with stage.hub.joined(line, SCOPE):
        assert line.kinds() == ["hello", "initialization"]


async def test_nothing_is_sent_twice(stage: Stage) -> None:
    line = HeldLine()
    with stage.hub.joined(line, SCOPE):
        await stage.hub.go_round()
        assert line.kinds() == ["hello", "initialization"]
        await stage.publish()
    assert [message["seq"] for message in line.taken[1:]] == [1, 2]


async def test_a_line_that_is_not_free_is_passed_over_and_then_gets_the_newest_only(stage: Stage) -> None:
    slow, quick = HeldLine(), HeldLine()
    with stage.hub.joined(slow, SCOPE), stage.hub.joined(quick, SCOPE):
        slow.free = False
        for _ in range(5):
            await stage.publish()
        slow.become_free()
    assert [message["seq"] for message in quick.taken[1:]] == [1, 2, 3, 4, 5, 6]
    assert [message["seq"] for message in slow.taken[1:]] == [1, 6]


async def test_an_event_waits_for_a_line_and_comes_after_the_snapshot_that_shows_it(stage: Stage) -> None:
    line = HeldLine()
    async with stage.hub.running():
        with stage.hub.joined(line, SCOPE):
            line.free = False
            stage.greenroom.board.announce(
                lambda seq: Event(name=EventName.FAILED, model="minilm", version=None, seq=seq)
            )
            line.become_free()
    snapshot, event = line.taken[-2:]
    assert (snapshot["type"], event["type"]) == ("initialization", "event")
    assert snapshot["seq"] == event["seq"]


async def test_events_are_kept_in_a_bounded_number(stage: Stage) -> None:
    line = HeldLine()
    async with stage.hub.running():
        with stage.hub.joined(line, SCOPE):
            line.free = False
            for _ in range(3 * MAX_EVENTS):
                stage.greenroom.board.announce(
                    lambda seq: Event(name=EventName.RECOVERED, model="minilm", version=None, seq=seq)
                )
            line.become_free()
    assert line.kinds().count("event") == MAX_EVENTS


async def test_a_line_that_breaks_is_given_up_and_everybody_else_gets_the_news(stage: Stage) -> None:
    class BrokenLine(HeldLine):
        broken = False

        def write(self, messages: Iterable[Outgoing]) -> None:
            if self.broken:
                raise KeyError("a bug")
            super().write(messages)

    broken, sound = BrokenLine(), HeldLine()
    with stage.hub.joined(broken, SCOPE), stage.hub.joined(sound, SCOPE):
        broken.broken = True
        await stage.publish()
    assert broken.aborted
    assert [message["seq"] for message in sound.taken[1:]] == [1, 2]


async def test_silence_is_broken_by_a_ping(stage: Stage) -> None:
    line = HeldLine()
    with stage.hub.joined(line, SCOPE):
        stage.time += HEARTBEAT_SECONDS - 0.1
        await stage.hub.go_round()
        assert line.kinds()[-1] == "initialization"
        stage.time += 0.1
        await stage.hub.go_round()
        assert line.kinds()[-1] == "ping"


async def test_a_line_is_given_up_when_it_was_not_free_for_too_long(tmp_path: Path) -> None:
    stage, line = Stage(tmp_path, slow_reader_seconds=4), HeldLine()
    with stage.hub.joined(line, SCOPE):
        line.free = False
        await stage.hub.go_round()
        stage.time += 3.9
        await stage.hub.go_round()
        assert not line.aborted
        stage.time += 0.1
        await stage.hub.go_round()
        assert line.aborted


async def test_a_line_that_was_free_in_between_is_not_given_up(tmp_path: Path) -> None:
    stage, line = Stage(tmp_path, slow_reader_seconds=4), HeldLine()
    with stage.hub.joined(line, SCOPE):
        for _ in range(5):
            line.free = False
            await stage.publish()
            stage.time += 3
            line.become_free()
        assert not line.aborted


async def test_a_drain_spreads_the_reconnects_and_gives_up_lines_that_are_not_free(stage: Stage) -> None:
    lines = [HeldLine() for _ in range(20)]
    stuck = HeldLine()
    with contextlib.ExitStack() as stack:
        for line in (stuck, *lines):
            stack.enter_context(stage.hub.joined(line, SCOPE))
        stuck.free = False
        await stage.hub.drain(5)
    delays = [line.taken[-1]["reconnect_in_ms"] for line in lines]
    assert len(set(delays)) > 10
    assert all(500 <= delay <= 1000 for delay in delays)
    assert stuck.aborted


async def test_who_speaks_on_a_line_of_his_own_is_counted_and_says_goodbye_with_all_others(stage: Stage) -> None:
    quick, stuck = HeldLine(), HeldLine()
    with stage.hub.visited(quick), stage.hub.visited(stuck):
        assert len(stage.hub) == 2
        await stage.publish()
        assert quick.taken == [], "what is said there is not the hub's business"
        stuck.free = False
        await stage.hub.drain(5)
    assert quick.kinds() == ["draining"]
    assert stuck.aborted
    assert len(stage.hub) == 0


async def test_a_seat_is_free_again_when_it_was_left(tmp_path: Path) -> None:
    hub = Stage(tmp_path, max_connections=3, max_connections_per_address=2).hub
    with hub.seat("a"), hub.seat("a"):
        with pytest.raises(OverloadedError), hub.seat("a"):
            pass
        with hub.seat("b"), pytest.raises(OverloadedError), hub.seat("c"):
            pass
    with hub.seat("a"), hub.seat("a"):
        pass
