"""What every child process of the front arranges with the operating system. Best effort where a platform lacks it:
the end of the socket to the front is the bond that holds everywhere. Standard library only."""

from __future__ import annotations

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1


def end_with_parent(parent_pid: int) -> None:
    """Have the kernel end this process when `parent_pid` ends (Linux), and end now if it already has."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent_pid:
        os._exit(0)


def leave_signals_to_the_front() -> None:
    """Ctrl-C in a terminal reaches every process of the group, and so does the SIGTERM of a supervisor such as
    systemd; but the front decides what ends, and when, and still has calls to finish. Its own ways to end us are the
    end of the socket and SIGKILL."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)


def python_command(module: str, *arguments: str) -> list[str]:
    """How to run one of our modules, with the current folder kept off its import path. Its standard output is to
    join ours for errors, so that a library's chatter never mixes with the lines that the front prints for programs."""
    return [sys.executable, "-P", "-m", module, *arguments]
