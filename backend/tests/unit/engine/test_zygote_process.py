"""Which command lines get a zygote before anything else is imported."""

from __future__ import annotations

import subprocess
import sys
from typing import cast

import pytest

from greenroom.engine import zygote_process
from greenroom.engine.zygote_process import ZygoteProcess, prestart, take_prestarted

STARTED = cast(ZygoteProcess, object())


@pytest.fixture(autouse=True)
def no_real_zygote(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(zygote_process, "start_zygote", lambda: STARTED)
    monkeypatch.setattr(zygote_process, "_prestarted", None)
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.delenv("GREENROOM_SPAWN", raising=False)
    monkeypatch.delenv("GREENROOM_ENGINE", raising=False)


def test_a_prestarted_zygote_is_handed_out_once() -> None:
    prestart(["greenroom", "serve"])
    assert take_prestarted() is STARTED
    assert take_prestarted() is None


@pytest.mark.parametrize(
    "arguments", [["serve", "--engine", "scripted"], ["serve", "--engine=scripted"], ["serve", "--help"]]
)
def test_no_zygote_for_another_engine_or_for_help(arguments: list[str]) -> None:
    prestart(["greenroom", *arguments])
    assert take_prestarted() is None


@pytest.mark.parametrize(("name", "value"), [("GREENROOM_SPAWN", "1"), ("GREENROOM_ENGINE", "scripted")])
def test_no_zygote_when_the_environment_asks_for_none(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(name, value)
    prestart(["greenroom", "serve"])
    assert take_prestarted() is None


def test_no_zygote_where_a_fork_is_unsafe(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    prestart(["greenroom", "serve"])
    assert take_prestarted() is None


def test_starting_a_zygote_needs_the_standard_library_only() -> None:
    program = (
        "import sys; import greenroom.engine.zygote_process; "
        "print(sorted({name.partition('.')[0] for name in sys.modules} - set(sys.stdlib_module_names)))"
    )
    output = subprocess.run([sys.executable, "-I", "-c", program], capture_output=True, text=True, check=True).stdout
    assert set(eval(output)) <= {"greenroom", "__main__", "_distutils_hack", "sitecustomize"}
