"""`greenroom jobs work` beside a server that works nothing off itself."""

from __future__ import annotations

import contextlib
import json
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from greenroom.testing import GreenroomServer, GreenroomWorker
from greenroom.testing.process import GreenroomProcess

PATIENCE_SECONDS = 60.0
TEXTS = ("a good day", "a bad day", "neither one")
MANY = 20_000
"""Inputs of a job that is still under way when it has been seen to have begun."""


class Desk:
    """A server's jobs, as somebody far away sees them."""

    def __init__(self, http: httpx.Client) -> None:
        self._http = http

    def submit(self, inputs: int = MANY, model: str = "mood") -> str:
        """A file with so many lines."""
        lines = "\n".join(TEXTS[number % len(TEXTS)] for number in range(inputs))
        answer = self._http.post(
            "/jobs", params={"model": model}, content=lines, headers={"content-type": "text/plain"}
        )
        assert answer.status_code == 202, answer.text
        return str(answer.json()["job_uuid"])

    def job(self, id_: str) -> dict[str, Any]:
        job: dict[str, Any] = self._http.get(f"/jobs/{id_}").json()
        return job

    def until(self, id_: str, wanted: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        until = time.monotonic() + PATIENCE_SECONDS
        while not wanted(job := self.job(id_)):
            assert time.monotonic() < until, f"stuck: {job}"
            time.sleep(0.01)
        return job

    def begun(self, id_: str) -> dict[str, Any]:
        return self.until(id_, lambda job: job["done"] > 0)

    def completed(self, id_: str) -> dict[str, Any]:
        return self.until(id_, lambda job: job["status"] == "completed")

    def require_each_once(self, id_: str) -> None:
        """A result for each input, each its own."""
        told = self._http.get(f"/jobs/{id_}/results", params={"format": "jsonl"}).text
        rows = [json.loads(line) for line in told.splitlines()]
        assert [row["index"] for row in rows] == list(range(MANY))
        labels = [row["label"] for row in rows]
        assert labels == [labels[number % len(TEXTS)] for number in range(MANY)]
        assert len(set(labels)) > 1


@pytest.fixture
def server(tmp_path: Path) -> Iterator[GreenroomServer]:
    (tmp_path / "greenroom.toml").write_text(
        f'[models.mood]\nsource = "path:{tmp_path}"\ntask = "classify"\nrequired = true\n'
    )
    with GreenroomServer(folder=tmp_path, environment={"GREENROOM_WORKER": "off"}) as server:
        yield server


@pytest.fixture
def desk(server: GreenroomServer) -> Iterator[Desk]:
    with httpx.Client(base_url=server.url, timeout=30, trust_env=False) as http:
        yield Desk(http)


def test_a_server_that_works_nothing_off_leaves_its_jobs_to_a_worker_process(
    server: GreenroomServer, desk: Desk
) -> None:
    ids = [desk.submit(inputs) for inputs in (1, 3, 500)]
    with GreenroomWorker(folder=server.folder):
        for id_ in ids:
            assert desk.completed(id_)["attempts"] == 0
    assert not server.control.snapshot()["ready"], "the server's own model has nothing to do with it"


def test_a_killed_workers_job_is_gone_on_with_by_another_one_and_done_once(server: GreenroomServer, desk: Desk) -> None:
    with GreenroomWorker(folder=server.folder, name="killed") as killed:
        id_ = desk.submit()
        desk.begun(id_)
        killed.kill()
        left = desk.job(id_)
        assert (left["status"], left["done"] < MANY) == ("processing", True)
        with GreenroomWorker(folder=server.folder, name="successor") as successor:
            assert desk.completed(id_)["attempts"] == 0
            assert "workers_gone" in successor.log()
    desk.require_each_once(id_)


@pytest.mark.parametrize("which", [signal.SIGTERM, signal.SIGINT])
def test_a_worker_that_is_asked_to_stop_gives_its_jobs_back_and_ends_with_0(
    server: GreenroomServer, desk: Desk, which: signal.Signals
) -> None:
    with GreenroomWorker(folder=server.folder) as worker:
        id_ = desk.submit()
        desk.begun(id_)
        worker.send_signal(which)
        assert worker.wait() == 0
        left = desk.job(id_)
        assert (left["status"], left["attempts"], 0 < left["done"] < MANY) == ("pending", 0, True)
        assert f'"signal": "{which.name}", "event": "stopping"' in worker.log()
        assert list((server.folder / "data/jobs/workers").iterdir()) == []
        worker.start()
        desk.completed(id_)
    desk.require_each_once(id_)


def test_workers_side_by_side_share_the_work_and_neither_takes_the_others(server: GreenroomServer, desk: Desk) -> None:
    workers = [GreenroomWorker(folder=server.folder, name=name) for name in ("one", "other")]
    with workers[0], workers[1]:
        ids = [desk.submit(1000) for _ in range(20)]
        assert {desk.completed(id_)["attempts"] for id_ in ids} == {0}
        for worker in workers:
            assert "job_lease_lost" not in worker.log()


def test_a_worker_that_finds_no_database_makes_it_and_waits(tmp_path: Path) -> None:
    with GreenroomWorker(folder=tmp_path) as worker:
        assert (tmp_path / "data/greenroom.db").exists()
        worker.send_signal(signal.SIGTERM)
        assert worker.wait() == 0


def test_a_second_signal_ends_a_worker_at_once(tmp_path: Path) -> None:
    with GreenroomWorker(folder=tmp_path) as worker:
        worker.send_signal(signal.SIGSTOP)  # so that both are there before it can obey one
        worker.send_signal(signal.SIGTERM)
        worker.send_signal(signal.SIGINT)
        worker.send_signal(signal.SIGCONT)
        assert worker.wait() in (128 + signal.SIGTERM, 128 + signal.SIGINT)
        assert '"event": "stopped"' not in worker.log()


def living(process: GreenroomProcess) -> set[int]:
    """Process ids of its session (proc(5), stat), zombies left out."""
    found = set()
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            state, _, _, session = stat.read_text().rpartition(") ")[2].split()[:4]
            if int(session) == process.pid and state != "Z":
                found.add(int(stat.parent.name))
    return found


@pytest.mark.model
@pytest.mark.parametrize("killed", [False, True])
def test_a_worker_leaves_no_process_behind_however_it_ends(tmp_path: Path, killed: bool) -> None:
    server = GreenroomServer(folder=tmp_path, environment={"GREENROOM_WORKER": "off"})
    with server, httpx.Client(base_url=server.url, timeout=30, trust_env=False) as http:
        desk, worker = Desk(http), GreenroomWorker(folder=tmp_path, engine="local")
        with worker:
            desk.completed(desk.submit(10, "minilm"))
            assert len(living(worker)) >= 3, "worker, zygote and host"
            if killed:
                worker.kill()
            else:
                worker.send_signal(signal.SIGTERM)
                assert worker.wait() == 0
                assert living(worker) == set()
            until = time.monotonic() + PATIENCE_SECONDS
            while living(worker):
                assert time.monotonic() < until
                time.sleep(0.01)
