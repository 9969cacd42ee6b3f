"""A server that takes jobs, for their benches: started, looked at from outside, asked whether anything is left."""

from __future__ import annotations

import contextlib
import sqlite3
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from bench.http import Connection, first_answer
from bench.model import MODEL, offline
from bench.processes import free_port, running, until
from greenroom.testing.client import Control

DONE_WITHIN_SECONDS = 1800.0
LEFT = "/jobs?status=pending,processing&limit=1"
CLASSIFIER = "sentiment"
"""Of the default models."""


@dataclass(frozen=True)
class Desk:
    """A running server. `data`: its data folder."""

    port: int
    front: int
    data: Path

    @property
    def database(self) -> Path:
        return self.data / "greenroom.db"

    @contextlib.contextmanager
    def looking(self) -> Iterator[sqlite3.Connection]:
        """At its database, from outside; readers hold up nobody (WAL)."""
        with closing(sqlite3.connect(f"file:{self.database}?mode=ro", uri=True, isolation_level=None)) as connection:
            yield connection


def scripted_settings(folder: Path) -> dict[str, str]:
    """Environment for the scripted engine with one classifier, of which every process on `folder` knows."""
    config = folder / "greenroom.toml"
    config.write_text(f'[models.{CLASSIFIER}]\nsource = "path:{folder}"\ntask = "classify"\nrequired = true\n')
    return {"GREENROOM_LOG_LEVEL": "warning", "GREENROOM_ENGINE": "scripted", "GREENROOM_CONFIG": str(config)}


@contextlib.contextmanager
def desk(
    *, scripted: bool = True, data: Path | None = None, environment: Mapping[str, str] | None = None
) -> Iterator[Desk]:
    """Ready, and its store open: with a scripted classifier that answers at once, or with the default models, both in
    memory. `data`: default is an empty folder."""
    port = free_port()
    with tempfile.TemporaryDirectory() as place:
        folder = data or Path(place)
        settings = scripted_settings(folder) if scripted else {**offline(), "GREENROOM_LOG_LEVEL": "warning"}
        command = ["-m", "greenroom", "serve", "--data", str(folder), "--port", str(port)]
        with running(command, environment={**settings, **(environment or {})}) as process:
            first_answer(process, port, "/health")
            if scripted:
                Control(f"http://127.0.0.1:{port}").auto(0.0)
            first_answer(process, port, "/readyz", seconds=120)
            with Connection(port) as connection:
                _warm(connection, [CLASSIFIER] if scripted else [MODEL, CLASSIFIER])
            yield Desk(port, process.pid, folder)


def _warm(connection: Connection, models: Sequence[str]) -> None:
    """All models, and the store. Raises RuntimeError."""
    for model in models:
        answer = connection.post("/jobs", {"text": "a good day", "model": model})
        if answer.status != 202:
            raise RuntimeError(f"no job: {answer.status} {answer.body[:300]!r}")
    until(lambda: is_idle(connection), "the first jobs are done")


def is_idle(connection: Connection) -> bool:
    """Whether no job is left to do."""
    return connection.get(LEFT).body == b"[]"


def await_idle(port: int, pause_seconds: float = 0.005) -> None:
    """By a connection of its own: one that stood idle meanwhile may have been closed. Raises TimeoutError."""
    limit = time.monotonic() + DONE_WITHIN_SECONDS
    with Connection(port) as connection:
        while not is_idle(connection):
            if time.monotonic() > limit:
                raise TimeoutError("jobs are left")
            time.sleep(pause_seconds)
