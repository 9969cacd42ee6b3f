"""Processes that a bench starts: each in a session of its own, each ended by its id, whatever happens in between."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

BACKEND = Path(__file__).resolve().parents[1]
END_SECONDS = 15.0


@contextlib.contextmanager
def running(
    arguments: Sequence[str], *, environment: Mapping[str, str] | None = None, folder: Path | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    """`python ARGUMENTS` with this package importable; its output goes to a file that an error shows."""
    with tempfile.TemporaryFile() as output:
        process = subprocess.Popen(  # noqa: S603 - our own interpreter, our own programs
            [sys.executable, *arguments], cwd=folder, env=own_environment(environment), stdin=subprocess.DEVNULL,
            stdout=output, stderr=subprocess.STDOUT, start_new_session=True,
        )  # fmt: skip
        try:
            yield process
        except Exception as error:
            output.seek(0)
            error.add_note(output.read()[-4000:].decode(errors="replace"))
            raise
        finally:
            end(process)


def own_environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """This process's environment without settings for Greenroom, with `backend` importable, and `extra` on top."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("GREENROOM_")}
    return {**inherited, "PYTHONPATH": str(BACKEND), "PYTHONUNBUFFERED": "1", **(extra or {})}


def end(process: subprocess.Popen[bytes], how: signal.Signals = signal.SIGTERM) -> None:
    """End a process that leads its session, and what is left of the session after it."""
    with contextlib.suppress(ProcessLookupError, subprocess.TimeoutExpired):
        process.send_signal(how)
        process.wait(END_SECONDS)
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)  # the session that it was started in, and nothing else
    process.wait(END_SECONDS)
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            with contextlib.suppress(OSError):
                pipe.close()


def free_port() -> int:
    """A port that nobody listened on a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def until(
    happened: Callable[[], bool], what: str, *, seconds: float = 120.0, process: subprocess.Popen[bytes] | None = None
) -> None:
    """Ask every millisecond. Raises TimeoutError, and RuntimeError when `process` ended meanwhile."""
    limit = time.monotonic() + seconds
    while not happened():
        if process is not None and process.poll() is not None:
            raise RuntimeError(f"the process ended with status {process.returncode} before: {what}")
        if time.monotonic() > limit:
            raise TimeoutError(f"not within {seconds:g} s: {what}")
        time.sleep(0.001)
