"""The load generator reads frames wherever their bytes are cut, and a stamp is the moment it says."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator

import pytest

from bench.malformed_wire import close_code
from bench.sockets_clients import Clients, quantiles

HEAD = b"HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\n\r\n"


def text_frame(text: bytes) -> bytes:
    length = bytes([len(text)]) if len(text) < 126 else b"\x7e" + len(text).to_bytes(2, "big")
    return b"\x81" + length + text


def snapshot(at: float) -> bytes:
    stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(at)) + f".{int(at % 1 * 1000):03d}Z"
    return b'{"type":"initialization","padding":"%s","at":"%s"}' % (b"x" * 500, stamp.encode())


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield listening


def say_in_pieces(listener: socket.socket, data: bytes, size: int, heard: list[bytes]) -> threading.Thread:
    """Send `data` to the first client, `size` bytes at a time, each a segment of its own; note what it says after."""

    def say() -> None:
        link, _ = listener.accept()
        with link:
            link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            link.recv(4096)
            for begin in range(0, len(data), size):
                link.sendall(data[begin : begin + size])
            link.settimeout(5)
            heard.append(link.recv(4096))

    thread = threading.Thread(target=say)
    thread.start()
    return thread


@pytest.mark.parametrize("size", [1, 2, 3, 7, 100_000])
def test_frames_are_counted_wherever_they_are_cut(listener: socket.socket, size: int) -> None:
    frames = [text_frame(b"{}"), text_frame(snapshot(0)), b"\x89\x02hi", text_frame(b"x" * 125), text_frame(b"x" * 126)]
    heard: list[bytes] = []
    thread = say_in_pieces(listener, HEAD + b"".join(frames), size, heard)
    clients = Clients(listener.getsockname()[1])
    clients.begin(0)
    until = time.monotonic() + 10
    while not clients.lost and time.monotonic() < until:
        clients.turn(0.1)
    thread.join()
    assert (clients.frames, clients.lost) == (4, 1)
    assert heard == [b"\x8a\x82\x00\x00\x00\x00hi"]


def test_a_latency_is_counted_from_the_stamp(listener: socket.socket) -> None:
    thread = say_in_pieces(listener, HEAD + text_frame(snapshot(time.time() - 100)) + b"\x89\x00", 100_000, [])
    clients = Clients(listener.getsockname()[1])
    clients.begin(0)
    taken = clients.measure(1)
    thread.join()
    assert taken["frames"] == 1
    assert taken["p50_ms"] == pytest.approx(100_000, abs=5_000)


def test_quantiles_of_a_hundred() -> None:
    assert quantiles([second / 1000 for second in range(100)]) == {"p50_ms": 49.5, "p99_ms": 99.0, "max_ms": 99.0}
    assert quantiles([]) == {}


@pytest.mark.parametrize(
    ("data", "code"), [(b"\x81\x02{}\x88\x02\x03\xe8", 1000), (b"\x88\x00", 1005), (b"\x81\x01x", None)]
)
def test_a_close_code_is_found_among_frames(data: bytes, code: int | None) -> None:
    assert close_code(data) == code
