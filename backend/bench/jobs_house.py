"""Servers and workers of jobs on one data folder, to be killed and brought back one by one."""

from __future__ import annotations

import os
import signal
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self

from bench.http import Connection
from bench.jobs_ledger import Ledger
from bench.model import offline
from bench.processes import BACKEND, until
from greenroom.jobs.worker import LEASE_SECONDS
from greenroom.testing import GreenroomServer, GreenroomWorker

MODEL = "mood"
IN_HAND_WITHIN_SECONDS = 0.5
"""How long a victim is given to take a job up."""
STAND_STILL_SECONDS = LEASE_SECONDS + 3.0
READY_WITHIN_SECONDS = 120.0
Victim = Literal["server", "worker", "host", "stopped worker"]
Process = GreenroomServer | GreenroomWorker


@dataclass(frozen=True)
class Plot:
    """A house, and what befalls it."""

    name: str
    victims: tuple[Victim, ...]
    """In turn, one a round."""
    rounds: int
    """In every round of the bench."""
    servers: int = 1
    workers: int = 0
    """Processes of their own (`greenroom jobs work`); with any, the servers do not work."""
    engine: Literal["scripted", "local"] = "scripted"
    sizes: tuple[int, ...] = (1, 20, 300, 1000)
    """Inputs of a job; one of these."""
    longest_seconds: float = 0.5
    """From a round's first accepted job until somebody dies."""


class House:
    """Use it in a `with` block; all of it runs inside."""

    def __init__(self, plot: Plot) -> None:
        self._stack = ExitStack()
        self.folder = Path(self._stack.enter_context(tempfile.TemporaryDirectory()))
        source = f"path:{self.folder}" if plot.engine == "scripted" else "builtin:sentiment"
        (self.folder / "greenroom.toml").write_text(
            f'[models.{MODEL}]\nsource = "{source}"\ntask = "classify"\nrequired = true\n'
        )
        self._scripted = plot.engine == "scripted"
        common = {**offline(), "PYTHONPATH": str(BACKEND), "GREENROOM_LOG_FORMAT": "json"}
        serving = {**common, "GREENROOM_WORKER": "off" if plot.workers else "in-process"}
        self.servers = [
            GreenroomServer(engine=plot.engine, folder=self.folder, environment=serving) for _ in range(plot.servers)
        ]
        self.workers = [
            GreenroomWorker(engine=plot.engine, folder=self.folder, environment=common, name=f"worker-{number}")
            for number in range(plot.workers)
        ]
        self.ledger = Ledger(self.folder / "data" / "greenroom.db")
        self.at_work = 0
        """How many of those who were struck had a job in hand."""
        self.locked_out = 0
        """How often a worker stood still with the database's lock in its hands."""

    def __enter__(self) -> Self:
        for process in (*self.servers, *self.workers):
            self._stack.callback(process.stop)
        self.revive()
        with Connection(self.ports[0]) as connection:
            connection.get("/jobs")  # opens the store, which makes the tables
        self.ledger.begin()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is not None:
            error.add_note(self.log()[-4000:])
        self._stack.close()

    @property
    def ports(self) -> list[int]:
        return [server.port for server in self.servers]

    def log(self) -> str:
        """Of all of them."""
        return "".join(file.read_text(errors="replace") for file in sorted(self.folder.glob("*.log")))

    def revive(self) -> None:
        """Start whoever does not run."""
        for process in (*self.servers, *self.workers):
            if not process.running:
                process.start()
                if self._scripted and isinstance(process, GreenroomServer):
                    process.control.auto(0.0)

    def strike(self, victim: Victim, number: int) -> None:
        """Kill one of its kind that is at work, else the `number`-th; a stopped worker wakes up again in here."""
        crowd: Sequence[Process] = self.servers if victim in ("server", "host") else self.workers or self.servers
        crowd = [*crowd[number % len(crowd) :], *crowd[: number % len(crowd)]]
        if victim == "server" and self.workers:
            crowd[0].kill()  # it works on no job
            return
        struck = self._at_work(crowd)
        if victim == "host":
            self._kill_host()
        elif victim == "stopped worker":
            self._stand_still(struck)
        else:
            struck.kill()

    def _at_work(self, crowd: Sequence[Process]) -> Process:
        """The first that has a job in hand, or of all if none has in time."""
        limit = time.monotonic() + IN_HAND_WITHIN_SECONDS
        while time.monotonic() < limit:
            for process in crowd:
                if self.ledger.held_by(process.pid):
                    self.at_work += 1
                    return process
            time.sleep(0.002)
        return crowd[0]

    def _stand_still(self, worker: Process) -> None:
        worker.send_signal(signal.SIGSTOP)
        try:
            begun = time.monotonic()
            self.locked_out += self.ledger.is_locked(STAND_STILL_SECONDS / 2)
            time.sleep(max(0.0, STAND_STILL_SECONDS - (time.monotonic() - begun)))
        finally:
            worker.send_signal(signal.SIGCONT)

    def _kill_host(self) -> None:
        with Connection(self.ports[0]) as connection:
            before = _model(connection)["pid"]
            os.kill(before, signal.SIGKILL)
            until(lambda: _model(connection)["pid"] not in (before, None), "another host", seconds=READY_WITHIN_SECONDS)

    def await_ready(self) -> None:
        """Until the first server's model answers."""
        with Connection(self.ports[0]) as connection:
            until(lambda: bool(connection.get("/health").json()["model_loaded"]), "ready", seconds=READY_WITHIN_SECONDS)


def _model(connection: Connection) -> Any:
    return connection.get("/models/status").json()["models"][0]
