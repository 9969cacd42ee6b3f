"""The counted import: it sees what is imported and finds nothing itself."""

from __future__ import annotations

import gc
import sys
import threading
from pathlib import Path

import pytest

from greenroom.host.imports import counted_imports, import_modules


@pytest.fixture
def modules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    names = [f"greenroom_counted_{number}" for number in range(3)]
    for name in names:
        (tmp_path / f"{name}.py").write_text("value = 1\n")
    monkeypatch.syspath_prepend(tmp_path)
    return names


def test_every_module_is_counted_and_still_found_by_others(modules: list[str]) -> None:
    assert import_modules(modules, lambda done: None) == 3
    assert sys.modules[modules[0]].value == 1
    for name in modules:
        del sys.modules[name]


def test_no_helper_thread_and_no_hook_is_left_and_the_collector_is_on_again() -> None:
    before = threading.active_count(), list(sys.meta_path)
    with pytest.raises(ModuleNotFoundError):
        import_modules(["greenroom_there_is_no_such_module"], lambda done: None)
    assert (threading.active_count(), list(sys.meta_path)) == before
    assert gc.isenabled()


def test_a_name_that_nobody_finds_is_work_too() -> None:
    with counted_imports() as finder, pytest.raises(ModuleNotFoundError):
        __import__("greenroom_there_is_no_such_module")
    assert finder.count == 1
