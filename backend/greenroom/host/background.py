"""Doing something long without taking anybody's cores.

Another host serves meanwhile, on the same machine. Linux has a scheduling class for this: a thread of SCHED_IDLE runs
when a core has nothing else to do, and gives way the moment somebody wants it. A process without privileges may enter
that class but not leave it, so the work gets a thread of its own, and its class ends with it. (Threads that it starts
inherit the class.)
"""

from __future__ import annotations

import contextlib
import os
import sys
import threading
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def in_background(work: Callable[[], T]) -> T:
    """The result of `work`, or what it raises."""
    results: list[T] = []
    errors: list[BaseException] = []

    def run() -> None:
        try:
            give_way()
            results.append(work())
        except BaseException as error:
            errors.append(error)

    thread = threading.Thread(target=run, name="background")
    thread.start()
    thread.join()
    if errors:
        raise errors[0]
    return results[0]


def give_way() -> None:
    """Let every other thread of the machine go first until this one ends. On Linux; elsewhere it does nothing."""
    if sys.platform == "linux":
        with contextlib.suppress(OSError):
            os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))  # 0: this thread alone
