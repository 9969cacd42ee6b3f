"""`kill -9` of a server, a worker or a host at any moment. The long version is `scripts/bench jobs-chaos`."""

from __future__ import annotations

import itertools
import json
import os
import random
import signal
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from greenroom.testing import GreenroomServer, GreenroomWorker
from tests.integration.jobs.desk import MODEL

ROUNDS = 20
HOST_ROUNDS = 4
JOBS_EACH = 20
LONGEST_LIFE_SECONDS = 0.3
"""From the first accepted job of a round on."""
PATIENCE_SECONDS = 60.0
TEXTS = ("a perfect day, I am happy and glad", "awful and bad, the worst of all", "the meeting is on Monday")
"""Each of another mood, for the real classifier too, whatever number follows."""
SIZES = (1, 1, 5, 300)
"""Inputs of a job."""


@pytest.fixture
def server(tmp_path: Path) -> Iterator[GreenroomServer]:
    (tmp_path / "greenroom.toml").write_text(
        f'[models.{MODEL}]\nsource = "path:{tmp_path}"\ntask = "classify"\nrequired = true\n'
    )
    server = GreenroomServer("tests.integration.jobs.desk:app", folder=tmp_path)
    yield server
    server.stop()


class Crowd:
    """Submits jobs, and keeps account of those that were accepted."""

    def __init__(self, server: GreenroomServer) -> None:
        self._server = server
        self.accepted: dict[str, list[str]] = {}
        """Inputs by id."""
        self._numbers = random.Random(6)
        self._count = itertools.count()
        """No text twice: one that was with two hosts as they died would be blamed for it."""

    def submit(self, _: object = None) -> None:
        """One job. A server that was killed meanwhile promised nothing."""
        inputs = [f"{self._numbers.choice(TEXTS)} {next(self._count)}" for _ in range(self._numbers.choice(SIZES))]
        try:
            answer = httpx.post(f"{self._server.url}/test/accept", content=json.dumps(inputs), timeout=30)
        except httpx.HTTPError:
            return
        assert answer.status_code == 202, answer.text
        self.accepted[answer.json()] = inputs

    def round(self, end: Callable[[], None]) -> None:
        """One job, which is accepted, then more side by side, and at a random moment `end`."""
        self.submit()
        later = threading.Timer(self._numbers.uniform(0, LONGEST_LIFE_SECONDS), end)
        later.start()
        with ThreadPoolExecutor(4) as threads:
            list(threads.map(self.submit, range(JOBS_EACH)))
        later.join()

    def until(self, wanted: Callable[[dict[str, int]], bool]) -> None:
        """Look at the counts by state until they are as `wanted`."""
        until = time.monotonic() + PATIENCE_SECONDS
        while not wanted(counts := httpx.get(f"{self._server.url}/test/count", timeout=30).json()):
            assert time.monotonic() < until, f"stuck: {counts}"
            time.sleep(0.05)

    def settled(self) -> dict[str, Any]:
        """What became of all jobs, once none is left to do."""
        self.until(lambda counts: not counts["pending"] + counts["processing"])
        told: dict[str, Any] = httpx.get(f"{self._server.url}/test/tell", timeout=30).json()
        return told

    def require_all_done(self, told: dict[str, Any]) -> None:
        """Each accepted job completed, each of its inputs with its own result and none twice."""
        assert set(self.accepted) <= set(told)
        unfinished = {id_: job for id_, job in told.items() if job["state"] != "completed"}
        assert not unfinished
        labels = {
            _mood(text): label
            for id_, texts in self.accepted.items()
            for text, label in zip(texts, told[id_]["labels"], strict=True)
        }
        assert len(set(labels.values())) > 1
        wrong = [
            id_
            for id_, texts in self.accepted.items()
            if told[id_]["labels"] != [labels[_mood(text)] for text in texts]
        ]
        assert not wrong


def _start(server: GreenroomServer) -> None:
    server.start()
    server.control.auto(0.0)


def _mood(text: str) -> str:
    return text.rpartition(" ")[0]


def test_every_accepted_job_is_done_once_whoever_is_killed_and_however_often(server: GreenroomServer) -> None:
    """The host is a scripted one, which dies at once; a real one is killed below."""
    crowd, worker = Crowd(server), GreenroomWorker(folder=server.folder)
    victims = itertools.cycle((server.kill, worker.kill, lambda: server.control.crash()))
    with worker:
        for victim in itertools.islice(victims, ROUNDS):
            if not worker.running:
                worker.start()
            if not server.running:
                _start(server)
            crowd.round(victim)
        if not server.running:
            _start(server)
        crowd.require_all_done(crowd.settled())
        assert len(crowd.accepted) >= ROUNDS
        assert "workers_gone" in server.log() + worker.log()


@pytest.mark.model
def test_every_accepted_job_is_done_once_however_often_its_models_process_is_killed(tmp_path: Path) -> None:
    (tmp_path / "greenroom.toml").write_text(
        f'[models.{MODEL}]\nsource = "builtin:sentiment"\ntask = "classify"\nrequired = true\n'
    )
    with GreenroomServer("tests.integration.jobs.desk:app", folder=tmp_path, engine="local") as server:
        crowd = Crowd(server)

        def host() -> int | None:
            told = httpx.get(f"{server.url}/models/status", timeout=30).json()["models"][0]
            return told["pid"] if told["resident"] else None

        for _ in range(HOST_ROUNDS):
            before = _eventually(host)
            crowd.round(lambda: os.kill(before, signal.SIGKILL))  # noqa: B023 - it is called in here
            told = crowd.settled()
            _eventually(lambda: pid if (pid := host()) != before else None)  # noqa: B023
        crowd.require_all_done(told)


def _eventually(look: Callable[[], int | None]) -> int:
    until = time.monotonic() + PATIENCE_SECONDS
    while (found := look()) is None:
        assert time.monotonic() < until
        time.sleep(0.05)
    return found


def test_a_server_that_is_asked_to_stop_leaves_its_jobs_to_the_next_one(server: GreenroomServer) -> None:
    crowd = Crowd(server)
    server.start()
    server.control.auto(0.0)
    server.control.hold_calls()
    crowd.round(lambda: None)
    server.restart()
    told = httpx.get(f"{server.url}/test/tell", timeout=30).json()
    assert {(job["state"], job["attempts"]) for job in told.values()} == {("pending", 0)}
    server.control.auto(0.0)
    crowd.require_all_done(crowd.settled())


def test_two_servers_on_one_data_folder_share_the_work_and_neither_takes_the_others(
    server: GreenroomServer,
) -> None:
    other = GreenroomServer("tests.integration.jobs.desk:app", folder=server.folder)
    with server, other:
        server.control.auto(0.0)
        other.control.auto(0.0)
        crowd = Crowd(server)
        crowd.round(lambda: None)
        crowd.require_all_done(crowd.settled())
        assert "job_lease_lost" not in server.log()


def test_a_server_that_stood_still_past_its_leases_writes_nothing_of_what_another_did(server: GreenroomServer) -> None:
    with server, GreenroomServer("tests.integration.jobs.desk:app", folder=server.folder) as other:
        server.control.auto(0.0)
        server.control.hold_calls()
        crowd = Crowd(server)
        crowd.round(lambda: None)
        crowd.until(lambda counts: not counts["pending"])  # else it might be stopped with the database in its hands
        os.kill(server.pid, signal.SIGSTOP)
        other.control.auto(0.0)
        crowd._server = other
        told = crowd.settled()
        os.kill(server.pid, signal.SIGCONT)
        server.control.release_calls()
        crowd.require_all_done(told)
        until = time.monotonic() + PATIENCE_SECONDS
        while server.log().count("job_lease_lost") < 1:
            assert time.monotonic() < until, "it never noticed"
            time.sleep(0.05)
        assert crowd.settled() == told
