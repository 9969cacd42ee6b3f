"""Whether a worker's process is gone."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import IO, Any

import pytest

from greenroom.jobs import lives
from greenroom.jobs.lives import ended, forget, hold, life

LIVE = """
import sys
from pathlib import Path
from greenroom.jobs.lives import life
with life(Path(sys.argv[1])) as name:
    print(name, flush=True)
    sys.stdin.read()
"""


def born(folder: Path) -> tuple[subprocess.Popen[str], str]:
    process = subprocess.Popen(
        [sys.executable, "-c", LIVE, str(folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    return process, process.stdout.readline().strip()


def test_a_worker_counts_as_gone_once_its_process_was_killed_and_not_while_it_is_only_stopped(tmp_path: Path) -> None:
    process, name = born(tmp_path)
    with process:
        assert ended(tmp_path) == []
        os.kill(process.pid, signal.SIGSTOP)
        assert ended(tmp_path) == []
        process.kill()
        process.wait()
        assert ended(tmp_path) == [name]
    forget(tmp_path, [name])
    assert ended(tmp_path) == []


def test_a_worker_that_holds_nothing_any_more_leaves_nothing_behind(tmp_path: Path) -> None:
    with life(tmp_path) as one, life(tmp_path) as other:
        assert one != other
        assert ended(tmp_path) == []
        forget(tmp_path, [one])
    assert ended(tmp_path) == [other], "its jobs may be held, and are to be found"


def test_a_worker_that_is_just_beginning_is_not_taken_for_dead(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[list[str]] = []

    def looked_at(file: IO[Any]) -> None:
        seen.append(ended(tmp_path))
        hold(file)

    monkeypatch.setattr(lives, "hold", looked_at)
    with life(tmp_path):
        assert seen == [[]]
