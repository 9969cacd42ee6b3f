"""An endpoint that can describe itself: a Starlette `Route` plus what OpenAPI needs to know."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

Answer = type[BaseModel] | list[type[BaseModel]] | str
Handler = Callable[[Request], Awaitable[Response]]


@dataclass(frozen=True)
class Parameter:
    """A query, path or header parameter, of type string unless its `schema` says more."""

    name: str
    description: str
    where: str = "query"
    choices: tuple[str, ...] = ()
    """What it may be; empty: any text."""
    schema: Mapping[str, object] = field(default_factory=dict)
    """JSON Schema of its value."""


@dataclass(frozen=True)
class Operation:
    """What `openapi.json` says of an endpoint. `answers` maps a status to the model of its body, to a list of one
    model for a bare array, or to a media type for a text. Problem documents need no mention (but see `refusals`)."""

    summary: str
    answers: Mapping[int, Answer]
    body: type[BaseModel] | None = None
    parameters: tuple[Parameter, ...] = ()
    guarded: bool = False
    """Behind the guard: knows `Prefer: wait=N`, and also answers 425 and 503 with the snapshot."""
    admin: bool = False
    """Needs the admin token: its handler is decorated with `require_admin`."""
    files: tuple[str, ...] = ()
    """Media types of files that may be sent instead of `body`."""
    form: Mapping[str, object] = field(default_factory=dict)
    """JSON Schema of a form that may be sent instead of `body`; empty: none."""
    downloads: tuple[str, ...] = ()
    """Media types of files that the answer 200 may be instead."""
    refusals: tuple[int, ...] = ()
    """Statuses of problem documents that cannot be told from the members above."""
    tags: tuple[str, ...] = field(default=("greenroom",))

    def messages(self) -> set[type[BaseModel]]:
        """The models of all answers."""
        described = [answer for answer in self.answers.values() if not isinstance(answer, str)]
        return {answer[0] if isinstance(answer, list) else answer for answer in described}


class Endpoint(Route):
    """A route with an `operation`."""

    def __init__(self, path: str, handler: Handler, operation: Operation, method: str = "GET") -> None:
        super().__init__(path, handler, methods=[method])
        self.operation = operation
        self.method = method


def endpoint(path: str, operation: Operation, *, method: str = "GET") -> Callable[[Handler], Endpoint]:
    """Make the decorated handler an Endpoint: `@endpoint("/health", Operation(...))`."""

    def make(handler: Handler) -> Endpoint:
        return Endpoint(path, handler, operation, method)

    return make


def status_text(status: int) -> str:
    """The reason phrase of an HTTP status."""
    return HTTPStatus(status).phrase


def describe_answer(answer: type[BaseModel] | list[type[BaseModel]]) -> dict[str, Any]:
    """JSON Schema of an answer, by reference into the components."""
    if isinstance(answer, list):
        return {"type": "array", "items": describe_answer(answer[0])}
    return {"$ref": f"#/components/schemas/{answer.__name__}"}
