"""Import progress: honest, shared, never falling, and remembered."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from greenroom.engine.import_progress import SHIPPED_MODULES, ImportCount, ImportProgress
from greenroom.engine.seam import Step

pytestmark = pytest.mark.anyio


async def follow(progress: ImportProgress) -> tuple[asyncio.Task[None], list[Step]]:
    """A follower that has begun, and what it is told."""
    steps: list[Step] = []
    task = asyncio.create_task(progress.follow(steps.append))
    await asyncio.sleep(0)
    return task, steps


async def test_everyone_who_follows_hears_every_step_and_latecomers_where_it_stands() -> None:
    progress = ImportProgress(ImportCount(None))
    first, early = await follow(progress)
    progress.advance(100, complete=False)
    second, late = await follow(progress)
    progress.advance(200, complete=True)
    await asyncio.wait_for(asyncio.gather(first, second), 5)
    assert [step.done for step in early] == [0, 100, SHIPPED_MODULES]
    assert [step.done for step in late] == [100, SHIPPED_MODULES]


async def test_done_stays_below_the_total_until_complete() -> None:
    progress = ImportProgress(ImportCount(None))
    task, steps = await follow(progress)
    progress.advance(SHIPPED_MODULES * 2, complete=False)
    assert steps[-1].done == SHIPPED_MODULES - 1
    progress.advance(SHIPPED_MODULES * 2 + 1, complete=True)
    await asyncio.wait_for(task, 5)
    assert steps[-1].done == steps[-1].total == SHIPPED_MODULES


async def test_following_a_complete_import_reports_nothing_and_returns_at_once() -> None:
    progress = ImportProgress(ImportCount(None))
    progress.advance(10, complete=True)
    task, steps = await follow(progress)
    await asyncio.wait_for(task, 5)
    assert steps == []


async def test_a_follower_who_leaves_is_forgotten() -> None:
    progress = ImportProgress(ImportCount(None))
    task, steps = await follow(progress)
    task.cancel()
    await asyncio.wait([task])
    progress.advance(5, complete=False)
    assert len(steps) == 1


async def test_no_followers_count_falls_when_a_new_zygote_begins_again() -> None:
    progress = ImportProgress(ImportCount(None))
    task, steps = await follow(progress)
    progress.advance(500, complete=False)
    progress.restart()
    progress.advance(20, complete=False)
    progress.advance(900, complete=True)
    await asyncio.wait_for(task, 5)
    done = [step.done for step in steps]
    assert done == sorted(done)


async def test_closing_lets_every_follower_go() -> None:
    progress = ImportProgress(ImportCount(None))
    task, _ = await follow(progress)
    progress.close()
    await asyncio.wait_for(task, 5)
    assert not progress.complete


async def test_the_count_of_a_complete_import_is_the_next_starts_total(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    ImportProgress(ImportCount(folder)).advance(1234, complete=True)
    assert ImportProgress(ImportCount(folder)).step == Step(
        ImportProgress(ImportCount(None)).step.stage, 0, 1234, "modules"
    )
    assert [file.name for file in folder.iterdir()] == ["runtime-import.json"]


@pytest.mark.parametrize("content", ["", "[]", '{"modules": "many"}', '{"modules": -1}', "\x00"])
async def test_a_damaged_note_costs_nothing_but_accuracy(tmp_path: Path, content: str) -> None:
    (tmp_path / "runtime-import.json").write_text(content)
    assert ImportCount(tmp_path).modules == SHIPPED_MODULES


async def test_a_data_folder_that_cannot_be_written_is_no_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    count = ImportCount(tmp_path / "file")
    count.remember(77)
    assert count.modules == 77
