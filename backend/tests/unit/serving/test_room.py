"""How many models are in memory, and which one leaves: on the scripted engine."""

from __future__ import annotations

import asyncio
import random
from pathlib import Path

import pytest

from greenroom.protocol.snapshot import Phase, Status
from greenroom.serving.room import Room, available_bytes, needed_bytes
from greenroom.words import ErrorCode, NotEnoughMemoryError, NotReadyError
from tests.unit.serving.several import NAMES, Several

pytestmark = pytest.mark.anyio
MIB = 1 << 20


@pytest.fixture
def several(tmp_path: Path) -> Several:
    return Several(tmp_path)


async def test_a_model_that_is_not_required_loads_when_it_is_first_asked_for(several: Several) -> None:
    async with several.open():
        assert several.greenroom.is_ready()
        assert several.resident == {"a"}
        with pytest.raises(NotReadyError):
            await several.greenroom.embed("b", ["text"])
        assert await several.greenroom.wait_until_ready("b", timeout=10)
        assert several.resident == {"a", "b"}
        assert several.engine.model("c").loads == 0


async def test_a_server_whose_models_rest_has_nothing_under_way(several: Several) -> None:
    async with several.open():
        assert not several.greenroom.board.readiness.moving(0.0)
        state = several.greenroom.board.posted(("a",)).state
        assert (state.status, state.ready) == (Status.READY, True)
        assert several.greenroom.board.posted(("b",)).state.phase is Phase.QUEUED


async def test_the_least_recently_used_model_leaves_after_the_new_one_is_ready(several: Several) -> None:
    async with several.open():
        await several.use("b")
        await several.use("c")
        await several.until(lambda: several.resident == {"a", "c"})
        await several.use("b")
        await several.until(lambda: several.resident == {"a", "b"})
        assert several.greenroom.metrics.evictions == {"b": 1, "c": 1}


async def test_a_required_model_never_leaves(several: Several) -> None:
    async with several.open():
        for name in NAMES[1:]:
            await several.use(name)
        await several.until(lambda: len(several.resident) == 2)
        assert "a" in several.resident


async def test_a_busy_model_stays_and_leaves_when_it_is_done(several: Several) -> None:
    async with several.open():
        await several.use("b")
        several.engine.model("b").hold_calls()
        held = asyncio.create_task(several.greenroom.embed("b", ["text"]))
        await several.until(lambda: several.engine.model("b").held_calls == 1)
        await several.use("c")  # idle the moment it is answered, so it is the one that leaves
        await several.until(lambda: several.resident == {"a", "b"})
        several.engine.model("b").release_calls()
        assert (await held).version == "1"


async def test_a_load_that_fails_has_cost_nobody_his_place(several: Several) -> None:
    async with several.open():
        await several.use("b")
        several.engine.model("c").auto_off()
        several.engine.model("c").fail(message="broken")
        several.greenroom.want(("c",))
        await several.until(lambda: several.greenroom.keepers["c"].failed)
        assert several.resident == {"a", "b"}


async def test_many_who_ask_at_random_are_all_answered(several: Several) -> None:
    chance = random.Random(7)
    async with several.open():
        await asyncio.gather(*(several.use(chance.choice(NAMES)) for _ in range(300)))
        await several.until(lambda: len(several.resident) <= 2)


async def test_a_load_that_does_not_fit_is_refused_with_the_numbers(tmp_path: Path) -> None:
    several = Several(tmp_path, model_cache_bytes=200 * MIB)
    several.engine.model("a").memory_bytes = 150 * MIB
    async with several.open():
        several.greenroom.want(("b",))
        await several.until(lambda: several.greenroom.board.posted(("b",)).state.models[0].error is not None)
        error = several.greenroom.board.posted(("b",)).state.models[0].error
        assert error is not None
        assert error.code is ErrorCode.NOT_ENOUGH_MEMORY
        assert "160 MiB" in error.message
        assert "50 MiB" in error.message


async def test_room_is_made_by_idle_models_before_a_load_that_would_not_fit(tmp_path: Path) -> None:
    several = Several(tmp_path, model_cache_bytes=400 * MIB, model_cache_size=5)
    several.engine.model("b").memory_bytes = 200 * MIB
    async with several.open():
        await several.use("b")
        await several.use("c")
        await several.until(lambda: several.resident == {"a", "c"})


async def test_two_loads_do_not_count_on_the_same_memory(tmp_path: Path) -> None:
    several = Several(tmp_path, model_cache_bytes=300 * MIB)
    async with several.open():
        for name in ("b", "c"):
            several.engine.model(name).auto_off()
        several.greenroom.want(("b", "c"))
        await several.engine.model("b").loading()
        await asyncio.sleep(0.05)
        assert several.engine.model("c").loads == 0
        several.engine.model("b").fail(message="broken")
        await several.engine.model("c").loading()


async def test_a_model_does_not_leave_while_its_next_version_loads(several: Several) -> None:
    async with several.open():
        await several.use("b")
        several.engine.model("b").auto_off()
        several.fetcher.publish("b", "2")
        reload = asyncio.create_task(several.greenroom.reload("b"))
        await several.engine.model("b").loading()
        await several.use("c")
        await several.use("d")
        assert "b" in several.resident
        several.engine.model("b").become_ready()
        assert (await reload).version == "2"


async def test_a_full_machine_is_told_from_an_unknown_one() -> None:
    full = Room(5, 0, free_bytes=lambda: 10 * MIB)
    with pytest.raises(NotEnoughMemoryError, match="needs about 20 MiB, and 10 MiB are left"):
        await full.make("a", 20 * MIB)
    await Room(5, 0, free_bytes=lambda: None).make("a", 20 * MIB)


def test_what_this_machine_has_left_is_known_or_said_to_be_unknown() -> None:
    left = available_bytes()
    assert left is None or left > 0


async def test_what_was_seen_is_believed_over_what_is_guessed(several: Several) -> None:
    version = await several.fetcher.fetch(several.greenroom.specs[0], "a/1", lambda *_: None)
    assert needed_bytes(version, 5 * MIB) == 5 * MIB
    assert needed_bytes(version, None) > 100 * MIB
