"""A real nginx in front of a server, with the very configuration that `docs/operations.md` tells operators to use."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import socket
import ssl
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

_ROOT = Path(__file__).parents[4]
_PLACES = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin", f"{_ROOT}/.venv/nginx/usr/sbin"])
OPERATIONS = _ROOT / "docs" / "operations.md"
NGINX = shutil.which("nginx", path=_PLACES)
OPENSSL = shutil.which("openssl")
MISSING = [name for name, found in (("nginx", NGINX), ("openssl", OPENSSL)) if not found]
WHY_SKIPPED = f"Not installed: {', '.join(MISSING)}. Mend with: scripts/setup --for test"
DEADLINE_SECONDS = 15.0
POLL_SECONDS = 0.01
HOST = "127.0.0.1"

_AROUND = """\
daemon off;
{user}
worker_processes 1;
pid {folder}/nginx.pid;
error_log {folder}/error.log notice;
events {{ worker_connections 256; }}
http {{
    access_log {folder}/access.log;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    include {folder}/greenroom.conf;
}}
"""


def documented_configuration() -> str:
    """The one nginx block of the operator's manual."""
    (block,) = re.findall(r"^```nginx\n(.*?)^```$", OPERATIONS.read_text(), re.MULTILINE | re.DOTALL)
    return str(block)


def replaced(text: str, places: dict[str, str]) -> str:
    """`text` with each of `places` filled in; each must be there once, or manual and test have drifted apart."""
    for place, value in places.items():
        if text.count(place) != 1:
            raise AssertionError(f"docs/operations.md: {place!r} stands there {text.count(place)} times, not once")
        text = text.replace(place, value)
    return text


def free_port() -> int:
    with socket.create_server((HOST, 0)) as listener:
        return int(listener.getsockname()[1])


class Nginx:
    """nginx in the foreground, as a child with files of its own, before the server on `upstream_port`.

    `changes`: further places of the documented configuration and what stands there instead."""

    def __init__(self, folder: Path, upstream_port: int, changes: dict[str, str] | None = None) -> None:
        self.folder = folder
        self.plain_port, self.port = free_port(), free_port()
        self.url = f"https://{HOST}:{self.port}"
        self._process: subprocess.Popen[bytes] | None = None
        certificate, key = _self_signed(folder)
        places = {
            "server 127.0.0.1:8000;": f"server {HOST}:{upstream_port};",
            "listen 80;": f"listen {HOST}:{self.plain_port};",
            "listen 443 ssl;": f"listen {HOST}:{self.port} ssl;",
            "/etc/ssl/ai.example.pem": str(certificate),
            "/etc/ssl/ai.example.key": str(key),
        }
        (folder / "greenroom.conf").write_text(replaced(documented_configuration(), {**places, **(changes or {})}))
        user = "user root;" if os.geteuid() == 0 else ""  # or its workers may not enter our folder
        (folder / "nginx.conf").write_text(_AROUND.format(folder=folder, user=user))
        self.trust = ssl.create_default_context(cafile=certificate)
        """For clients: nothing but this certificate."""

    def __enter__(self) -> Self:
        command = [str(NGINX), "-e", f"{self.folder}/error.log", "-p", str(self.folder), "-c", "nginx.conf"]
        self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL)
        self._wait_for(self._listens)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process is not None:
            self._process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(DEADLINE_SECONDS)
            self._process.kill()
            self._process.wait(DEADLINE_SECONDS)

    def reload(self) -> None:
        """What `nginx -s reload` does; returns when the workers from before let nobody in any more."""
        before = self.log().count("gracefully shutting down")
        assert self._process is not None
        self._process.send_signal(signal.SIGHUP)
        self._wait_for(lambda: self.log().count("gracefully shutting down") > before)

    def log(self) -> str:
        file = self.folder / "error.log"
        return file.read_text(errors="replace") if file.exists() else ""

    def _listens(self) -> bool:
        with contextlib.suppress(OSError), socket.create_connection((HOST, self.port), 1):
            return True
        return False

    def _wait_for(self, happened: Callable[[], bool]) -> None:
        assert self._process is not None
        until = time.monotonic() + DEADLINE_SECONDS
        while not happened():
            if self._process.poll() is not None or time.monotonic() > until:
                raise AssertionError(f"nginx does not do what it should:\n{self.log()}")
            time.sleep(POLL_SECONDS)


def _self_signed(folder: Path) -> tuple[Path, Path]:
    certificate, key = folder / "certificate.pem", folder / "key.pem"
    subprocess.run(
        [
            str(OPENSSL), "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
            "-days", "2", "-subj", f"/CN={HOST}", "-addext", f"subjectAltName=IP:{HOST}",
            "-out", str(certificate), "-keyout", str(key),
        ],
        check=True, capture_output=True,
    )  # fmt: skip
    return certificate, key
