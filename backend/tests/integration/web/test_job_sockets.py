"""Sockets of jobs on a real port: many at once, ones that nobody reads, and a server that stops."""

from __future__ import annotations

import contextlib
import json
import signal
from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from greenroom.testing import GreenroomServer
from greenroom.testing.plugin import GreenroomServerFactory
from tests.integration.web.sockets import upgrade
from tests.integration.web.test_patience_with_calls import read_all, read_on, resident_bytes

CROWD = 100
LARGE_FRAMES = 30
BAD_LINES = 100
"""Of each large job: a frame of it has some kilobytes."""


@pytest.fixture
def server(greenroom_server_factory: GreenroomServerFactory, tmp_path: Path) -> GreenroomServer:
    (tmp_path / "greenroom.toml").write_text('[models.mood]\nsource = "path:anything"\nruntime = "text-classifier"\n')
    return greenroom_server_factory(
        folder=tmp_path,
        environment={"GREENROOM_SLOW_READER_SECONDS": "1", "GREENROOM_MAX_CONNECTIONS_PER_ADDRESS": str(2 * CROWD)},
    )


def submit(server: GreenroomServer, **sent: Any) -> str:
    answer = httpx.post(f"{server.url}/jobs", timeout=20, **(sent or {"json": {"text": "good"}}))
    assert answer.status_code == 202, answer.text
    return str(answer.json()["job_uuid"])


def submit_large(server: GreenroomServer, good_lines: int = 1) -> str:
    lines = "".join(f'"{number}\n' for number in range(BAD_LINES)) + '"good"\n' * good_lines
    return submit(server, content=lines, headers={"content-type": "application/jsonl"})


def link_to(server: GreenroomServer, path: str) -> ClientConnection:
    return connect(f"{server.url.replace('http', 'ws')}{path}", max_size=None)


def heard(link: ClientConnection) -> dict[str, Any]:
    frame: dict[str, Any] = json.loads(link.recv(timeout=20))
    return frame


def test_a_crowd_sees_each_its_job_end(server: GreenroomServer) -> None:
    ids = [submit(server) for _ in range(5)]
    with contextlib.ExitStack() as stack:
        links = {
            stack.enter_context(link_to(server, f"/ws/jobs/{ids[number % 5]}")): ids[number % 5]
            for number in range(CROWD)
        }  # fmt: skip
        for link, id_ in links.items():
            assert (first := heard(link))["job_uuid"] == id_
            assert first["status"] == "pending"
        server.control.auto(0.0)
        for link, id_ in links.items():
            while (state := heard(link))["status"] != "completed":
                pass
            assert state["job_uuid"] == id_
            with pytest.raises(ConnectionClosed) as closed:
                link.recv(timeout=20)
            assert closed.value.rcvd is not None
            assert closed.value.rcvd.code == 1000


@pytest.mark.parametrize("path", ["/ws/jobs", "/ws/jobs/{id}"])
def test_a_stopping_server_says_so_on_sockets_of_jobs(server: GreenroomServer, path: str) -> None:
    id_ = submit(server)
    with link_to(server, path.format(id=id_)) as link:
        assert heard(link)["job_uuid"] == id_
        server.send_signal(signal.SIGTERM)
        while (frame := heard(link)).get("type") != "draining":
            pass
        assert 500 <= frame["reconnect_in_ms"] <= 1500
        with pytest.raises(ConnectionClosed) as closed:
            read_on(link)
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 1012
    server.wait()
    assert '"sockets": 1' in server.log()


def test_who_never_reads_is_cut_off_and_costs_no_memory_and_others_do_not_notice(server: GreenroomServer) -> None:
    ids = [submit_large(server) for _ in range(LARGE_FRAMES)]
    before = resident_bytes(server.pid)
    stalled = upgrade(server.url, "/ws/jobs", receive_buffer=4096)
    with link_to(server, "/ws/jobs") as reader:
        assert [heard(reader)["job_uuid"] for _ in ids] == ids
        server.control.wait_for(lambda _: "socket_too_slow" in server.log(), "the end of the one who does not read")
        with pytest.raises(ConnectionResetError):
            read_all(stalled)
        last = submit(server)
        assert heard(reader)["job_uuid"] == last
    stalled.close()
    assert resident_bytes(server.pid) - before < 8 * 1024 * 1024


def test_who_never_reads_of_a_single_job_is_cut_off_while_another_sees_its_end(server: GreenroomServer) -> None:
    id_ = submit_large(server, good_lines=40_000)
    stalled = upgrade(server.url, f"/ws/jobs/{id_}", receive_buffer=4096)
    with link_to(server, f"/ws/jobs/{id_}") as reader:
        server.control.auto(0.0)
        while (state := heard(reader))["status"] != "completed":
            assert len(state["bad_lines"]) == BAD_LINES
    server.control.wait_for(lambda _: "socket_too_slow" in server.log(), "the end of the one who does not read")
    with pytest.raises(ConnectionResetError):
        read_all(stalled)
    stalled.close()
