"""What goes on beside a measurement, and ends with it."""

from __future__ import annotations

import contextlib
import threading

import pytest

from bench.meanwhile import meanwhile

DEADLINE = 10.0


@pytest.mark.parametrize("error", [None, KeyError()])
def test_each_work_goes_on_until_the_block_is_left_and_is_waited_for(error: Exception | None) -> None:
    together = threading.Barrier(3, timeout=DEADLINE)
    ended: list[str] = []

    def work(name: str, stop: threading.Event) -> None:
        together.wait()
        assert stop.wait(DEADLINE)
        ended.append(name)

    with contextlib.suppress(KeyError), meanwhile(lambda stop: work("a", stop), lambda stop: work("b", stop)):
        together.wait()
        assert ended == []
        if error is not None:
            raise error
    assert sorted(ended) == ["a", "b"]
