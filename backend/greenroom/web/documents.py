"""The contract, readable: OpenAPI 3.1 for the calls, AsyncAPI 3.0 for the socket, and a plain page of both."""

from __future__ import annotations

import html
import json
from collections.abc import Iterable, Iterator
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import BaseRoute, Route

from greenroom import __version__
from greenroom.protocol import socket
from greenroom.protocol.base import SUBPROTOCOL
from greenroom.protocol.jobs import JobAnswer
from greenroom.protocol.schema import component_schemas
from greenroom.protocol.snapshot import InitState
from greenroom.web import refusals
from greenroom.web.base_path import base_of
from greenroom.web.endpoint import Answer, Endpoint, Operation, describe_answer, status_text

_REF = "#/components/schemas/{model}"
_ADMIN = "adminToken"
_ADMIN_MEANS = "GREENROOM_ADMIN_TOKEN of the server's settings. Only a header is read, never the address."
_SERVER_FRAMES = (socket.Hello, InitState, socket.Event, socket.Ping, socket.Draining, socket.ErrorFrame)
_JOB_FRAMES = (JobAnswer, socket.Ping, socket.Draining, socket.ErrorFrame)
_PARTS = {"client_id": "1-64 of A-Z a-z 0-9 _ -; a label for logs.", "id": "The job's `job_uuid`."}


def endpoints_of(routes: Iterable[BaseRoute]) -> list[Endpoint]:
    """Every route that can describe itself."""
    return [route for route in routes if isinstance(route, Endpoint)]


def openapi(routes: Iterable[BaseRoute], base: str = "") -> dict[str, Any]:
    """OpenAPI 3.1 document of the endpoints among `routes`, which stand behind the path `base`."""
    endpoints = endpoints_of(routes)
    paths: dict[str, dict[str, Any]] = {}
    for route in endpoints:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Greenroom",
            "version": __version__,
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        **({"servers": [{"url": base}]} if base else {}),  # left out, it means "/"
        "paths": dict(sorted(paths.items())),
        "components": {
            "schemas": component_schemas() | _own_schemas(endpoints),
            **refusals.components(),
            "securitySchemes": {_ADMIN: {"type": "http", "scheme": "bearer", "description": _ADMIN_MEANS}},
        },
    }


def _own_schemas(endpoints: list[Endpoint]) -> dict[str, Any]:
    answers = {model for route in endpoints for model in route.operation.messages()}
    bodies = {route.operation.body for route in endpoints if route.operation.body}
    _, document = models_json_schema(
        [
            *((model, "serialization") for model in sorted(answers, key=str)),
            *((model, "validation") for model in sorted(bodies, key=str)),
        ],
        ref_template=_REF,
    )
    return dict(sorted(document.get("$defs", {}).items()))


def _operation(route: Endpoint) -> dict[str, Any]:
    operation = route.operation
    responses = {status: _answer(status, answer) for status, answer in operation.answers.items()}
    for media_type in operation.downloads:
        responses[200]["content"][media_type] = {"schema": {"type": "string"}}
    if operation.guarded:
        responses[200] |= {"headers": refusals.headers(**{"Preference-Applied": "PreferenceApplied"})}
    responses |= {status: refusals.shared(status) for status in refusals.statuses_of(route)}
    described: dict[str, Any] = {
        "operationId": route.name,
        "summary": operation.summary,
        "tags": list(operation.tags),
        "responses": {str(status): responses[status] for status in sorted(responses)},
    }
    described["responses"]["default"] = refusals.problem("A problem document")
    if operation.admin:
        described["security"] = [{_ADMIN: []}]
    if operation.body:
        content = {"application/json": {"schema": describe_answer(operation.body)}}
        content |= {media_type: {"schema": {"type": "string"}} for media_type in operation.files}
        if operation.form:
            content["multipart/form-data"] = {"schema": dict(operation.form)}
        described["requestBody"] = {"required": True, "content": content}
    if parameters := _parameters(operation):
        described["parameters"] = parameters
    return described


def _parameters(operation: Operation) -> list[dict[str, Any]]:
    named = [
        {"name": p.name, "in": p.where, "description": p.description, "required": p.where == "path",
         "schema": {"type": "string", **p.schema, **({"enum": list(p.choices)} if p.choices else {})}}
        for p in operation.parameters
    ]  # fmt: skip
    return [*named, refusals.PREFER] if operation.guarded else named


def _answer(status: int, answer: Answer) -> dict[str, Any]:
    if status == 425:
        return refusals.shared(status)
    if isinstance(answer, str):
        content = {answer: {"schema": {"type": "string"}}}
    else:
        content = {"application/json": {"schema": describe_answer(answer)}}
    return {"description": status_text(status), "content": content}


def asyncapi(base: str = "") -> dict[str, Any]:
    """AsyncAPI 3.0 document of the sockets, which stand behind the path `base`."""
    sent = {
        "init": (_SERVER_FRAMES, "/ws/init/{client_id}", "Every snapshot, pushed as it happens."),
        "job": (_JOB_FRAMES, "/ws/jobs/{id}", "A job as it changes; closes with 1000 once it has ended."),
        "jobs": (_JOB_FRAMES, "/ws/jobs", "The newest jobs and those that run, then all of them as they change."),
    }
    names = sorted({frame.__name__ for frames, _, _ in sent.values() for frame in frames} | {"Pong"})
    return {
        "asyncapi": "3.0.0",
        "info": {"title": "Greenroom", "version": __version__},
        "channels": {name: _channel(frames, base + path, text) for name, (frames, path, text) in sent.items()},
        "operations": {key: one for name, (frames, _, _) in sent.items() for key, one in _both_ways(name, frames)},
        "components": {
            "messages": {name: {"name": name, "payload": {"$ref": _REF.format(model=name)}} for name in names},
            "schemas": component_schemas(),
        },
        "x-close-codes": {code.name: int(code) for code in socket.CloseCode},
    }


def _channel(frames: tuple[type[BaseModel], ...], address: str, text: str) -> dict[str, Any]:
    names = [*(frame.__name__ for frame in frames), "Pong"]
    parameters = {name: {"description": _PARTS[name]} for name in _PARTS if f"{{{name}}}" in address}
    return {
        "address": address,
        "description": f"{text} Subprotocol `{SUBPROTOCOL}`, or none. The server speaks first.",
        **({"parameters": parameters} if parameters else {}),
        "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in names},
    }


def _both_ways(name: str, frames: tuple[type[BaseModel], ...]) -> Iterator[tuple[str, dict[str, Any]]]:
    channel = f"#/channels/{name}"
    suffix = "" if name == "init" else f"Of{name.capitalize()}"
    messages = [{"$ref": f"{channel}/messages/{frame.__name__}"} for frame in frames]
    yield f"sendFrames{suffix}", {"action": "send", "channel": {"$ref": channel}, "messages": messages}
    pong = [{"$ref": f"{channel}/messages/Pong"}]
    yield f"receivePong{suffix}", {"action": "receive", "channel": {"$ref": channel}, "messages": pong}


async def _openapi(request: Request) -> Response:
    return Response(json.dumps(openapi(request.app.routes, base_of(request.scope))), media_type="application/json")


async def _asyncapi(request: Request) -> Response:
    return Response(json.dumps(asyncapi(base_of(request.scope))), media_type="application/json")


async def _docs(request: Request) -> Response:
    base = base_of(request.scope)
    rows = "".join(
        f"<tr><td>{route.method}</td><td><code>{html.escape(base + route.path)}</code></td>"
        f"<td>{html.escape(route.operation.summary)}</td></tr>"
        for route in sorted(endpoints_of(request.app.routes), key=lambda route: route.path)
    )
    return HTMLResponse(_PAGE.replace("ROWS", rows).replace("VERSION", __version__).replace("BASE", html.escape(base)))


_PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><title>Greenroom: the contract</title>
<meta name="viewport" content="width=device-width"><link rel="icon" href="data:,"><body><h1>Greenroom VERSION</h1>
<p>The contract for programs: <a href="openapi.json">openapi.json</a> (HTTP),
<a href="asyncapi.json">asyncapi.json</a> (socket).</p>
<table><thead><tr><th>Method</th><th>Address</th><th>What it does</th></tr></thead><tbody>ROWS
<tr><td>WS</td><td><code>BASE/ws/init/{client_id}</code></td><td>Every snapshot, pushed as it happens.</td></tr>
<tr><td>WS</td><td><code>BASE/ws/jobs/{id}</code></td><td>A job as it changes; closes once it has ended.</td></tr>
<tr><td>WS</td><td><code>BASE/ws/jobs</code></td><td>All jobs as they change.</td></tr>
</tbody></table></body></html>"""

ROUTES: tuple[BaseRoute, ...] = (
    Route("/openapi.json", _openapi), Route("/asyncapi.json", _asyncapi), Route("/docs", _docs),
)  # fmt: skip
