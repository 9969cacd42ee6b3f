"""The answers that many calls share, for `openapi.json`: each is described once, under `components`, and named by every
call that it can come from. Everything but a snapshot is a problem document."""

from __future__ import annotations

from typing import Any

from greenroom.protocol.problems import PROBLEM_MEDIA_TYPE, Problem
from greenroom.protocol.snapshot import InitState
from greenroom.web.endpoint import Endpoint, describe_answer, status_text
from greenroom.web.hosts import PROBES

_MEANINGS = {
    400: "Not well formed: a Host header that is no name, for instance",
    401: "No admin token, or not the right one",
    403: "A page of another origin writes, or an admin call while no token is set",
    404: "No model, or no job, of this name",
    408: "The body did not arrive in time",
    409: "It is not in a state for that: nothing has failed, or the job has ended",
    410: "The file with the job's inputs is gone; its results are there without them",
    413: "The body has too many bytes",
    415: "The body is of no known type, or compressed",
    421: "The Host header is no name of this server",
    422: "The body breaks a rule; `errors` points at each place",
    425: "Not ready yet: the snapshot of the guarded models",
    429: "Too much at once, or too often from one address",
    502: "The model failed on this input",
    503: "A model failed for good, or is not ready and the server is set to say 503 then: the snapshot. "
         "The server is about to stop, or jobs cannot be kept: a problem document",
    504: "The answer would have come too late",
}  # fmt: skip
_HEADERS = {
    "RetryAfter": ("When it is worth asking again, in seconds.", {"type": "integer", "minimum": 1}),
    "ShouldRetry": ("`true`: the same request can succeed later. OpenAI's clients look at it.", {"type": "string"}),
    "PreferenceApplied": ("What was granted: `wait=N`, or `respond-async`.", {"type": "string"}),
    "Authenticate": ("The scheme that is wanted.", {"type": "string"}),
}
_SENT_WITH = {
    401: {"WWW-Authenticate": "Authenticate"},
    425: {"Retry-After": "RetryAfter", "x-should-retry": "ShouldRetry", "Preference-Applied": "PreferenceApplied"},
    429: {"Retry-After": "RetryAfter"},
    503: {"Retry-After": "RetryAfter", "x-should-retry": "ShouldRetry", "Preference-Applied": "PreferenceApplied"},
}
PREFER = {
    "name": "Prefer", "in": "header", "required": False, "schema": {"type": "string"},
    "description": "`wait=N` holds the request up to N seconds (GREENROOM_MAX_WAIT_SECONDS at most) until the model is "
                   "ready (RFC 7240).",
}  # fmt: skip


def statuses_of(route: Endpoint) -> set[int]:
    """With which of the shared answers this call can be refused."""
    operation = route.operation
    found = {400, 421, *operation.refusals}
    if route.path not in PROBES:
        found.add(429)
    if route.method != "GET":
        found.add(403)
    if operation.admin:
        found |= {401, 403}
    if operation.parameters or operation.guarded:
        found.add(404)
    if operation.body:
        found |= {408, 413, 415, 422}
    if operation.guarded:
        found |= {425, 503}
    if operation.guarded and operation.body:
        found |= {502, 504}
    return found - set(operation.answers)


def shared(status: int) -> dict[str, Any]:
    """Reference to the shared answer with this status."""
    return {"$ref": f"#/components/responses/{_name(status)}"}


def components() -> dict[str, Any]:
    """The shared answers themselves, and their headers."""
    return {
        "responses": {_name(status): _described(status) for status in _MEANINGS},
        "headers": {name: {"description": text, "schema": schema} for name, (text, schema) in _HEADERS.items()},
    }


def headers(**named: str) -> dict[str, Any]:
    """References to shared headers by the name that each is sent under."""
    return {name: {"$ref": f"#/components/headers/{header}"} for name, header in named.items()}


def problem(description: str) -> dict[str, Any]:
    """An answer that is a problem document."""
    return {"description": description, "content": {PROBLEM_MEDIA_TYPE: {"schema": describe_answer(Problem)}}}


def _name(status: int) -> str:
    return "".join(word.capitalize() for word in status_text(status).split())


def _described(status: int) -> dict[str, Any]:
    content: dict[str, Any] = {}
    if status in (425, 503):
        content["application/json"] = {"schema": describe_answer(InitState)}
    if status != 425:
        content[PROBLEM_MEDIA_TYPE] = {"schema": describe_answer(Problem)}
    described = {"description": _MEANINGS[status], "content": content}
    if sent_with := _SENT_WITH.get(status):
        described["headers"] = headers(**sent_with)
    return described
