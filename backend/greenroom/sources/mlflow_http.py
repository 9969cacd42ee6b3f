"""Requests to an MLflow tracking server: who we are, how long we wait, and what its refusals mean."""

from __future__ import annotations

import base64
import os
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote, urlsplit

import httpx

from greenroom.sources.http import untrusted
from greenroom.sources.mlflow_client import FORBIDDEN, UNREACHABLE
from greenroom.words import SourceError, SourceForbiddenError, SourceUnreachableError

API = "/api/2.0"
_USUAL_PORT = {"http": ":80", "https": ":443"}
_TIMEOUT = httpx.Timeout(4.0, connect=2.0)
"""Seconds. A live server answers in milliseconds, and the next look comes within a minute anyway."""
_TOO_MANY = 429


class Server:
    """The tracking server at an `http:` or `https:` URI, whose path, where it has one, is a prefix of every request."""

    def __init__(self, tracking_uri: str) -> None:
        parts = urlsplit(tracking_uri)
        self.host = parts.netloc.rpartition("@")[2]
        self.url = f"{parts.scheme}://{self.host}{parts.path.rstrip('/')}"
        """Without credentials, and without a slash at the end."""
        self.origin = parts.scheme, self.host.lower().removesuffix(_USUAL_PORT.get(parts.scheme, ""))
        """Scheme, host and port: who may be told what the other one may (RFC 6454)."""
        self.headers = _credentials(parts.username, parts.password)

    def get(self, path: str, question: Mapping[str, str]) -> tuple[int, dict[str, Any]]:
        """Status and JSON object of the answer; an empty object where there is none.

        Raises SourceUnreachableError, SourceForbiddenError, SourceError for a redirect or a bad certificate."""
        try:
            answer = httpx.get(self.url + path, params=question, headers=self.headers, timeout=_TIMEOUT)
        except (httpx.InvalidURL, httpx.UnsupportedProtocol) as error:
            raise SourceError("MLFLOW_TRACKING_URI is no address. Correct it, such as http://mlflow:5000.") from error
        except httpx.HTTPError as error:
            raise untrusted(error, "MLflow") or SourceUnreachableError(UNREACHABLE) from error
        if answer.status_code >= httpx.codes.INTERNAL_SERVER_ERROR or answer.status_code == _TOO_MANY:
            raise SourceUnreachableError(f"MLflow cannot answer now (status {answer.status_code}).")
        if answer.status_code in (httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN):
            raise SourceForbiddenError(FORBIDDEN)
        if answer.is_redirect:
            raise SourceError("MLflow sends us to another address. Name that one in MLFLOW_TRACKING_URI.")
        return answer.status_code, _object(answer)


def _object(answer: httpx.Response) -> dict[str, Any]:
    try:
        content = answer.json()
    except ValueError:  # no JSON, or not even UTF-8
        return {}
    return content if isinstance(content, dict) else {}


def _credentials(username: str | None, password: str | None) -> dict[str, str]:
    """What MLflow's own client sends: the token, else name and password, from its variables or the URI."""
    if token := os.environ.get("MLFLOW_TRACKING_TOKEN"):
        return {"Authorization": f"Bearer {token}"}
    user = os.environ.get("MLFLOW_TRACKING_USERNAME") or unquote(username or "")
    secret = os.environ.get("MLFLOW_TRACKING_PASSWORD") or unquote(password or "")
    if not user:
        return {}
    return {"Authorization": "Basic " + base64.b64encode(f"{user}:{secret}".encode()).decode()}
