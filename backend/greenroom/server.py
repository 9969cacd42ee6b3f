"""`greenroom serve`: uvicorn as we want it, and one line that tells programs where it listens."""

from __future__ import annotations

import contextlib
import errno
import json
import logging
import os
import signal
import socket
import sys
import time
from collections.abc import Callable
from types import FrameType
from typing import TYPE_CHECKING

import structlog
import uvicorn
from uvicorn.importer import ImportFromStringError, import_from_string

from greenroom.connections import HttpConnection, Places, PushSocket
from greenroom.logs import take_standard_logs
from greenroom.settings import Settings, load_settings
from greenroom.web.hub import Hub
from greenroom.words import ConfigError

if TYPE_CHECKING:
    from uvicorn._types import ASGIApplication

log = structlog.get_logger("greenroom.server")
READY_LINE = "GREENROOM_READY_LINE"
FINISH_SECONDS = 6
"""For requests in progress once the server was asked to stop. In seconds, at most: a look at the signal 0.1, the
goodbyes `hub.FLUSH_SECONDS` 0.5 and their sending 0.1, these 6, the hosts' last batch `local.CLOSE_GRACE_SECONDS` 1,
word of how they ended `processes.EXIT_REPORT_SECONDS` 1, the zygote's end `zygote.END_SECONDS` 1: below 10 in all. Jobs
end beside the requests: chunks with the calls, and then `worker.GIVE_BACK_SECONDS` 0.5; the store beside the hosts,
`store.END_SECONDS` 1, whoever holds the database."""
CALL_SECONDS = 5
"""Of these, for predictions: who then has none is told so, which takes time, too."""
UNREAD_SECONDS = 30
"""A client that takes nothing of what it was sent for so long is dropped by the kernel (TCP_USER_TIMEOUT, RFC 5482)."""
SPARE_FILES = 512
"""File descriptors beside those of sockets and HTTP connections: hosts, logs, model files."""


class _Server(uvicorn.Server):
    """Says where it listens once it does, and says goodbye before it ends."""

    def __init__(self, config: uvicorn.Config, url: str, hub: Hub | None) -> None:
        super().__init__(config)
        self._url = url
        self._hub = hub

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            print(READY_LINE, json.dumps({"url": self._url, "pid": os.getpid()}), flush=True)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stop listening, tell the clients to come back later, then let uvicorn finish what is in progress."""
        begun, sockets_open = time.monotonic(), 0 if self._hub is None else len(self._hub)
        requests = max(0, len(self.server_state.tasks) - sockets_open)  # each socket has its task, too
        log.info("stopping", signal=self._signal_name(), sockets=sockets_open, requests=requests)
        for server in self.servers:
            server.close()  # first: who comes back at once must meet the successor, not us
        if self._hub is not None:
            await self._hub.drain(CALL_SECONDS)
        await super().shutdown(sockets)
        log.info("stopped", seconds=round(time.monotonic() - begun, 2))

    def _signal_name(self) -> str | None:
        return signal.Signals(self._captured_signals[0]).name if self._captured_signals else None

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """The first signal asks for an orderly end. The second means at once: hosts end with their connection."""
        if self.should_exit:
            os._exit(128 + sig)
        super().handle_exit(sig, frame)


def serve(app: str) -> int:
    """Serve the app that the factory `module:function` makes, until a signal. Raises ConfigError."""
    settings = load_settings()
    require_writable(settings)
    factory = _factory(app)
    with _listen(settings) as listener:
        return _serve(factory, listener, settings)


def _serve(factory: Callable[[], ASGIApplication], listener: socket.socket, settings: Settings) -> int:
    host, port = listener.getsockname()[:2]
    shown = f"[{host}]" if ":" in host else ("127.0.0.1" if host == "0.0.0.0" else host)  # noqa: S104 - shown, not bound
    take_standard_logs(settings)
    _allow_files(settings.max_connections + settings.max_http_connections + SPARE_FILES)
    application = factory()
    config = uvicorn.Config(
        application, http=HttpConnection.within(Places(settings)), ws=PushSocket, ws_per_message_deflate=False,
        ws_max_size=64 * 1024, ws_ping_interval=20, ws_ping_timeout=20, log_config=None, access_log=False,
        lifespan="on", timeout_graceful_shutdown=FINISH_SECONDS, server_header=False,
        # Said in any case: left out, uvicorn believes 127.0.0.1 and whomever $FORWARDED_ALLOW_IPS names.
        proxy_headers=bool(settings.trusted_proxies), forwarded_allow_ips=list(settings.trusted_proxies),
    )  # fmt: skip
    hub = getattr(getattr(application, "state", None), "greenroom_hub", None)
    server = _Server(config, f"http://{shown}:{port}", hub)
    with contextlib.suppress(KeyboardInterrupt):  # uvicorn raises it again after a clean stop
        server.run([listener])
    return 0 if server.started else 3


def _factory(app: str) -> Callable[[], ASGIApplication]:
    """Raises ConfigError when there is none under this name."""
    try:
        factory: Callable[[], ASGIApplication] = import_from_string(app)
    except ImportFromStringError as error:
        raise ConfigError(f"--app {app}: {error}") from error
    return factory


def require_writable(settings: Settings) -> None:
    """Make the data folder. Raises ConfigError when that, or writing there, is not possible."""
    try:
        settings.data.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(f"The data folder {settings.data} cannot be made ({error.strerror}). Set --data.") from error
    if not os.access(settings.data, os.W_OK):
        raise ConfigError(f"The data folder {settings.data} is not writable. Set --data to one that is.")


def _allow_files(wanted: int) -> None:
    """Raise this process's limit of open files to `wanted`, or as far as the machine allows and say what is missing."""
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    allowed = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    if allowed > soft:
        resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, hard))
    if allowed < wanted:
        text = (
            "Only %d files may be open here: too few for GREENROOM_MAX_CONNECTIONS. Raise the limit to %d (ulimit -n)."
        )
        logging.getLogger("greenroom").warning(text, allowed, wanted)


def _listen(settings: Settings) -> socket.socket:
    """A listening socket. Raises ConfigError that says what to do when the port is taken."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if sys.platform == "linux":  # inherited by the connections
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, UNREAD_SECONDS * 1000)
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
