"""The guard: an endpoint behind it runs only while its models are ready.

One core, `ReadyGuard.check`, and two spellings of the same object:

    @require_models_ready("minilm")                                   # Starlette: decorates an endpoint
    async def endpoint(request: Request) -> Response: ...

    @app.post("/x", dependencies=[Depends(require_models_ready("minilm"))])       # FastAPI: a dependency

A refusal is a NotReadyError, which becomes the snapshot of exactly the guarded names (`problems.py`).
`Prefer: wait=N` (RFC 7240 §4.3) holds the request first; the setting GREENROOM_MAX_WAIT_SECONDS bounds N.

A held caller who leaves is noticed at once when the body was read before (`read_json`), and at the end of the wait
otherwise: noticing means reading from the connection, and what is read there would be missing in the body.
"""

from __future__ import annotations

import asyncio
import functools
import re
from collections.abc import Awaitable
from typing import TypeVar, overload

from starlette.requests import Request
from starlette.responses import Response

from greenroom.serving.greenroom import Greenroom
from greenroom.web.bodies import BODY_READ
from greenroom.web.endpoint import Handler
from greenroom.web.rates import rates_of, spend
from greenroom.words import ClientLeftError, NotReadyError

T = TypeVar("T")

_WAIT = re.compile(r"(?:^|[,;\s])wait\s*=\s*\"?(\d{1,6})\"?(?=$|[,;\s])", re.IGNORECASE)
_APPLIED = "greenroom.preference_applied"


def preferred_wait(header: str) -> int | None:
    """Seconds of `wait=N` in a `Prefer` header, None when it is not there."""
    found = _WAIT.search(header)
    return int(found[1]) if found else None


async def run_until_disconnect(request: Request, work: Awaitable[T]) -> T:
    """The result of `work`, which is cancelled when the client leaves or the caller is cancelled.

    Reads from the connection: only after the body has been read. Raises ClientLeftError."""
    task = asyncio.current_task()
    assert task is not None  # noqa: S101 - we run in one
    left = finished = False

    def leave(watching: asyncio.Future[None]) -> None:
        nonlocal left
        if watching.cancelled():
            return
        watching.exception()  # one that cannot be listened to has left, too
        if not finished:
            left = True
            task.cancel()

    watching = asyncio.ensure_future(_disconnected(request))
    watching.add_done_callback(leave)
    try:
        return await work
    except asyncio.CancelledError:
        if left and not task.uncancel():  # nobody else cancels us: the client left, and that was all
            raise ClientLeftError("The caller left before there was an answer.") from None
        raise
    finally:
        finished = True  # one that is scheduled already cannot be taken back: it must do nothing
        watching.remove_done_callback(leave)
        watching.cancel()


async def _disconnected(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


class Guard:
    """Something that lets a request pass or raises. Derived classes say what in `check`."""

    def __init__(self) -> None:
        # FastAPI asks `inspect.unwrap` for the signature and for whether to await: both are those of `check`.
        self.__wrapped__ = self.check

    async def check(self, request: Request) -> None:
        """Return, or raise the refusal."""
        raise NotImplementedError

    @overload
    async def __call__(self, request: Request) -> None: ...
    @overload
    def __call__(self, request: Handler) -> Handler: ...

    def __call__(self, request: Request | Handler) -> object:
        if isinstance(request, Request):
            return self.check(request)
        return self._around(request)

    def _around(self, handler: Handler) -> Handler:
        @functools.wraps(handler)
        async def guarded(request: Request) -> Response:
            await self.check(request)
            response = await handler(request)
            if applied := request.scope.get(_APPLIED):
                response.headers["preference-applied"] = applied
            return response

        return guarded


class ReadyGuard(Guard):
    """Holds back or refuses requests until all of `names` are ready. Made by `require_models_ready`."""

    def __init__(self, names: tuple[str, ...]) -> None:
        super().__init__()
        self.names = names

    async def check(self, request: Request) -> None:
        """Return when ready. Raises NotReadyError, UnknownModelError, OverloadedError (GREENROOM_CALLS_PER_MINUTE),
        ClientLeftError."""
        greenroom: Greenroom = request.app.state.greenroom
        scope = greenroom.scope(self.names or None)
        greenroom.want(scope)
        if not greenroom.is_ready(*scope) and not await _wait_as_preferred(request, greenroom, scope):
            raise NotReadyError(scope)
        if (rate := rates_of(request).calls) is not None:
            spend(rate, request)


async def _wait_as_preferred(request: Request, greenroom: Greenroom, scope: tuple[str, ...]) -> bool:
    """Hold the request as long as it wants and may; whether the models became ready meanwhile."""
    wait = preferred_wait(request.headers.get("prefer", ""))
    if wait is None:
        return False
    request.scope[_APPLIED] = f"wait={wait}"
    seconds = min(wait, greenroom.settings.max_wait_seconds)
    waiting = greenroom.wait_until_ready(*scope, timeout=seconds)
    if request.scope.get(BODY_READ):
        return await run_until_disconnect(request, waiting)
    return await waiting


def require_models_ready(*names: str) -> ReadyGuard:
    """A guard for `names` (none: the required models), as a Starlette decorator or a FastAPI dependency."""
    return ReadyGuard(names)
