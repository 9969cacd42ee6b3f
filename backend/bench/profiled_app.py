"""Greenroom's own app, stamped or sampled from outside: `--app bench.profiled_app:stamped` (or `:sampled`). For
`profile` alone."""

from __future__ import annotations

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

import greenroom
from bench.sampler import Sampler
from bench.stamps import Stamps


def stamped() -> Starlette:
    """With `GET /bench/taken`: the stamps since the last call."""
    stamps = Stamps()
    _stamp_front(stamps)

    async def taken(request: Request) -> JSONResponse:
        return JSONResponse(stamps.take())

    return greenroom.create_app(routes=[Route("/bench/taken", taken)])


def sampled() -> Starlette:
    """With `GET /bench/taken`: the samples since the last call."""
    sampler = Sampler()
    sampler.start()

    async def taken(request: Request) -> JSONResponse:
        return JSONResponse(sampler.take())

    return greenroom.create_app(routes=[Route("/bench/taken", taken)])


def _stamp_front(stamps: Stamps) -> None:
    from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

    from greenroom.engine.link import HostLink
    from greenroom.engine.local_host import LocalHost
    from greenroom.serving.greenroom import Greenroom
    from greenroom.web import embeddings
    from greenroom.web.middleware import RequestLog

    stamps.wrap(HttpToolsProtocol, "data_received", enter="front received")
    stamps.wrap(RequestLog, "__call__", enter="front app")
    stamps.wrap(embeddings, "read_json", enter="front endpoint", leave="front parsed")
    stamps.wrap(Greenroom, "embed", enter="front embed")
    stamps.wrap(HostLink, "send", enter="front asks host")
    stamps.wrap(LocalHost, "_settle", enter="front answered")
    stamps.wrap(embeddings, "_answer", enter="front resumed")
    stamps.wrap(embeddings, "json_answer", leave="front written")
    stamps.wrap(RequestResponseCycle, "send", enter="front sends")
