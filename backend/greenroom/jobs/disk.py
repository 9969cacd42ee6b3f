"""Files of inputs that are to outlive the power, and what is said where the disk takes none."""

from __future__ import annotations

import contextlib
import errno
from collections.abc import Iterator
from pathlib import Path

from greenroom.errors import JobsUnavailableError
from greenroom.jobs.room import RETRY_SECONDS
from greenroom.sources.shelf import sync_folder


def put_in_place(made: Path, file: Path) -> None:
    """Give `made`, which is on disk, its name for good. Raises OSError."""
    made.rename(file)
    sync_folder(file.parent)  # or the name may be lost where the content is not


@contextlib.contextmanager
def disk_troubles() -> Iterator[None]:
    """A disk that takes no file is a temporary trouble of ours: JobsUnavailableError."""
    try:
        yield
    except OSError as error:
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        why = "The disk is full." if full else "The file cannot be written here."
        detail = f"{why} Nothing was accepted; the server's operator can help."
        raise JobsUnavailableError(detail, RETRY_SECONDS) from error
