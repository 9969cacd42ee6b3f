"""Errors on their way out: every one becomes a problem document (RFC 9457), or the snapshot when the model is not
ready. Unknown exceptions become a 500 that says nothing but the request id."""

from __future__ import annotations

import math
from collections.abc import Mapping

import structlog
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Match
from starlette.types import ExceptionHandler, Receive, Scope, Send
from starlette.websockets import WebSocket, WebSocketClose

from greenroom.errors import JobsUnavailableError
from greenroom.protocol.problems import PROBLEM_MEDIA_TYPE, OpenAIError, Problem, ProblemFault, problem_type
from greenroom.protocol.snapshot import InitState, Phase
from greenroom.web.base_path import base_of, own_path
from greenroom.words import (
    BodyTooSlowError,
    ErrorCode,
    GreenroomError,
    InvalidInputError,
    NotAuthorisedError,
    NothingThereError,
    NotReadyError,
    OverloadedError,
    ShuttingDownError,
    UpgradeRequiredError,
)  # fmt: skip

log = structlog.get_logger("greenroom.web")

UNKNOWN_RETRY_SECONDS = 5
MAX_RETRY_SECONDS = 60

_HTTP_CODES = {404: ErrorCode.NOT_FOUND, 405: ErrorCode.METHOD_NOT_ALLOWED, 413: ErrorCode.PAYLOAD_TOO_LARGE}
_HTTP_DETAILS = {
    404: "There is nothing at this address. GET /docs lists what there is.",
    405: "This address does not know that method; the Allow header lists those it knows.",
}


def request_id(request: Request) -> str:
    """The id that our log lines of this request carry."""
    return str(request.scope.get("greenroom.request_id", ""))


def retry_after(state: InitState) -> int:
    """Seconds for `Retry-After`: the estimate within 1–60, 5 when there is none."""
    if state.estimated_seconds is None:
        return UNKNOWN_RETRY_SECONDS
    return max(1, min(MAX_RETRY_SECONDS, math.ceil(state.estimated_seconds)))


def problem_answer(
    request: Request, code: ErrorCode, title: str, status: int, detail: str,
    faults: tuple[ProblemFault, ...] = (), headers: Mapping[str, str] | None = None,
) -> Response:  # fmt: skip
    """A problem document; under `/v1/` with OpenAI's `error` member."""
    openai = None
    if own_path(request.scope).startswith("/v1/"):
        kind = "invalid_request_error" if status < 500 else "server_error"
        openai = OpenAIError(message=detail, type=kind, code=str(code))
    problem = Problem(
        type=problem_type(code), title=title, status=status, detail=detail, instance=request.scope["path"],
        request_id=request_id(request), errors=faults, error=openai,
    )  # fmt: skip
    return Response(problem.to_json(), status, {"cache-control": "no-store", **(headers or {})}, PROBLEM_MEDIA_TYPE)


def not_ready_answer(request: Request, names: tuple[str, ...]) -> Response:
    """The snapshot of `names`: 425 (or as set) while something is under way, 503 when it has failed, for good or until
    the next try by itself."""
    greenroom = request.app.state.greenroom
    posted = greenroom.board.posted(greenroom.scope(names))
    failed = greenroom.board.readiness.is_failed_for_good(names)
    headers = {"cache-control": "no-store"}
    if not failed:
        headers |= {"retry-after": str(retry_after(posted.state)), "x-should-retry": "true"}
    if applied := request.scope.get("greenroom.preference_applied"):
        headers["preference-applied"] = applied
    status = 503 if posted.state.phase is Phase.FAILED else greenroom.settings.not_ready_status
    return Response(posted.data, status, headers, "application/json")


async def on_greenroom_error(request: Request, error: Exception) -> Response:
    """Handler for GreenroomError and everything under it."""
    assert isinstance(error, GreenroomError)  # noqa: S101 - Starlette's handler type is wider than what it passes
    if isinstance(error, NotReadyError):
        return not_ready_answer(request, error.names)
    faults: tuple[ProblemFault, ...] = ()
    if isinstance(error, InvalidInputError):
        faults = tuple(ProblemFault(pointer=fault.pointer, detail=fault.detail) for fault in error.faults)
    return problem_answer(request, error.code, error.title, error.status, str(error), faults, _headers(error))


def _headers(error: GreenroomError) -> dict[str, str]:
    if isinstance(error, OverloadedError | ShuttingDownError | JobsUnavailableError):
        return {"retry-after": str(error.retry_after_seconds)}
    if isinstance(error, NotAuthorisedError):
        return {"www-authenticate": "Bearer"}  # RFC 6750 §3
    if isinstance(error, BodyTooSlowError):
        return {"connection": "close"}  # RFC 9110 §15.5.9
    if isinstance(error, UpgradeRequiredError):
        return {"upgrade": "websocket", "connection": "upgrade"}  # RFC 9110 §15.5.22, §7.8
    return {}


async def refuse(scope: Scope, receive: Receive, send: Send, error: GreenroomError) -> None:
    """Answer a request or a socket's handshake with `error`, from a middleware, where no handler is at work."""
    if scope["type"] == "websocket" and "websocket.http.response" not in scope.get("extensions", {}):
        await WebSocketClose()(scope, receive, send)  # a server without denial answers makes it a bare 403
        return
    answer = await on_greenroom_error(Request({**scope, "type": "http", "method": scope.get("method", "GET")}), error)
    await answer(scope, receive, send)


async def unknown_socket(socket: WebSocket) -> None:
    """The endpoint of every address without a socket. (Starlette's own answer is a 403 without a word.)"""
    await refuse(socket.scope, socket.receive, socket.send, NothingThereError(_HTTP_DETAILS[404]))


async def on_http_exception(request: Request, error: Exception) -> Response:
    """Handler for what Starlette itself refuses: unknown addresses and methods."""
    assert isinstance(error, HTTPException)  # noqa: S101
    code = _HTTP_CODES.get(error.status_code, ErrorCode.BAD_REQUEST)
    detail = _HTTP_DETAILS.get(error.status_code, error.detail)
    title = error.detail if error.status_code not in _HTTP_DETAILS else str(code).replace("-", " ").capitalize()
    headers = dict(error.headers or {})
    if error.status_code == 405:
        headers = {"allow": _allowed_methods(request, headers.get("Allow", ""))}
    return problem_answer(request, code, title, error.status_code, detail, headers=headers)


def _allowed_methods(request: Request, said: str) -> str:
    """All methods of this address (RFC 9110 §10.2.1). What Starlette `said` are those of the first of its routes."""
    scope = {**request.scope, "root_path": base_of(request.scope)}  # a mount on the way has changed it
    routes = [route for route in request.app.routes if route.matches(scope)[0] is not Match.NONE]
    methods = {method for route in routes for method in getattr(route, "methods", None) or ()}
    return ", ".join(sorted(methods | set(filter(None, said.split(", ")))))


async def on_bug(request: Request, error: Exception) -> Response:
    """Handler for everything unforeseen: the log gets the trace, the client gets the request id."""
    log.error("unhandled_exception", path=request.scope["path"], request_id=request_id(request), exc_info=error)
    detail = "This is a fault of the server. Give its operator the request id."
    return problem_answer(request, ErrorCode.INTERNAL, GreenroomError.title, 500, detail)


GREENROOM_HANDLERS: dict[type[Exception], ExceptionHandler] = {GreenroomError: on_greenroom_error}
"""For any app."""
ALL_HANDLERS: dict[type[Exception], ExceptionHandler] = {
    **GREENROOM_HANDLERS, HTTPException: on_http_exception,
}  # fmt: skip
"""For our own app, whose `BugAnswers` sees to everything else."""
