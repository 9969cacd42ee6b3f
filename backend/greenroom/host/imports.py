"""Importing the runtime with honest progress.

An import hook that finds nothing sees the name of every module that is looked for, so its count is work that
really began, not a timer. The collector is off meanwhile: an import makes hundreds of thousands of objects that all
stay, and walking them again and again costs a fifth of the time. Afterwards they are frozen (`gc.freeze`), so that a
forked host never touches, and so never copies, their pages.
"""

from __future__ import annotations

import gc
import importlib
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib.machinery import ModuleSpec
from types import ModuleType

REPORT_SECONDS = 0.05


class CountingFinder:
    """A `sys.meta_path` entry that counts the names asked for and leaves the finding to the others."""

    def __init__(self) -> None:
        self.count = 0

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        self.count += 1
        return None


@contextmanager
def counted_imports() -> Iterator[CountingFinder]:
    """Count imports within the block."""
    finder = CountingFinder()
    sys.meta_path.insert(0, finder)
    try:
        yield finder
    finally:
        sys.meta_path.remove(finder)


@contextmanager
def without_collector() -> Iterator[None]:
    """Keep the garbage collector off within the block, and spare it what the block left behind."""
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


def import_modules(names: Sequence[str], report: Callable[[int], None]) -> int:
    """Import `names`; call `report(done)` from a helper thread at most every `REPORT_SECONDS` while `done` rises.
    The helper has ended when this returns, so that the caller may fork. Returns the final count.

    Raises whatever an import raises."""
    finished = threading.Event()
    with counted_imports() as finder, without_collector():
        reporter = threading.Thread(target=_report_until, args=(finished, finder, report), daemon=True)
        reporter.start()
        try:
            for name in names:
                importlib.import_module(name)
        finally:
            finished.set()
            reporter.join()
    return finder.count


def _report_until(finished: threading.Event, finder: CountingFinder, report: Callable[[int], None]) -> None:
    reported = 0
    while not finished.wait(REPORT_SECONDS):
        if finder.count > reported:
            reported = finder.count
            report(reported)
