"""Who goes to the model next."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine

import pytest

from greenroom.jobs.places import InputPlaces, TurnedAwayError

pytestmark = pytest.mark.anyio


class Line:
    """Jobs that want places, and those that got them, in that order."""

    def __init__(self, places: int) -> None:
        self._places = InputPlaces(places)
        self.let_in: list[str] = []
        self._leave: dict[str, asyncio.Event] = {}

    async def join(self, name: str, inputs: int, priority: int = 0) -> asyncio.Task[None]:
        self._leave[name] = asyncio.Event()
        task = asyncio.create_task(self._stay(name, inputs, priority))
        await self.settle()
        return task

    async def leave(self, name: str) -> None:
        self._leave[name].set()
        await self.settle()

    async def settle(self) -> None:
        for _ in range(5):
            await asyncio.sleep(0)

    async def _stay(self, name: str, inputs: int, priority: int) -> None:
        async with self._places.taken(inputs, priority):
            self.let_in.append(name)
            await self._leave[name].wait()


async def test_as_many_go_in_as_there_are_places() -> None:
    line = Line(10)
    for name in "abc":
        await line.join(name, 5)
    assert line.let_in == ["a", "b"]
    await line.leave("a")
    assert line.let_in == ["a", "b", "c"]


async def test_higher_priority_goes_first_and_among_equals_who_came_first() -> None:
    line = Line(1)
    await line.join("inside", 1)
    for name, priority in (("old", 0), ("urgent", 5), ("new", 0)):
        await line.join(name, 1, priority)
    for name in ("inside", "urgent", "old"):
        await line.leave(name)
    assert line.let_in == ["inside", "urgent", "old", "new"]


async def test_a_large_one_is_not_passed_by_small_ones_for_ever() -> None:
    line = Line(10)
    await line.join("inside", 5)
    await line.join("large", 10)
    await line.join("small", 1)
    assert line.let_in == ["inside"]
    await line.leave("inside")
    assert line.let_in == ["inside", "large"]


async def test_a_slow_model_gets_no_more_than_it_does_soon_so_that_who_is_urgent_is_next() -> None:
    line = Line(100)
    line._places.pace.took(600, 10)
    line._places.pace.took(600, 10)
    await line.join("inside", 3)
    await line.join("waits", 3)
    await line.join("urgent", 1, priority=1)
    assert line.let_in == ["inside", "urgent"]
    await line.leave("inside")
    await line.leave("urgent")
    assert line.let_in == ["inside", "urgent", "waits"]


async def test_one_that_leaves_the_line_holds_up_nobody() -> None:
    line = Line(10)
    await line.join("inside", 5)
    large = await line.join("large", 10)
    await line.join("small", 5)
    large.cancel()
    await line.settle()
    assert line.let_in == ["inside", "small"]


async def test_who_is_turned_away_leaves_the_line_and_who_is_in_stays() -> None:
    places, owner, leave, passed = InputPlaces(10), object(), asyncio.Event(), list[str]()

    async def stay(name: str, inputs: int, owner: object) -> None:
        async with places.taken(inputs, 0, owner):
            passed.append(name)
            await leave.wait()

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(stay("in", 5, owner))
        await asyncio.sleep(0)
        large = tasks.create_task(turned_away(stay("large", 10, owner)))
        await asyncio.sleep(0)
        tasks.create_task(stay("another's", 5, object()))
        await asyncio.sleep(0)
        places.turn_away(owner)
        await large
        leave.set()
    assert passed == ["in", "another's"]
    async with places.taken(10, 0):
        """All have left."""


async def turned_away(staying: Coroutine[None, None, None]) -> None:
    with pytest.raises(TurnedAwayError):
        await staying


async def test_one_that_is_let_in_and_leaves_at_the_same_moment_passes_its_place_on() -> None:
    line = Line(1)
    await line.join("inside", 1)
    next_ = await line.join("next", 1)
    await line.join("last", 1)
    line._leave["inside"].set()
    await asyncio.sleep(0)  # it has left, and its place is given to the next one, which has not woken
    next_.cancel()
    await line.settle()
    assert line.let_in == ["inside", "last"]
