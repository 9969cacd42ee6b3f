"""Several processes on one data folder: what one decides of versions, none undoes with what it remembers."""

from __future__ import annotations

import asyncio
import fcntl
from pathlib import Path

import pytest

from greenroom.serving import ledger as ledger_module
from greenroom.serving.change import Result
from greenroom.serving.ledger import Ledger
from greenroom.words import ModelSpec
from greenroom.work import follow_servers, try_failed_again
from tests.unit.serving.following import follower, serving_one
from tests.unit.serving.house import House

pytestmark = pytest.mark.anyio

MINE, OTHER = ModelSpec("mine", "mlflow:models:/mine@live"), ModelSpec("other", "mlflow:models:/other@live")


async def decided(ledger: Ledger, spec: ModelSpec, version: str) -> None:
    ledger.entry(spec).active = version
    await ledger.save()


async def test_an_entry_is_written_by_who_changed_it_alone(tmp_path: Path) -> None:
    server, worker = Ledger(tmp_path), Ledger(tmp_path)
    for each in (server, worker):
        each.entry(MINE)
        each.entry(OTHER)
    await decided(server, MINE, "2")
    await decided(worker, OTHER, "7")
    read = Ledger(tmp_path)
    assert (read.entry(MINE).active, read.entry(OTHER).active) == ("2", "7")


async def test_what_was_decided_here_last_stands_until_it_is_read_anew(tmp_path: Path) -> None:
    server, worker = Ledger(tmp_path), Ledger(tmp_path)
    worker.entry(MINE)
    await decided(server, MINE, "2")
    assert worker.entry(MINE).active is None
    assert worker.refresh(MINE).active == "2"
    await decided(worker, MINE, "3")
    assert server.refresh(MINE).active == "3"


async def test_a_decision_that_is_not_written_yet_is_not_lost_to_an_older_one(tmp_path: Path) -> None:
    server, worker = Ledger(tmp_path), Ledger(tmp_path)
    await decided(server, MINE, "2")
    worker.entry(MINE).active = "3"
    assert worker.refresh(MINE).active == "3"


async def test_an_entry_of_another_source_says_nothing(tmp_path: Path) -> None:
    await decided(Ledger(tmp_path), MINE, "2")
    moved = ModelSpec(MINE.name, "mlflow:models:/elsewhere@live")
    assert Ledger(tmp_path).refresh(moved).active is None


async def test_a_process_that_stands_still_while_it_writes_stops_nobody_for_long(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ledger_module, "LOCK_SECONDS", 0.1)
    with (tmp_path / ledger_module.LOCK_NAME).open("a") as held:
        fcntl.flock(held.fileno(), fcntl.LOCK_EX)
        async with asyncio.timeout(10):
            await decided(Ledger(tmp_path), MINE, "2")
    assert Ledger(tmp_path).entry(MINE).active == "2"


async def test_a_rollback_at_the_server_holds_in_a_worker_and_outlives_what_that_remembers(
    tmp_path: Path,
) -> None:
    server = follower(tmp_path)
    async with serving_one(server):
        server.fetcher.publish("minilm", "2")
        await server.greenroom.reload("minilm")
        worker: House = server.successor()
        async with worker.ready():
            assert worker.serving == "2"
            await server.greenroom.rollback("minilm")
            await follow_servers(worker.greenroom, worker.keeper)
            await worker.keeper.settled()
            assert worker.serving == "1"
            await worker.look()
            assert worker.serving == "1", "its own look at the source knows of the pin"
    read = Ledger(tmp_path / "data").entry(worker.keeper.spec)
    assert (read.active_id, read.pinned_against is not None) == ("1", True)


async def test_a_worker_follows_its_source_as_a_server_does_and_nothing_calls_it_back(tmp_path: Path) -> None:
    server = follower(tmp_path)
    async with serving_one(server):
        worker: House = server.successor()
        async with worker.ready():
            server.fetcher.publish("minilm", "2")
            await worker.look()
            await follow_servers(worker.greenroom, worker.keeper)
            assert worker.serving == "2"
            await server.look()
            assert (server.serving, (await server.greenroom.reload("minilm")).result) == ("2", Result.UNCHANGED)


async def test_a_model_that_has_failed_for_good_is_tried_again_after_a_minute(tmp_path: Path) -> None:
    worker, seen = follower(tmp_path), dict[str, float]()
    async with worker.open():
        worker.model.fail(message="A file is missing.")
        await worker.until_failed()
        for now in (100.0, 159.0):
            try_failed_again(worker.greenroom, seen, now)
            assert worker.keeper.failed
        worker.model.auto(0.0)
        try_failed_again(worker.greenroom, seen, 160.0)
        await worker.keeper.settled()
        assert worker.serving == "1"
        try_failed_again(worker.greenroom, seen, 300.0)
        assert seen == {}
