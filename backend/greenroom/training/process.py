"""Runs one training in a process of its own (`greenroom.host.train`) and passes on what it says."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable

from greenroom import lesson as words
from greenroom.child import python_command
from greenroom.frames import LoadFailed, StageStep
from greenroom.lesson import Learnt, Lesson
from greenroom.words import GreenroomError

END_SECONDS = 10.0


class TrainingError(GreenroomError):
    """The training came to nothing; `str()` says why."""


def learn(lesson: Lesson, step: Callable[[StageStep], None]) -> Learnt:
    """Blocks until the version is written; leaves no process behind, whatever is raised. Raises TrainingError."""
    process = subprocess.Popen(  # noqa: S603 - our own module
        python_command("greenroom.host.train", str(os.getpid())), stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    try:
        return _listen(process, lesson, step)
    finally:
        process.kill()
        process.wait(END_SECONDS)


def _listen(process: subprocess.Popen[bytes], lesson: Lesson, step: Callable[[StageStep], None]) -> Learnt:
    assert process.stdin and process.stdout  # noqa: S101, PT018 - both are pipes
    with process.stdin, process.stdout:
        try:
            process.stdin.write(words.encode(lesson))
            process.stdin.close()
        except BrokenPipeError:
            pass  # it has ended: what it said, if anything, says why
        for text in process.stdout:
            line = words.decode_line(text)
            if isinstance(line, Learnt):
                return line
            if isinstance(line, LoadFailed):
                raise TrainingError(f"The training failed: {line.reason}.")
            step(line)
    raise TrainingError("The training's process ended before it was done. Its output above says why.")
