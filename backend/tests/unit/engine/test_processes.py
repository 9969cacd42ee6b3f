"""How a process ended, in words for people."""

from __future__ import annotations

import os

import pytest

from greenroom.engine.processes import describe_exit, private_bytes, resident_bytes


@pytest.mark.parametrize(
    ("code", "asked", "words"),
    [
        (0, True, "exited with status 0"),
        (3, False, "exited with status 3"),
        (-11, False, "killed by SIGSEGV"),
        (-9, False, "killed by SIGKILL (out of memory?)"),
        (-9, True, "killed by SIGKILL"),
        (-250, False, "killed by signal 250"),
        (None, False, "ended, and how could not be seen"),
    ],
)
def test_an_end_is_told_in_words(code: int | None, asked: bool, words: str) -> None:
    assert describe_exit(code, asked) == words


def test_memory_of_a_process_that_is_gone_is_unknown() -> None:
    assert resident_bytes(2**22 + 1) is None
    assert private_bytes(2**22 + 1) is None


@pytest.mark.skipif(not os.path.exists("/proc/self/statm"), reason="no procfs here")
def test_memory_of_a_living_process_is_told_in_bytes() -> None:
    own = resident_bytes(os.getpid())
    assert own is not None
    assert own > 1_000_000
    alone = private_bytes(os.getpid())
    assert alone is not None
    assert 1_000_000 < alone < own
