"""The gate between calls that go together and texts that go alone."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from greenroom.serving.turns import Turns

pytestmark = pytest.mark.anyio


class Visitor:
    """Goes in, stays until told to leave."""

    def __init__(self, turns: Turns, alone: bool) -> None:
        self.alone = alone
        self.inside = False
        self.over = asyncio.Event()
        self._turns = turns
        self.task = asyncio.create_task(self._visit())

    async def _visit(self) -> None:
        if self.alone:
            await self._turns.alone()
        else:
            await self._turns.together(1)
        self.inside = True
        try:
            await self.over.wait()
        finally:
            self.inside = False
            self._turns.leave()


async def settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


@contextlib.asynccontextmanager
async def line(turns: Turns, kinds: str) -> AsyncIterator[list[Visitor]]:
    """Visitors in order of arrival: t together, a alone."""
    visitors = [Visitor(turns, kind == "a") for kind in kinds]
    await settle()
    try:
        yield visitors
    finally:
        for visitor in visitors:
            visitor.task.cancel()
        await asyncio.gather(*(visitor.task for visitor in visitors), return_exceptions=True)
        assert turns.free
        assert turns.waiting_texts == 0


def inside(visitors: list[Visitor]) -> list[int]:
    return [place for place, visitor in enumerate(visitors) if visitor.inside]


async def leave(*visitors: Visitor) -> None:
    for visitor in visitors:
        visitor.over.set()
    await settle()


async def test_any_number_go_together() -> None:
    async with line(Turns(), "ttt") as visitors:
        assert inside(visitors) == [0, 1, 2]


async def test_one_goes_alone_when_all_before_it_have_left_and_nobody_passes_it() -> None:
    async with line(Turns(), "ttatt") as visitors:
        assert inside(visitors) == [0, 1]
        await leave(visitors[0])
        assert inside(visitors) == [1]
        await leave(visitors[1])
        assert inside(visitors) == [2]
        await leave(visitors[2])
        assert inside(visitors) == [3, 4]


async def test_lone_ones_follow_one_another() -> None:
    async with line(Turns(), "aaat") as visitors:
        for place in range(3):
            assert inside(visitors) == [place]
            await leave(visitors[place])
        assert inside(visitors) == [3]


async def test_who_leaves_the_line_frees_those_behind() -> None:
    async with line(Turns(), "tat") as visitors:
        assert inside(visitors) == [0]
        visitors[1].task.cancel()
        await settle()
        assert inside(visitors) == [0, 2]


@pytest.mark.parametrize("kinds", ["aa", "at", "ta"])
async def test_who_is_let_in_and_leaves_in_the_same_moment_passes_the_place_on(kinds: str) -> None:
    turns = Turns()
    async with line(turns, kinds + "a") as visitors:
        visitors[0].over.set()
        await asyncio.sleep(0)  # it leaves, and the next one is let in, but has not run yet
        visitors[1].task.cancel()
        await settle()
        assert inside(visitors) == [2]


async def test_the_texts_in_line_are_counted() -> None:
    turns = Turns()
    async with line(turns, "atta"):
        assert turns.waiting_texts == 3
        assert not turns.free


@given(st.lists(st.tuples(st.sampled_from("ta"), st.integers(0, 30), st.booleans()), min_size=1, max_size=30))
def test_nobody_is_ever_inside_with_a_lone_one_and_everybody_gets_a_turn(
    plays: list[tuple[str, int, bool]],
) -> None:
    """Each play adds a visitor and makes one who is there leave or give up."""

    async def play() -> None:
        turns, visitors = Turns(), list[Visitor]()
        for kind, place, gives_up in plays:
            visitors.append(Visitor(turns, kind == "a"))
            visitor = visitors[place % len(visitors)]
            visitor.over.set()
            if gives_up:
                visitor.task.cancel()
            await asyncio.sleep(0)
            present = [visitor for visitor in visitors if visitor.inside]
            assert len(present) <= 1 or not any(visitor.alone for visitor in present)
        for visitor in visitors:
            visitor.over.set()
        async with asyncio.timeout(5):
            await asyncio.gather(*(visitor.task for visitor in visitors), return_exceptions=True)
        assert turns.free

    asyncio.run(play())
