"""A server that answers what a test says, on a real port of this machine."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from greenroom.protocol.base import Message

Reply = Callable[[], tuple[int, bytes]]


@dataclass
class Answering:
    """`replies`: "METHOD /path" → what is answered. The other members say what came, the latest last."""

    url: str
    replies: dict[str, Reply]
    asked: list[str] = field(default_factory=list)
    tokens: list[str | None] = field(default_factory=list)
    keys: list[str | None] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)


def says(message: Message, status: int = 200) -> Reply:
    return lambda: (status, message.to_json())


@contextlib.contextmanager
def answering(replies: dict[str, Reply]) -> Iterator[Answering]:
    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            there.asked.append(f"{self.command} {self.path}")
            there.tokens.append(self.headers.get("authorization"))
            there.keys.append(self.headers.get("idempotency-key"))
            there.bodies.append(self.rfile.read(int(self.headers.get("content-length", "0"))))
            try:
                status, body = there.replies[f"{self.command} {self.path.partition('?')[0]}"]()
            except ConnectionError:  # the reply of a server that dies
                self.close_connection = True
                return
            with contextlib.suppress(OSError):  # whoever gave up waiting is not there any more
                self.send_response(status)
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

        do_GET = do_POST = do_DELETE = _answer  # noqa: N815 - http.server's names

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    there = Answering(f"http://127.0.0.1:{server.server_port}", replies)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield there
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
