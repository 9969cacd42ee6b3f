"""Host processes as the engine sees them, however they came to be: forked by the zygote, or spawned."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import subprocess
from pathlib import Path
from typing import Protocol

from greenroom.engine.zygote_process import python_command

EXIT_REPORT_SECONDS = 1.0
"""How long after a host's socket closed to wait for word of how it ended."""


class HostProcess(Protocol):
    """A child process that is, or was, a host."""

    @property
    def pid(self) -> int: ...

    @property
    def ended(self) -> asyncio.Future[int | None]:
        """Its exit status, or the negated signal; None when it ended (or will end) where nobody sees it."""

    def kill(self) -> None:
        """SIGKILL, once, if it has not ended."""


class SpawnedProcess:
    """A host that the front itself started."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self.pid = process.pid
        self.ended: asyncio.Future[int | None] = asyncio.ensure_future(self._wait())

    def kill(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()

    async def _wait(self) -> int | None:
        return await self._process.wait()


async def spawn_host(connection: socket.socket, modules_expected: int) -> SpawnedProcess:
    """Start a host that imports its runtime itself; `connection` is its end of the socket. Raises OSError."""
    command = python_command(
        "greenroom.host", "--fd", str(connection.fileno()), "--modules-expected", str(modules_expected)
    )
    process = await asyncio.create_subprocess_exec(
        *command, stdin=subprocess.DEVNULL, stdout=2, pass_fds=(connection.fileno(),)
    )
    return SpawnedProcess(process)


async def exit_reason(process: HostProcess, asked: bool, hung: str | None = None) -> str:
    """How `process`, whose socket has closed, ended, in words for people. Waits for word of it, briefly. `asked`:
    whether we ended it; `hung`: why its watch did."""
    await asyncio.wait([process.ended], timeout=EXIT_REPORT_SECONDS)
    code = process.ended.result() if process.ended.done() and not process.ended.cancelled() else None
    return f"it was ended because {hung}" if hung else describe_exit(code, asked)


def describe_exit(code: int | None, asked: bool) -> str:
    """Words for an exit status (≥ 0), a negated signal (< 0) or an end that nobody saw (None)."""
    if code is None:
        return "ended, and how could not be seen"
    if code >= 0:
        return f"exited with status {code}"
    try:
        name = signal.Signals(-code).name
    except ValueError:
        name = f"signal {-code}"
    unasked_kill = code == -signal.SIGKILL and not asked
    return f"killed by {name} (out of memory?)" if unasked_kill else f"killed by {name}"


def private_bytes(pid: int) -> int | None:
    """Memory that no other process shares (proc(5), smaps_rollup); None where the kernel does not tell."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii").splitlines()
        return sum(int(line.split()[1]) * 1024 for line in lines if line.startswith("Private_")) or None
    except (OSError, ValueError, IndexError):
        return None


def resident_bytes(pid: int) -> int | None:
    """Resident memory, shared pages included (proc(5), statm); None where the kernel does not tell."""
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1])
    except (OSError, ValueError, IndexError):
        return None
    return pages * os.sysconf("SC_PAGE_SIZE")
