"""Whose leases nobody holds any more: those of workers on this data folder whose processes have ended.

Each worker's life has a file that it keeps locked; the kernel lets go of the lock when the process ends, however it
ends, and not before, be it stopped or in another container. So a restarted server need not wait for leases to run out.
Without such locks (Windows) it waits. Files of uploads are kept alike while their process lives.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]


_NEW = ".new"
"""Of a file that is not held yet."""


@contextlib.contextmanager
def life(folder: Path) -> Iterator[str]:
    """Live; the worker's name, which no other one has or will have. Who holds no job any more may `forget` it; else its
    jobs are found by the file that it leaves."""
    name = f"{socket.gethostname()[:64]}-{os.getpid()}-{secrets.token_hex(4)}"
    folder.mkdir(parents=True, exist_ok=True)
    path, new = folder / name, folder / f"{name}{_NEW}"
    with new.open("w") as file:
        hold(file)
        new.rename(path)  # not before: a look in between would find it free, and its worker dead
        yield name


def ended(folder: Path) -> list[str]:
    """Names of the workers whose processes are gone. `forget` them once their jobs are free."""
    return [path.name for path in sorted(folder.glob("*")) if path.suffix != _NEW and is_free(path)]


def living(folder: Path) -> int:
    """How many workers live."""
    return len({path.name for path in folder.glob("*") if path.suffix != _NEW}.difference(ended(folder)))


def forget(folder: Path, names: list[str]) -> None:
    for name in names:
        (folder / name).unlink(missing_ok=True)


def hold(file: IO[Any]) -> None:
    """Until it is closed, or its process ends."""
    if fcntl is not None:
        fcntl.flock(file.fileno(), fcntl.LOCK_EX)


def is_free(path: Path) -> bool:
    """Whether nobody holds it. Never known without locks."""
    if fcntl is None:
        return False
    try:
        with path.open("r+") as file:
            fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
