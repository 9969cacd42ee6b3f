"""What goes on beside a measurement."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator

Work = Callable[[threading.Event], None]
"""Goes on until the event is set."""


@contextlib.contextmanager
def meanwhile(*works: Work) -> Iterator[None]:
    """Have each of `works` go on in a thread of its own until the block is left, then wait for their ends."""
    stop = threading.Event()
    threads = [threading.Thread(target=work, args=(stop,)) for work in works]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        stop.set()
        for thread in threads:
            thread.join()
