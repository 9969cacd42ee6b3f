"""The counted import: it sees what is imported and finds nothing itself."""

from __future__ import annotations

import gc
import sys
import threading
import types
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


def test_the_helper_has_ended_when_the_import_returns_so_that_forking_is_safe(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    latch = types.ModuleType("greenroom_latch")
    latch.reporting = threading.Event()  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "greenroom_latch", latch)
    (tmp_path / "greenroom_waits.py").write_text("import greenroom_latch\nassert greenroom_latch.reporting.wait(10)\n")
    monkeypatch.syspath_prepend(tmp_path)
    helpers: list[threading.Thread] = []

    def slow_report(done: int) -> None:
        helpers.append(threading.current_thread())
        latch.reporting.set()
        threading.Event().wait(0.2)

    import_modules(["greenroom_waits"], slow_report)
    del sys.modules["greenroom_waits"]
    assert [helper.is_alive() for helper in helpers] == [False]


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
