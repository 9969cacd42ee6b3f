"""Work in the background gives way to others, and nothing of that stays behind."""

from __future__ import annotations

import os
import sys
import threading

import pytest

from greenroom.host.background import in_background

linux = pytest.mark.skipif(sys.platform != "linux", reason="a scheduling class of Linux")


def test_the_caller_gets_what_the_work_returns() -> None:
    assert in_background(lambda: 42) == 42


def test_the_caller_gets_what_the_work_raises() -> None:
    def work() -> None:
        raise KeyError("x")

    with pytest.raises(KeyError, match="x"):
        in_background(work)


@linux
def test_only_the_thread_of_the_work_and_its_own_threads_give_way() -> None:
    classes: list[int] = []

    def look() -> None:
        classes.append(os.sched_getscheduler(0))

    def work() -> None:
        look()
        thread = threading.Thread(target=look)
        thread.start()
        thread.join()

    before = os.sched_getscheduler(0)
    in_background(work)
    look()
    assert classes == [os.SCHED_IDLE, os.SCHED_IDLE, before]
    assert before != os.SCHED_IDLE
