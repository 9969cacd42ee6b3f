"""What may stand behind each scheme, for the start: a source of the wrong form stops it, and not a load much later.

Pure: nobody is asked, and no client library imported, which the sources themselves do. Each of them looks again.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from ipaddress import ip_address
from urllib.parse import urldefrag, urlsplit

from greenroom.sources.builtin import SHELF
from greenroom.sources.links import drive_file_id, file_name
from greenroom.sources.table import SOURCES
from greenroom.words import ConfigError, ModelSpec

_HUB = re.compile(r"[\w.-]+(/[\w.-]+)?(@.+)?")
_PACKAGE = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?\s*(==\s*[A-Za-z0-9.!+_-]+)?")
_REGISTERED = re.compile(r"models:/[^/:@]+(@[^/:@]+|/(\d+|staging|production|archived))?", re.IGNORECASE)
_SHA256 = re.compile(r"(sha256=[0-9a-fA-F]{64})?")


def require_form(spec: ModelSpec, where: str, mlflow_tracking_uri: str) -> None:
    """Raises ConfigError when no load of `spec` could succeed. `where`: the file or variable that it stands in."""
    scheme, _, rest = spec.source.partition(":")
    fault = _FORMS.get(scheme, _unknown)(rest.strip())
    if fault:
        raise ConfigError(f"{where}: the source of {spec.name} {fault}.")
    if scheme == "mlflow" and not mlflow_tracking_uri:
        raise ConfigError(
            f"{where}: the source of {spec.name} needs MLFLOW_TRACKING_URI, such as http://127.0.0.1:5000."
        )


def _unknown(rest: str) -> str:
    known = ", ".join(f"{name}:" for name in SOURCES if name != "http")
    return f"has to begin with one of {known}"


def _package(rest: str) -> str:
    return "" if _PACKAGE.fullmatch(rest) else "has to be package:<name> or package:<name>==<version>"


def _path(rest: str) -> str:
    return "" if rest and "\0" not in rest else "has to be path:<folder>"


def _builtin(rest: str) -> str:
    shipped = sorted(folder.name for folder in SHELF.iterdir() if folder.is_dir())
    return "" if rest in shipped else f"has to be one of {', '.join(f'builtin:{name}' for name in shipped)}"


def _hub(rest: str) -> str:
    return "" if _HUB.fullmatch(rest) else "has to be hf:<owner>/<name> or hf:<owner>/<name>@<revision>"


def _https(rest: str) -> str:
    return _address(f"https:{rest}")


def _http(rest: str) -> str:
    fault = _address(f"http:{rest}")
    return fault or (
        "" if _is_here(f"http:{rest}") else "has to begin with https: on plain http anybody could change it"
    )


def _address(url: str) -> str:
    try:
        address, fragment = urldefrag(url)
        host = urlsplit(address).hostname
    except ValueError:
        host, address, fragment = None, "", ""
    if not host or not file_name(address):
        return "has to be the address of a file: https://<host>/<file>"
    return "" if _SHA256.fullmatch(fragment) else "may have behind a # only sha256=<64 hexadecimal digits>"


def _is_here(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _drive(rest: str) -> str:
    return "" if drive_file_id(rest) else "has to be gdrive:<file id> or gdrive:<share link of a single file>"


def _mlflow(rest: str) -> str:
    form = (
        "has to be mlflow:models:/<name>@<alias>, or with /<number>, or with /<stage> (Staging, Production, Archived)"
    )
    return "" if _REGISTERED.fullmatch(rest) else form


_FORMS: Mapping[str, Callable[[str], str]] = {
    "package": _package, "path": _path, "builtin": _builtin, "hf": _hub, "https": _https, "http": _http,
    "gdrive": _drive, "mlflow": _mlflow,
}  # fmt: skip
"""Scheme → what is wrong with what stands behind it, as the end of a sentence; empty when nothing is."""
