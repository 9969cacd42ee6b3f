"""Starting the zygote. Standard library only, so that `greenroom serve` can do it before its own imports: the
zygote's seconds of importing then overlap with everything the front does."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass

from greenroom.child import python_command as python_command


@dataclass(frozen=True)
class ZygoteProcess:
    """A zygote that was started, and the front's end of its control socket."""

    process: subprocess.Popen[bytes]
    control: socket.socket


_prestarted: ZygoteProcess | None = None


def forks_hosts() -> bool:
    """Whether hosts are forked from a zygote. On macOS a fork without exec is unsafe, and GREENROOM_SPAWN=1 asks
    for spawned hosts anywhere."""
    return sys.platform != "darwin" and os.environ.get("GREENROOM_SPAWN", "") not in {"1", "true", "yes"}


def start_zygote() -> ZygoteProcess:
    """Start a zygote as a child of the calling thread, which has to outlive it: Linux ends the zygote with it."""
    ours, theirs = socket.socketpair()
    with theirs:
        process = subprocess.Popen(  # noqa: S603 - our own interpreter and module
            python_command(
                "greenroom.host.zygote", "--control-fd", str(theirs.fileno()), "--parent-pid", str(os.getpid())
            ),
            stdin=subprocess.DEVNULL,
            stdout=2,
            pass_fds=(theirs.fileno(),),
        )
    return ZygoteProcess(process, ours)


def prestart(arguments: Sequence[str]) -> None:
    """Start the zygote for the LocalEngine that the command line `arguments` will make; do nothing when they ask
    for another engine, or for help."""
    global _prestarted
    words = {part for argument in arguments for part in argument.split("=")}
    other_engine = "scripted" in words or os.environ.get("GREENROOM_ENGINE") == "scripted"
    if _prestarted is None and forks_hosts() and not other_engine and not words & {"--help", "-h"}:
        _prestarted = start_zygote()


def take_prestarted() -> ZygoteProcess | None:
    """Hand out the zygote that `prestart` made, once."""
    global _prestarted
    taken, _prestarted = _prestarted, None
    return taken
