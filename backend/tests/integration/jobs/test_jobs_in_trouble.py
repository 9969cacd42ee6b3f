"""A disk that is full, and a database that another process holds: told, and nothing that was accepted is lost."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path
from typing import Any

import httpx
import pytest

from greenroom.jobs.lives import is_free
from greenroom.testing import GreenroomServer

MODELS = '[models.sentiment]\nsource = "path:anything"\nruntime = "text-classifier"\n'
SMALL_DISK_BYTES = 32 * 1024 * 1024
PATIENCE_SECONDS = 30.0
LOOK_SECONDS = 0.2
FILE = (b"a good day, " * 40 + b"\n") * 6_000
"""Of 3 MB, so that it comes in several pieces."""


class Desk:
    """Where jobs are handed in."""

    def __init__(self, server: GreenroomServer) -> None:
        self.server = server

    def call(self, method: str, path: str, **sent: Any) -> httpx.Response:
        return httpx.request(method, f"{self.server.url}{path}", timeout=30, **sent)

    def accepted(self, text: str) -> str:
        answer = self.call("POST", "/jobs", json={"text": text})
        assert answer.status_code == 202, answer.text
        id_: str = answer.json()["job_uuid"]
        return id_

    def upload(self, content: bytes = FILE) -> httpx.Response:
        return self.call("POST", "/jobs", files={"file": ("texts.txt", content)})

    def require_unavailable(self, answer: httpx.Response, words: str) -> None:
        """Refused for a while, in words."""
        told = answer.json()
        assert (answer.status_code, told["type"]) == (503, "/problems/jobs-unavailable"), answer.text
        assert words in told["detail"]
        assert int(answer.headers["retry-after"]) >= 1

    def become_ready(self) -> None:
        self.server.control.auto(0.0, model="sentiment")

    def require_completed(self, *ids: str) -> None:
        until = time.monotonic() + PATIENCE_SECONDS
        for id_ in ids:
            while (job := self.call("GET", f"/jobs/{id_}").json())["status"] != "completed":
                assert job["status"] in ("pending", "processing"), job
                assert time.monotonic() < until, f"stuck: {job}"
                time.sleep(0.05)
            assert len(self.call("GET", f"/jobs/{id_}/results").json()) == job["total"]

    def require_no_fault(self) -> None:
        """Nothing was answered with 500, nothing broke in silence."""
        assert "Traceback" not in self.server.log()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    place = tmp_path / "data"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={SMALL_DISK_BYTES}", "tmpfs", str(place)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("a small disk takes the right to mount one")
    yield place
    subprocess.run(["umount", str(place)], check=True)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "greenroom.toml").write_text(MODELS)
    return tmp_path


@contextlib.contextmanager
def desk_in(folder: Path) -> Iterator[Desk]:
    with GreenroomServer(folder=folder) as server:
        desk = Desk(server)
        yield desk
        desk.require_no_fault()


@contextlib.contextmanager
def filled(disk: Path, free_bytes: int = 0) -> Iterator[None]:
    """Nobody else has more than `free_bytes` there."""
    ballast = disk / "ballast"
    with ballast.open("wb", buffering=0) as file:
        with contextlib.suppress(OSError):
            while True:
                file.write(b"x" * 65_536)
        file.truncate(max(0, file.tell() - free_bytes))
    try:
        yield
    finally:
        ballast.unlink()


def left_files(disk: Path) -> list[str]:
    return sorted(file.suffix for file in (disk / "jobs").glob("*.*"))


@pytest.mark.parametrize("free_bytes", [0, len(FILE) // 2, len(FILE) + 1_000_000])
def test_a_disk_that_fills_up_during_an_upload_is_told_and_earlier_jobs_are_done(
    small_disk: Path, folder: Path, free_bytes: int
) -> None:
    with desk_in(folder) as desk:
        earlier = desk.accepted("a good day")
        with filled(small_disk, free_bytes):
            desk.require_unavailable(desk.upload(), "disk is full")
            assert left_files(small_disk) == []
        later = desk.upload()
        assert later.status_code == 202, later.text
        desk.become_ready()
        desk.require_completed(earlier, later.json()["job_uuid"])


def test_a_disk_that_is_full_when_jobs_are_committed_is_told_and_they_are_done_once_there_is_room(
    small_disk: Path, folder: Path
) -> None:
    with desk_in(folder) as desk:
        earlier = [desk.accepted(f"a good day, no. {number}") for number in range(20)]
        with filled(small_disk):
            desk.require_unavailable(desk.call("POST", "/jobs", json={"inputs": ["x" * 1000] * 500}), "disk is full")
            desk.become_ready()
            desk.server.control.wait_for(lambda state: bool(state["ready"]), "ready")
            refused = desk.call("POST", "/jobs", json={"inputs": ["y" * 1000] * 500})
            desk.require_unavailable(refused, "disk is full")
            assert desk.call("GET", "/health").status_code == 200
        desk.require_completed(*earlier, desk.accepted("a bad day"))
        assert len(desk.call("GET", "/jobs", params={"limit": 100}).json()) == len(earlier) + 1


@contextlib.contextmanager
def locked(database: Path) -> Iterator[None]:
    """By another process, which writes to it and does not come to an end."""
    code = (
        "import sqlite3, sys; database = sqlite3.connect(sys.argv[1], isolation_level=None); "
        "database.execute('BEGIN EXCLUSIVE'); print(flush=True); sys.stdin.read(); database.execute('ROLLBACK')"
    )
    holding = [sys.executable, "-c", code, str(database)]
    with subprocess.Popen(holding, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdin
        assert holder.stdout
        holder.stdout.readline()
        try:
            yield
        finally:
            holder.stdin.close()


def test_a_database_that_another_process_holds_is_told_and_jobs_go_on_once_it_lets_go(folder: Path) -> None:
    with desk_in(folder) as desk:
        earlier = desk.accepted("a good day")
        with locked(folder / "data" / "greenroom.db"), ThreadPoolExecutor(2) as threads:
            desk.become_ready()
            asked = [
                threads.submit(desk.call, "POST", "/jobs", json={"text": "a bad day"}),
                threads.submit(desk.upload, b"a bad day\n"),
            ]
            while wait(asked, LOOK_SECONDS).not_done:
                assert desk.call("GET", "/health").status_code == 200
                assert desk.call("GET", f"/jobs/{earlier}").json()["status"] == "pending"
            for call in asked:
                desk.require_unavailable(call.result(), "locked by another process")
            assert left_files(folder / "data") == []
        desk.require_completed(earlier, desk.accepted("a bad day"))
        assert len(desk.call("GET", "/jobs").json()) == 2


def test_what_an_upload_left_that_died_with_its_server_is_swept_by_the_next_one(folder: Path) -> None:
    with GreenroomServer(folder=folder) as server:
        Desk(server).accepted("a good day")  # or the next server would have no reason to look
        with socket.create_connection(("127.0.0.1", server.port), PATIENCE_SECONDS) as line:
            head = "POST /jobs HTTP/1.1\r\nHost: localhost\r\nContent-Type: text/plain\r\nContent-Length: 9999\r\n\r\n"
            line.sendall(head.encode() + b"half of it")
            server.control.wait_for(lambda _: left_files(folder / "data") == [".upload"], "with an upload under way")
            (raw,) = (folder / "data" / "jobs").glob("*.upload")
            assert not is_free(raw)
            server.kill()
        assert is_free(raw)
        os.utime(raw, (0, 0))  # long ago
        server.start()
        server.control.wait_for(lambda _: not raw.exists(), "without what was left")


def test_a_server_stops_in_its_ten_seconds_whoever_holds_the_database(folder: Path) -> None:
    """With jobs that run, and a request that never comes to its end."""
    with GreenroomServer(folder=folder) as server:
        desk = Desk(server)
        desk.become_ready()
        desk.require_completed(desk.accepted("a good day"))
        server.control.hold_calls()
        ids = [desk.accepted("a good day") for _ in range(3)]
        until = time.monotonic() + PATIENCE_SECONDS
        while desk.call("GET", f"/jobs/{ids[0]}").json()["status"] != "processing":
            assert time.monotonic() < until
            time.sleep(0.05)
        with (
            locked(folder / "data" / "greenroom.db"),
            socket.create_connection(("127.0.0.1", server.port)) as unending,
        ):
            unending.sendall(b"POST /jobs HTTP/1.1\r\nHost: localhost\r\nContent-Type: text/plain\r\n"
                             b"Content-Length: 1000\r\n\r\nx")  # fmt: skip
            server.send_signal(signal.SIGTERM)
            server.wait(10)
        server.start()
        desk.become_ready()
        desk.require_completed(*ids)
