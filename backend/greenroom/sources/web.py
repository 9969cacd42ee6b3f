"""`https://host/file`: one file, or an archive of files. Plain `http://` only to this very machine."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from urllib.parse import urldefrag, urlsplit

import httpx

from greenroom.sources.http import TryAgainError, is_loopback, open_client, refuse, request, send, unreachable
from greenroom.sources.links import file_name, is_archive_name
from greenroom.sources.plan import Http, Place, Plan, WantedFile
from greenroom.words import ConfigError, ModelSpec

_SHA256 = re.compile(r"[0-9a-fA-F]{64}")
_NO_HEAD = frozenset({403, 405, 501})
"""Servers that do not know HEAD, and links that were signed for GET alone: there the head of a GET will do."""
_FORBIDDEN = "Use a link that works without a login, such as a signed one."


class WebSource:
    """The source behind `https:` and `http:`."""

    def find(self, spec: ModelSpec, rest: str, place: Place) -> Plan:
        """See `Source.find`. Where the file's SHA-256 is known beforehand, nobody is asked."""
        url, sha256 = _address(spec)
        name = file_name(url)
        promised = (spec.sha256.get(name) or sha256 or "").lower()
        head = None if promised else _head(url)
        key, etag = (f"{_shown(url)}#{promised}", "") if head is None else _identity(url, head)
        size = head.headers.get("Content-Length", "") if head else ""
        file = WantedFile(
            path=name,
            how=Http(url, etag=etag, forbidden=_FORBIDDEN),
            bytes=int(size) if size.isdigit() else None,
            sha256=promised or None,
            unpack=is_archive_name(name),
        )
        short = promised or hashlib.sha256(key.encode()).hexdigest()
        return Plan(key=key, label=short[:8], origin=f"the file {name}", list_files=lambda: _only(file))


def _only(file: WantedFile) -> Sequence[WantedFile]:
    return (file,)


def _address(spec: ModelSpec) -> tuple[str, str]:
    """The address, and the SHA-256 behind `#sha256=`, which no server ever sees. Raises ConfigError."""
    url, fragment = urldefrag(spec.source)
    parts = urlsplit(url)
    if not parts.hostname or not file_name(url):
        raise ConfigError(f"The source of {spec.name} has to be the address of a file: https://<host>/<file>.")
    if parts.scheme == "http" and not is_loopback(parts.hostname):
        raise ConfigError(f"The source of {spec.name} has to begin with https: on plain http anybody could change it.")
    name, _, sha256 = fragment.partition("=")
    if fragment and not (name == "sha256" and _SHA256.fullmatch(sha256)):
        raise ConfigError(
            f"What stands behind # in the source of {spec.name} has to be sha256=<64 hexadecimal digits>."
        )
    return url, sha256


def _head(url: str) -> httpx.Response:
    with open_client() as client:
        try:
            response = send(client, request(client, "HEAD", Http(url)))
            if response.status_code in _NO_HEAD:
                response = send(client, request(client, "GET", Http(url)), stream=True)
                response.close()
            refuse(response, file_name(url), _FORBIDDEN)
        except TryAgainError as error:
            raise unreachable(error) from error
    return response


def _identity(url: str, head: httpx.Response) -> tuple[str, str]:
    """What the file is called for good, and the ETag that its download has to have. A server that gives neither ETag
    nor date leaves the size alone to tell two versions apart: there a SHA-256 in the configuration is the way."""
    etag, size = head.headers.get("ETag", ""), head.headers.get("Content-Length", "")
    mark = etag or f"{head.headers.get('Last-Modified', '')}/{size}"
    return f"{_shown(url)}{_query_mark(url)}#{mark}", etag


def _query_mark(url: str) -> str:
    """Tells apart addresses that differ in the query alone. A hash: the query itself may be a signature."""
    query = urlsplit(url).query
    return f"?{hashlib.sha256(query.encode()).hexdigest()[:12]}" if query else ""


def _shown(url: str) -> str:
    """The address without what may be a secret: a signature in the query, a password before the host."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.hostname}{f':{parts.port}' if parts.port else ''}{parts.path}"
