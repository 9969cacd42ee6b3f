"""A real server, and a real worker of jobs, each in a process of its own."""

from __future__ import annotations

import shutil
import signal
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from greenroom.testing.client import Control
from greenroom.testing.process import START_DEADLINE_SECONDS as START_DEADLINE_SECONDS
from greenroom.testing.process import STOP_DEADLINE_SECONDS as STOP_DEADLINE_SECONDS
from greenroom.testing.process import GreenroomProcess
from greenroom.testing.process import ServerStartError as ServerStartError


class GreenroomServer(GreenroomProcess):
    """`greenroom serve` on a free port of this machine; use it in a `with` block, or `start` and `stop` it.

    `app`: `module:factory` of the ASGI app. `engine`: `scripted` (no model, driven through `control`) or `local`.
    `folder`: holds data, log and configuration (default: a temporary one, removed at the end); a `greenroom.toml`
    in it is used. `environment` comes on top of this process's own, whose settings for Greenroom are left out."""

    log_name = "server.log"

    def __init__(
        self,
        app: str = "greenroom:create_app",
        *,
        engine: Literal["scripted", "local"] = "scripted",
        folder: Path | None = None,
        environment: Mapping[str, str] | None = None,
        arguments: Sequence[str] = (),
    ) -> None:
        super().__init__(folder, environment)
        self._app = app
        self._engine = engine
        self._arguments = tuple(arguments)
        self.port = 0
        self.url = ""
        """Where it listens, without a slash at the end; the same after a restart."""

    @property
    def control(self) -> Control:
        """Drives its scripted engine."""
        return Control(self.url)

    def restart(self, forget: bool = False) -> None:
        """Another life on the same port. `forget`: without the data and the log of those before."""
        self._end(signal.SIGTERM)
        if forget:
            shutil.rmtree(self.folder / "data", ignore_errors=True)
            self.log_file.unlink(missing_ok=True)
        self.start()

    def _command(self) -> list[str]:
        return [
            sys.executable, "-m", "greenroom", "serve", "--host", "127.0.0.1", "--port", str(self.port),
            "--data", str(self.folder / "data"), "--engine", self._engine, "--app", self._app, *self._arguments,
        ]  # fmt: skip

    def _is_ready(self, said: Mapping[str, Any]) -> None:
        super()._is_ready(said)
        self.url = said["url"]
        self.port = int(self.url.rpartition(":")[2])


class GreenroomWorker(GreenroomProcess):
    """`greenroom jobs work`, ready once it can claim jobs; use it like a `GreenroomServer`, beside one on its `folder`
    that has `GREENROOM_WORKER=off`.

    `engine`: `scripted` (each load is ready at once, and nobody drives it) or `local`. `name`: of its log, where there
    are several in one folder."""

    def __init__(
        self,
        *,
        engine: Literal["scripted", "local"] = "scripted",
        folder: Path | None = None,
        environment: Mapping[str, str] | None = None,
        name: str = "worker",
    ) -> None:
        super().__init__(folder, environment)
        self._engine = engine
        self.log_name = f"{name}.log"

    def _command(self) -> list[str]:
        return [
            sys.executable, "-m", "greenroom", "jobs", "work",
            "--data", str(self.folder / "data"), "--engine", self._engine,
        ]  # fmt: skip
