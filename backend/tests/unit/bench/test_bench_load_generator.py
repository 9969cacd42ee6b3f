from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from bench.load_generator import LoadGenerator, Order


class Echo(BaseHTTPRequestHandler):
    """Answers 200 to what says so, 429 to the rest, and keeps the connection."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
        self.send_response(asked["status"])
        self.send_header("content-length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, format: str, *arguments: object) -> None:
        """Tests are quiet."""


@pytest.fixture
def port() -> Iterator[int]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Echo) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server.server_address[1]
        server.shutdown()
        thread.join()


def test_clients_ask_until_the_time_is_up_and_refusals_are_counted(port: int) -> None:
    bodies = [{"status": 200}, {"status": 429}]
    with LoadGenerator() as generator:
        outcome = generator.run(Order(port, "/x", bodies, clients=2, seconds=0.2))
        again = generator.run(Order(port, "/x", bodies[:1], clients=1, seconds=0.05))
    assert outcome.answers == len(outcome.latencies) > 2
    assert 0 < outcome.refused < outcome.answers
    assert (again.refused, again.answers > 0) == (0, True)
    assert 0 < outcome.seconds <= 0.2
    assert outcome.cpu_seconds > 0
