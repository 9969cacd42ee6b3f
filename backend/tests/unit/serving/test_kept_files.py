"""What a server keeps in its data folder is there after a crash: the old content or the new one."""

from __future__ import annotations

import asyncio
import errno
import os
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path

import pytest

from greenroom.readiness.history import LoadRecord
from greenroom.serving.ledger import Ledger
from greenroom.serving.memory import LoadMemory
from greenroom.settings import load_settings
from greenroom.store.store import Store
from greenroom.words import ModelSpec

Keep = Callable[[Path], Awaitable[None]]
RECORD = LoadRecord("0" * 64, {}, 1.0)


def keep_ledger(folder: Path) -> Awaitable[None]:
    ledger = Ledger(folder)
    ledger.entry(ModelSpec("mine", "path:x")).active = "1"
    return ledger.save()


async def keep_verdicts(folder: Path) -> None:
    await LoadMemory(folder, Store(load_settings(data=folder))).remember(RECORD, {"bfloat16": True})


@pytest.fixture(params=[keep_ledger, keep_verdicts])
def keep(request: pytest.FixtureRequest) -> Keep:
    made: Keep = request.param
    return made


def test_the_content_is_on_the_disk_before_it_takes_its_place(
    keep: Keep, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[str] = []
    sync, replace = os.fsync, os.replace

    def synced(descriptor: int) -> None:
        sync(descriptor)
        done.append("synced")

    def replaced(source: Path, target: Path) -> None:
        replace(source, target)
        done.append("replaced")

    monkeypatch.setattr(os, "fsync", synced)
    monkeypatch.setattr(os, "replace", replaced)
    asyncio.run(_awaited(keep(tmp_path)))
    assert done == ["synced", "replaced", "synced"]  # the content, its name, and the folder that has the name


def test_a_full_disk_leaves_the_old_file_and_nothing_beside_it(
    keep: Keep, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asyncio.run(_awaited(keep(tmp_path)))
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}

    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with suppress(OSError):  # one tells, the other logs
        asyncio.run(_awaited(keep(tmp_path)))
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


async def _awaited(kept: Awaitable[None]) -> None:
    await kept
