"""A real `mlflow server`, and what a person would do to its registry, over its own REST API."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any
from urllib.parse import quote, quote_plus

import httpx

START_DEADLINE_SECONDS = 120.0
STOP_DEADLINE_SECONDS = 15.0
REQUEST_DEADLINE_SECONDS = 60.0
"""Its first requests after a start import half of it."""
POLL_SECONDS = 0.1
TERMS = {"MLFLOW_DISABLE_TELEMETRY": "true", "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
"""Its job runners are seven more processes, of which no registry has a use."""


class MlflowServer:
    """On a port and in a folder that stay the same from one life to the next."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start it and wait until it answers. Raises AssertionError, with its output, after two minutes."""
        self._folder.mkdir(parents=True, exist_ok=True)
        log = self._folder / "mlflow.log"
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                self._command(), cwd=self._folder, stdin=subprocess.DEVNULL, stdout=output, stderr=output,
                env={**os.environ, **TERMS}, start_new_session=True,
            )  # fmt: skip
        until = time.monotonic() + START_DEADLINE_SECONDS
        while not self._answers():
            assert self._process.poll() is None, log.read_text()
            assert time.monotonic() < until, log.read_text()
            time.sleep(POLL_SECONDS)

    def kill(self) -> None:
        """`kill -9`, its workers included: what a machine that goes down does."""
        process, self._process = self._process, None
        if process is not None:
            os.killpg(process.pid, signal.SIGKILL)  # the session that it was started in, and nothing else
            process.wait(STOP_DEADLINE_SECONDS)

    def hang(self) -> None:
        """Let it answer nobody, with its port open."""
        self._signal(signal.SIGSTOP)

    def go_on(self) -> None:
        self._signal(signal.SIGCONT)

    def _signal(self, which: signal.Signals) -> None:
        assert self._process is not None
        os.killpg(self._process.pid, which)

    def register(self, name: str, files: dict[str, bytes], tags: dict[str, str] | None = None) -> str:
        """The number of a new version of `name` with these files."""
        run = self._post("runs/create", experiment_id="0")["run"]["info"]
        path = run["artifact_uri"].removeprefix("mlflow-artifacts:/") + "/model"
        for file, content in files.items():
            url = f"{self.url}/api/2.0/mlflow-artifacts/artifacts/{path}/{quote(file)}"
            httpx.put(url, content=content, timeout=REQUEST_DEADLINE_SECONDS).raise_for_status()
        self._call("POST", "registered-models/create", {"name": name})  # it may be there already
        listed = [{"key": key, "value": value} for key, value in (tags or {}).items()]
        source = f"{run['artifact_uri']}/model"
        version = self._post("model-versions/create", name=name, source=source, run_id=run["run_id"], tags=listed)
        return str(version["model_version"]["version"])

    def alias(self, name: str, alias: str, number: str) -> None:
        self._post("registered-models/alias", name=name, alias=alias, version=number)

    def stage(self, name: str, number: str, stage: str) -> None:
        self._post(
            "model-versions/transition-stage", name=name, version=number, stage=stage, archive_existing_versions=True
        )

    def delete_model(self, name: str) -> None:
        self._call("DELETE", "registered-models/delete", {"name": name}).raise_for_status()

    def requests(self, path: str, name: str) -> int:
        """How often it was asked at `path` about the model `name`, by its own log."""
        asked = f"/{path}?name={quote_plus(name)}&"
        return (self._folder / "mlflow.log").read_text(errors="replace").count(asked)

    def get(self, path: str, **question: str) -> dict[str, Any]:
        answer = httpx.get(f"{self.url}/api/2.0/mlflow/{path}", params=question, timeout=REQUEST_DEADLINE_SECONDS)
        return dict(answer.raise_for_status().json())

    def _post(self, path: str, **body: object) -> dict[str, Any]:
        return dict(self._call("POST", path, body).raise_for_status().json())

    def _call(self, method: str, path: str, body: dict[str, object]) -> httpx.Response:
        url = f"{self.url}/api/2.0/mlflow/{path}"
        return httpx.request(method, url, json=body, timeout=REQUEST_DEADLINE_SECONDS)

    def _answers(self) -> bool:
        try:
            return httpx.get(f"{self.url}/health", timeout=REQUEST_DEADLINE_SECONDS).is_success
        except httpx.TransportError:
            return False

    def _command(self) -> list[str]:
        return [
            sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(self.port), "--workers", "1",
            "--backend-store-uri", f"sqlite:///{self._folder}/mlflow.db",
            "--artifacts-destination", str(self._folder / "artifacts"),
        ]  # fmt: skip


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
