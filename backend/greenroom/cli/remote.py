"""Asking a running server from the command line: where it is, who asks, and what went wrong in one sentence."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Iterator
from ipaddress import ip_address
from types import TracebackType
from typing import Self, TypeVar

import httpx
from pydantic import BaseModel, ValidationError

from greenroom.protocol.problems import Problem
from greenroom.protocol.snapshot import InitState
from greenroom.settings import Settings
from greenroom.words import ConfigError, GreenroomError

M = TypeVar("M", bound=BaseModel)
CONNECT_SECONDS = 5.0
AGAIN_SECONDS = 1.0
ANSWER_SECONDS = 30.0
"""For calls that wait for nothing."""
_TOKEN_ADVICE = "Set GREENROOM_ADMIN_TOKEN here to the token that the server was started with."  # noqa: S105 - no token


class NoServerError(GreenroomError):
    """Nobody answers there, or somebody who is no Greenroom."""


class LostError(NoServerError):
    """The connection broke, or no answer came in time: what was asked for may have been done or not."""


class RefusedError(GreenroomError):
    """The server answered, and would not do it."""


def address_of(settings: Settings, given: str | None) -> str:
    """`given`, or where a server with these settings listens. Raises ConfigError when that cannot be known."""
    if given is not None:
        url = given.rstrip("/")
        if not url.startswith(("http://", "https://")):
            raise ConfigError(f"--url {given}: write it in full, such as http://127.0.0.1:8000")
        return url
    if settings.port == 0:
        raise ConfigError("PORT is 0, any free one: say where the server is with --url.")
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(settings.host, settings.host)  # noqa: S104 - asked, not bound
    return f"http://[{host}]:{settings.port}" if ":" in host else f"http://{host}:{settings.port}"


class Remote:
    """A running server. Use it in an `async with` block."""

    def __init__(self, url: str, token: str | None) -> None:
        self.url = url
        self.is_near = _is_loopback(url)
        self._headers = {"authorization": f"Bearer {token}"} if token else {}
        # A proxy for the rest of the world knows nothing of this machine, and the token is not for its eyes.
        self._http = httpx.AsyncClient(
            timeout=httpx.Timeout(ANSWER_SECONDS, connect=CONNECT_SECONDS), trust_env=not self.is_near
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._http.aclose()

    async def read(self, model: type[M], path: str, **query: str) -> M:
        """GET `path`, for everybody. Raises NoServerError, RefusedError."""
        return self.understood(model, await self._send("GET", path, query, {}, ANSWER_SECONDS))

    async def order(self, model: type[M], method: str, path: str, seconds: float = ANSWER_SECONDS, **query: str) -> M:
        """An admin call, which waits up to `seconds` for its outcome. Raises NoServerError, RefusedError.

        While a model is loaded that has to be there first, the server can only say so: then it is asked again."""
        deadline = time.monotonic() + seconds
        while True:
            response = await self._send(method, path, query, self._headers, max(0.1, deadline - time.monotonic()))
            loading = _loading(response)
            if not loading:
                return self.understood(model, response)
            if time.monotonic() + AGAIN_SECONDS >= deadline:
                raise RefusedError(f"{loading} after {seconds:g} s. Look at how it stands with greenroom models list.")
            await asyncio.sleep(AGAIN_SECONDS)

    async def ask(
        self,
        method: str,
        path: str,
        query: dict[str, str] | None = None,
        content: bytes | AsyncIterator[bytes] | None = None,
        headers: dict[str, str] | None = None,
        seconds: float = ANSWER_SECONDS,
    ) -> httpx.Response:
        """A call that anybody may make, with a body or without. Raises NoServerError, LostError, RefusedError."""
        response = await self._send(method, path, query or {}, headers or {}, seconds, content)
        if not response.is_success:
            raise self._refusal(response)
        return response

    @contextlib.asynccontextmanager
    async def streamed(self, path: str, query: dict[str, str]) -> AsyncIterator[AsyncIterator[bytes]]:
        """The body of a GET as it comes. Raises NoServerError, LostError, RefusedError, within the context, too."""
        timeout = httpx.Timeout(ANSWER_SECONDS, connect=CONNECT_SECONDS)
        with self._told(ANSWER_SECONDS):
            async with self._http.stream("GET", self.url + path, params=query, timeout=timeout) as response:
                if not response.is_success:
                    await response.aread()
                    raise self._refusal(response)
                yield response.aiter_bytes()

    async def _send(
        self,
        method: str,
        path: str,
        query: dict[str, str],
        headers: dict[str, str],
        seconds: float,
        content: bytes | AsyncIterator[bytes] | None = None,
    ) -> httpx.Response:
        timeout = httpx.Timeout(seconds, connect=CONNECT_SECONDS)
        with self._told(seconds):
            return await self._http.request(
                method, self.url + path, params=query, headers=headers, timeout=timeout, content=content
            )

    @contextlib.contextmanager
    def _told(self, seconds: float) -> Iterator[None]:
        """What goes wrong on the way, in a sentence."""
        try:
            yield
        except (httpx.ConnectError, httpx.ConnectTimeout) as error:
            raise NoServerError(
                f"No server answers at {self.url}. Start one with greenroom serve, or say where it is with --url."
            ) from error
        except httpx.TimeoutException as error:
            raise LostError(
                f"{self.url} has not answered within {seconds:g} s. Look at how it stands with greenroom models list."
            ) from error
        except httpx.InvalidURL as error:
            raise NoServerError(f"{self.url} is no address ({error}). Say where the server is with --url.") from error
        except httpx.TransportError as error:
            raise LostError(
                f"The connection to {self.url} broke ({error or type(error).__name__}). Look at the server's log."
            ) from error

    def understood(self, model: type[M], response: httpx.Response) -> M:
        """The answer as `model`, what a newer server says beside it left out."""
        if not response.is_success:
            raise self._refusal(response)
        try:
            return model.model_validate_json(response.content, extra="ignore")
        except ValidationError as error:
            raise self._stranger() from error

    def _refusal(self, response: httpx.Response) -> GreenroomError:
        try:
            problem = Problem.model_validate_json(response.content, extra="ignore")
        except ValidationError:
            return self._stranger()
        advice = f" {_TOKEN_ADVICE}" if response.status_code == httpx.codes.UNAUTHORIZED else ""
        told = problem.detail if problem.detail.startswith(problem.title) else f"{problem.title}: {problem.detail}"
        return RefusedError(f"{told}{advice}")

    def _stranger(self) -> NoServerError:
        return NoServerError(
            f"What answers at {self.url} is no Greenroom that I understand. Say where the server is with --url."
        )


def _loading(response: httpx.Response) -> str:
    """What still loads, as the beginning of a sentence; empty for every other answer. The status says nothing:
    operators choose it (GREENROOM_NOT_READY_STATUS)."""
    if response.is_success:
        return ""
    try:
        snapshot = InitState.model_validate_json(response.content, extra="ignore")
    except ValidationError:
        return ""
    return ", ".join(f"{state.name} still loads ({state.phase}, {state.progress} %)" for state in snapshot.models)


def _is_loopback(url: str) -> bool:
    host = httpx.URL(url).host
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False
