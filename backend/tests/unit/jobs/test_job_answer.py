"""How a job stands, as its client reads it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from greenroom.jobs.answer import job_answer
from greenroom.jobs.seam import BadLine, Job, JobFault, JobState
from greenroom.protocol.jobs import MAX_BAD_LINES

NOW = 1_800_000_000.0
HALF_DONE = Job(
    id="1", model="sentiment", state=JobState.PROCESSING, total=200, done=50, attempts=0, priority=0,
    created_at=NOW - 40, started_at=NOW - 10, worked_seconds=10.0,
)  # fmt: skip


def answer(**changes: Any) -> dict[str, Any]:
    made: dict[str, Any] = job_answer(replace(HALF_DONE, **changes)).model_dump(mode="json")
    return made


def test_what_is_left_takes_as_long_for_each_as_what_is_done_took() -> None:
    assert answer()["estimated_seconds"] == 30
    assert answer(done=199)["estimated_seconds"] == 1


def test_an_estimate_does_not_hang_on_a_clock_that_may_be_set() -> None:
    for started_at in (NOW - 3610, NOW + 3600, None):
        assert answer(started_at=started_at)["estimated_seconds"] == 30


@pytest.mark.parametrize(
    "changes",
    [
        {"done": 0},
        {"worked_seconds": 0.0},
        {"state": JobState.CANCELLED},
        {"state": JobState.COMPLETED, "done": 200},
    ],
)
def test_an_estimate_that_nothing_supports_is_not_made(changes: dict[str, Any]) -> None:
    assert answer(**changes)["estimated_seconds"] is None


@given(st.integers(1, 10**6), st.integers(0, 10**6), st.sampled_from(JobState))
def test_all_hundred_percent_are_there_only_when_completed(total: int, done: int, state: JobState) -> None:
    progress = answer(total=total, done=min(done, total), state=state)["progress"]
    assert (progress == 100) == (state is JobState.COMPLETED)


def test_times_are_said_as_everywhere_else() -> None:
    told = answer(finished_at=NOW, retry_at=NOW)
    assert (told["finished_at"], told["retry_at"]) == ("2027-01-15T08:00:00.000Z",) * 2
    assert answer()["finished_at"] is None


def test_why_it_failed_is_said_and_nothing_else() -> None:
    assert answer(fault=JobFault("overloaded", "Too much."))["error"] == {"code": "overloaded", "message": "Too much."}
    assert answer()["error"] is None


def test_of_many_bad_lines_the_first_are_shown_and_all_counted() -> None:
    lines = tuple(BadLine(number, "empty") for number in range(1, MAX_BAD_LINES + 2))
    told = answer(bad_lines=lines, bad_line_count=5000)
    assert (len(told["bad_lines"]), told["bad_line_count"]) == (MAX_BAD_LINES, 5000)
    assert told["bad_lines"][0] == {"line": 1, "message": "empty"}
