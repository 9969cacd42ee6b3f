"""Inputs read along with their results."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from greenroom.errors import JobInputsGoneError
from greenroom.jobs.reading import beside
from greenroom.jobs.seam import Chunk

pytestmark = pytest.mark.anyio
TEXTS = tuple(f"text {number}" for number in range(5))


async def chunks(*starts_and_ends: tuple[int, int]) -> AsyncIterator[Chunk]:
    for start, end in starts_and_ends:
        yield Chunk(start, tuple({} for _ in range(start, end)), "1")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "a.jsonl"
    path.write_text("".join(json.dumps(text) + "\n" for text in TEXTS))
    return path


@pytest.mark.parametrize("spans", [((0, 2), (2, 5)), ((0, 1), (3, 4)), ((2, 3),)])
async def test_each_result_stands_beside_its_own_input(file: Path, spans: tuple[tuple[int, int], ...]) -> None:
    wanted = [TEXTS[start:end] for start, end in spans]
    assert [inputs async for _, inputs in beside(chunks(*spans), TEXTS, None)] == wanted
    assert [tuple(inputs) async for _, inputs in beside(chunks(*spans), (), file)] == wanted


@pytest.fixture
def half_a_file(file: Path) -> Path:
    file.write_text(f"{json.dumps(TEXTS[0])}\nno JSON\n")
    return file


async def test_a_file_is_read_no_further_than_results_are_taken(half_a_file: Path) -> None:
    answered = beside(chunks((0, 1), (1, 2)), (), half_a_file)
    assert (await anext(answered))[1] == [TEXTS[0]]


async def test_a_file_that_is_gone_or_too_short_is_told(file: Path, tmp_path: Path) -> None:
    with pytest.raises(JobInputsGoneError, match="gone"):
        await anext(beside(chunks((0, 1)), (), tmp_path / "none.jsonl"))
    with pytest.raises(JobInputsGoneError, match="shorter"):
        await anext(beside(chunks((5, 6)), (), file))
