from __future__ import annotations

import threading

import pytest

from greenroom.sources.job import Job, StoppedError
from greenroom.testing import StandingClock


class Heard(list[tuple[str, int, int]]):
    def __call__(self, stage: str, done: int, total: int) -> None:
        self.append((stage, done, total))


def test_at_most_ten_events_a_second_and_the_last_word_of_each_stage() -> None:
    clock, heard = StandingClock(), Heard()
    job = Job(heard, monotonic=clock.monotonic)
    for done in range(101):
        job.tell("resolve", done, 100)
    job.tell("download", 0, 50)
    job.tell("download", 50, 50)
    job.flush()
    assert heard == [("resolve", 0, 100), ("resolve", 100, 100), ("download", 50, 50)]


def test_a_total_of_several_pieces_never_falls() -> None:
    heard = Heard()
    ticks = iter(range(100))
    job = Job(heard, monotonic=lambda: float(next(ticks)))
    for done, total in ((0, 10), (8, 10), (2, 10), (10, 10)):
        job.tell("download", done, total)
    job.next_piece()
    job.tell("download", 0, 5)
    job.tell("download", 5, 5)
    assert [event[1:] for event in heard] == [(0, 10), (8, 10), (8, 10), (10, 10), (10, 15), (15, 15)]


def test_a_stopped_request_is_told_so_at_its_next_word_and_in_its_breaks() -> None:
    stopped, other = threading.Event(), threading.Event()
    job = Job(Heard(), stopped)
    helper = job.unless(other)
    other.set()
    job.check()
    with pytest.raises(StoppedError):
        helper.pause(60)
    stopped.set()
    with pytest.raises(StoppedError):
        job.pause(60)
    with pytest.raises(StoppedError):
        job.tell("resolve", 0, 1)
