"""`greenroom serve`: uvicorn as we want it, and one line that tells programs where it listens."""

from __future__ import annotations

import contextlib
import errno
import json
import logging
import os
import socket
import sys

import uvicorn

from greenroom.settings import Settings, load_settings
from greenroom.words import ConfigError

READY_LINE = "GREENROOM_READY_LINE"
SEND_BUFFER_BYTES = 32 * 1024
"""Kernel send buffer of a connection: the default would hide megabytes of stale snapshots from a slow reader."""
GRACEFUL_SECONDS = 10


class _Server(uvicorn.Server):
    """Says where it listens once it does."""

    def __init__(self, config: uvicorn.Config, url: str) -> None:
        super().__init__(config)
        self._url = url

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            print(READY_LINE, json.dumps({"url": self._url, "pid": os.getpid()}), flush=True)


def serve(app: str) -> int:
    """Serve the app that the factory `module:function` makes, until a signal. Raises ConfigError."""
    settings = load_settings()
    _require_writable(settings)
    listener = _listen(settings)
    host, port = listener.getsockname()[:2]
    shown = f"[{host}]" if ":" in host else ("127.0.0.1" if host == "0.0.0.0" else host)  # noqa: S104 - shown, not bound
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    config = uvicorn.Config(
        app, factory=True, ws="websockets-sansio", ws_per_message_deflate=False, ws_max_size=64 * 1024,
        ws_ping_interval=20, ws_ping_timeout=20, log_config=None, access_log=False, lifespan="on",
        timeout_graceful_shutdown=GRACEFUL_SECONDS, server_header=False,
    )  # fmt: skip
    server = _Server(config, f"http://{shown}:{port}")
    with contextlib.suppress(KeyboardInterrupt):  # uvicorn raises it again after a clean stop
        server.run([listener])
    return 0 if server.started else 3


def _require_writable(settings: Settings) -> None:
    try:
        settings.data.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(f"The data folder {settings.data} cannot be made ({error.strerror}). Set --data.") from error
    if not os.access(settings.data, os.W_OK):
        raise ConfigError(f"The data folder {settings.data} is not writable. Set --data to one that is.")


def _listen(settings: Settings) -> socket.socket:
    """A listening socket. Raises ConfigError that says what to do when the port is taken."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)
    try:
        listener.bind((settings.host, settings.port))
    except OSError as error:
        listener.close()
        raise ConfigError(_why_not(error, settings)) from error
    listener.set_inheritable(False)
    return listener


def _why_not(error: OSError, settings: Settings) -> str:
    if error.errno == errno.EADDRINUSE:
        return (
            f"Port {settings.port} is taken. Stop what uses it, or choose another: --port {settings.port + 1} (0: any)."
        )
    return f"Cannot listen on {settings.host} port {settings.port}: {error.strerror}."
