"""Speaking HTTP to the places where models come from: one client, and what its answers and failures mean. Imported
when a source needs it, and only in the fetch process."""

from __future__ import annotations

import email.utils
import ipaddress
import ssl
import time
from collections.abc import Iterator

import httpx

from greenroom.sources.plan import Http
from greenroom.sources.wire import with_retry_after
from greenroom.words import SourceError, SourceForbiddenError, SourceNotFoundError, SourceUnreachableError

CONNECT_SECONDS = 10.0
READ_SECONDS = 30.0
"""Longest silence in the middle of an answer."""
MAX_REDIRECTS = 10
_PLAIN_HOST = "greenroom_plain_host"
"""The host that was asked on plain http from the start: it alone may lead on to itself; httpx carries it along. Nobody
else may lead on to plain http, to this very machine neither: what listens here trusts whoever reaches it."""
_AGAIN = frozenset({408, 425, 429, 500, 502, 503, 504})


class TryAgainError(Exception):
    """The request may succeed a little later; `str(error)` says what happened, for people."""

    def __init__(self, detail: str, retry_after_seconds: float | None = None) -> None:
        super().__init__(detail)
        self.retry_after_seconds = retry_after_seconds


def open_client(connections: int = 4) -> httpx.Client:
    """A client that follows redirects, but neither from https to plain http, nor with Authorization to another
    origin (httpx sees to that)."""
    return httpx.Client(
        follow_redirects=True,
        max_redirects=MAX_REDIRECTS,
        timeout=httpx.Timeout(READ_SECONDS, connect=CONNECT_SECONDS),
        limits=httpx.Limits(max_connections=connections),
        headers={"Accept-Encoding": "identity", "User-Agent": "greenroom"},
        event_hooks={"request": [_refuse_plain]},
    )


def request(client: httpx.Client, method: str, how: Http, headers: dict[str, str] | None = None) -> httpx.Request:
    """A request for the file of `how`."""
    made = client.build_request(method, how.url, headers={**how.headers, **(headers or {})})
    made.extensions[_PLAIN_HOST] = made.url.host if made.url.scheme == "http" else ""
    return made


def _refuse_plain(request: httpx.Request) -> None:
    host = request.url.host
    if request.url.scheme == "http" and host != request.extensions.get(_PLAIN_HOST):
        raise SourceError(f"The server led on to plain http at {host}, where anybody could change the files.")


def is_loopback(host: str) -> bool:
    """Whether `host` is this very machine."""
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"


def send(client: httpx.Client, request: httpx.Request, stream: bool = False) -> httpx.Response:
    """The answer, whatever its status. Raises TryAgainError when there is none, SourceError for a bad redirect or
    certificate."""
    host = request.url.host
    try:
        return client.send(request, stream=stream)
    except httpx.TooManyRedirects as error:
        raise SourceError(f"{host} leads on in a circle. Correct the model's source setting.") from error
    except (httpx.UnsupportedProtocol, httpx.InvalidURL) as error:
        raise SourceError(f"{host} leads on to an address that cannot be followed.") from error
    except httpx.TimeoutException as error:
        raise TryAgainError(f"{host} did not answer in time") from error
    except httpx.TransportError as error:
        raise untrusted(error, host) or TryAgainError(f"{host} cannot be reached") from error


def untrusted(error: BaseException, host: str) -> SourceError | None:
    """What is told of a server whose certificate this machine does not trust, which no waiting mends; None for every
    other error."""
    if not any(isinstance(cause, ssl.SSLCertVerificationError) for cause in _causes(error)):
        return None
    return SourceError(
        f"{host} shows a certificate that this machine does not trust. Let SSL_CERT_FILE name a file with the "
        "certificate of whoever issued it, then start again."
    )


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def refuse(response: httpx.Response, what: str, forbidden: str) -> None:
    """Raise what a status that is no success means; `what` names the thing that was asked for, for people."""
    status, host = response.status_code, response.url.host
    if status in (401, 403):
        raise SourceForbiddenError(f"{host} does not let us have {what} ({status}). {forbidden}")
    if status in (404, 410):
        raise SourceNotFoundError(f"{host} has no {what} ({status}). Correct the model's source setting.")
    if status in _AGAIN:
        raise TryAgainError(f"{host} answered {status}", retry_after(response.headers.get("Retry-After", "")))
    if status >= 300:
        raise SourceError(f"{host} answered {status} to the request for {what}.")


def retry_after(value: str, now_unix: float | None = None) -> float | None:
    """Seconds, from either form of the header (RFC 9110, 10.2.3); None when it says nothing that can be read."""
    if value.strip().isdigit():
        return float(value)
    try:
        moment = email.utils.parsedate_to_datetime(value).timestamp()
    except ValueError:
        return None
    return max(0.0, moment - (time.time() if now_unix is None else now_unix))


def unreachable(error: TryAgainError) -> SourceUnreachableError:
    """What is told once nobody tries any more."""
    told = SourceUnreachableError(f"{error}. It is tried again later; what was downloaded stays.")
    with_retry_after(told, error.retry_after_seconds)
    return told
