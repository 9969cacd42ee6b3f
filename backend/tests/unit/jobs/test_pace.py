"""How large chunks become."""

from __future__ import annotations

import pytest

from greenroom.jobs import pace
from greenroom.jobs.pace import CHUNK_SECONDS, CHUNKS_AHEAD, MAX_CHUNK_INPUTS, Pace


def worked(inputs_a_second: float, chunks: int = 20, own: Pace | None = None) -> Pace:
    """A model that is so quick, after so many chunks of one job, of which it always has CHUNKS_AHEAD."""
    found = own or Pace()
    for _ in range(chunks):
        there = CHUNKS_AHEAD * found.chunk_inputs
        found.took(there / inputs_a_second, there)
    return found


@pytest.fixture
def small_first_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pace, "FIRST_CHUNK_INPUTS", 16)


@pytest.mark.usefixtures("small_first_chunks")
def test_the_first_chunks_are_small_and_those_of_a_quick_model_soon_large() -> None:
    assert Pace().chunk_inputs == 16
    assert worked(1000, chunks=6).chunk_inputs == MAX_CHUNK_INPUTS


@pytest.mark.parametrize("rate", [1, 4, 20, 100])
def test_a_chunk_is_as_large_as_is_done_in_its_time(rate: float) -> None:
    inputs = worked(rate).chunk_inputs
    assert CHUNK_SECONDS * 0.5 <= CHUNKS_AHEAD * inputs / rate <= max(CHUNK_SECONDS * 1.3, CHUNKS_AHEAD / rate)


def test_a_model_that_takes_for_ever_gets_one_input_at_a_time_and_recovers() -> None:
    own = Pace()
    own.took(600, CHUNKS_AHEAD * own.chunk_inputs)
    own.took(600, CHUNKS_AHEAD * own.chunk_inputs)
    assert own.chunk_inputs == 1
    assert worked(1000, own=own).chunk_inputs == MAX_CHUNK_INPUTS


def test_a_clock_that_stands_still_makes_no_chunk_larger_than_the_largest() -> None:
    own = Pace()
    for _ in range(100):
        own.took(0.0, 1)
    assert own.chunk_inputs == MAX_CHUNK_INPUTS
