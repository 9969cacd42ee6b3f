"""A process of Greenroom's in a folder of its own, for tests that need what a user has: a log, something to kill."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

START_DEADLINE_SECONDS = 30.0
STOP_DEADLINE_SECONDS = 15.0
POLL_SECONDS = 0.01
_READY_LINE = re.compile(r"^GREENROOM_READY_LINE (\{.*\})$", re.MULTILINE)
_OPERATOR_SETTINGS = re.compile(r"GREENROOM_|MODEL_|HOST$|PORT$")


class ServerStartError(AssertionError):
    """The process did not say that it is ready; the message holds its output."""


class GreenroomProcess:
    """One that prints a ready line. Use it in a `with` block, or `start` and `stop` it.

    `folder`: holds data, log and configuration (default: a temporary one, removed at the end); a `greenroom.toml`
    in it is used. `environment` comes on top of this process's own, whose settings for Greenroom are left out."""

    log_name: str

    def __init__(self, folder: Path | None, environment: Mapping[str, str] | None) -> None:
        self._own_folder = folder is None
        self.folder = folder or Path(tempfile.mkdtemp(prefix="greenroom-"))
        self._environment = dict(environment or {})
        self._process: subprocess.Popen[bytes] | None = None
        self._log_begins = 0
        self.pid = 0

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    @property
    def log_file(self) -> Path:
        return self.folder / self.log_name

    def log(self) -> str:
        """Everything it has written so far, lives before a restart included."""
        return self.log_file.read_text(errors="replace") if self.log_file.exists() else ""

    def start(self) -> Self:
        """Start it and wait until it is ready. Raises ServerStartError, with its output, after 30 s."""
        if self.running:
            raise RuntimeError("it runs already")
        self.folder.mkdir(parents=True, exist_ok=True)
        self._log_begins = self.log_file.stat().st_size if self.log_file.exists() else 0
        with self.log_file.open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603 - our own interpreter and module
                self._command(), cwd=self.folder, env=self._full_environment(), stdin=subprocess.DEVNULL,
                stdout=log, stderr=subprocess.STDOUT, start_new_session=True,
            )  # fmt: skip
        try:
            self._await_ready_line(self._process)
        except BaseException:
            self._end(signal.SIGKILL)
            raise
        return self

    def stop(self) -> None:
        """End it as an operator does (SIGTERM), then whatever of it is left; remove its temporary folder."""
        self._end(signal.SIGTERM)
        if self._own_folder:
            shutil.rmtree(self.folder, ignore_errors=True)

    def kill(self) -> None:
        """`kill -9` the process alone. Its hosts have to notice by themselves; `stop` ends those that do not."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(STOP_DEADLINE_SECONDS)

    def send_signal(self, which: signal.Signals) -> None:
        """Send a signal to the process alone."""
        if self._process is not None:
            self._process.send_signal(which)

    def wait(self, seconds: float = STOP_DEADLINE_SECONDS) -> int:
        """Wait for the process to end by itself; its exit status. Raises subprocess.TimeoutExpired."""
        return self._process.wait(seconds) if self._process is not None else 0

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _command(self) -> list[str]:
        raise NotImplementedError

    def _is_ready(self, said: Mapping[str, Any]) -> None:
        """Take in what the ready line says."""
        self.pid = said["pid"]

    def _full_environment(self) -> dict[str, str]:
        inherited = {name: value for name, value in os.environ.items() if not _OPERATOR_SETTINGS.match(name)}
        path = os.pathsep.join(filter(None, (os.getcwd(), os.environ.get("PYTHONPATH"))))
        return {**inherited, "PYTHONPATH": path, "PYTHONUNBUFFERED": "1", **self._environment}

    def _await_ready_line(self, process: subprocess.Popen[bytes]) -> None:
        until = time.monotonic() + START_DEADLINE_SECONDS
        while not (found := _READY_LINE.search(self._output())):
            if process.poll() is not None:
                raise ServerStartError(f"it ended with status {process.returncode}:\n{self._output()}")
            if time.monotonic() > until:
                raise ServerStartError(f"no ready line after {START_DEADLINE_SECONDS:g} s:\n{self._output()}")
            time.sleep(POLL_SECONDS)
        self._is_ready(json.loads(found[1]))

    def _output(self) -> str:
        with self.log_file.open("rb") as log:
            log.seek(self._log_begins)
            return log.read().decode(errors="replace")

    def _end(self, how: signal.Signals) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        with contextlib.suppress(ProcessLookupError, subprocess.TimeoutExpired):
            process.send_signal(how)
            process.wait(STOP_DEADLINE_SECONDS)
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)  # the session that it was started in, and nothing else
        process.wait(STOP_DEADLINE_SECONDS)
