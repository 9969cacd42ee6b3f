"""The composition root: `create_app(settings)` for our own server, `mount(app)` for somebody else's, and
`create_worker(settings)` for a process that works jobs off and serves nothing."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import structlog
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.routing import BaseRoute, WebSocketRoute

from greenroom.clock import Clock, SystemClock
from greenroom.jobs.service import Jobs
from greenroom.logs import configure_logs
from greenroom.serving.greenroom import Greenroom
from greenroom.serving.origin import is_local
from greenroom.settings import Settings, load_settings, unknown_variables
from greenroom.sources.shelf import write_whole
from greenroom.specs import configured, replaced
from greenroom.web import documents, embeddings, jobs, predict
from greenroom.web.base_path import BasePath, require_free
from greenroom.web.doors import Crowd, Doors
from greenroom.web.middleware import BugAnswers, Cors, RequestLog
from greenroom.web.mount import attach
from greenroom.web.pages import page_routes
from greenroom.web.problems import ALL_HANDLERS, unknown_socket
from greenroom.words import ModelSpec

log = structlog.get_logger("greenroom.app")


def create_app(
    settings: Settings | None = None, *, routes: Sequence[BaseRoute] = (), static: Path | None = None
) -> Starlette:
    """The whole server as an ASGI app: readiness, socket, predictions, contract; `routes` come before ours.

    `static` is a folder with a built web app, served under `/app/`. Raises ConfigError."""
    settings = settings or load_settings()
    configure_logs(settings)
    app = Starlette(
        routes=[
            *routes,
            *embeddings.ENDPOINTS,
            *predict.ENDPOINTS,
            *jobs.ROUTES,
            *documents.ROUTES,
            *page_routes(static),
        ],
        middleware=_middleware(settings),
        exception_handlers=ALL_HANDLERS,
    )
    greenroom = _greenroom(settings, configured(settings), app)
    _with_jobs(app, Jobs(settings, greenroom))
    attach(app, greenroom)
    app.router.routes.append(WebSocketRoute("/{path:path}", unknown_socket))
    require_free(settings.base_path, app.routes)
    return app


def _with_jobs(app: Starlette, jobs: Jobs) -> None:
    """Its life lies within the greenroom's, which `attach` puts around it: jobs end before the hosts do."""
    app.state.jobs = jobs
    inner = app.router.lifespan_context

    @contextlib.asynccontextmanager
    async def lifespan(started: Any) -> AsyncIterator[Any]:
        async with jobs.running(), inner(started) as state:
            yield state

    app.router.lifespan_context = lifespan


def _middleware(settings: Settings) -> list[Middleware]:
    """Outermost first. Whatever refuses or fails stands inside of what every answer gets: id, headers, CORS."""
    cors = [Middleware(Cors, settings.allowed_origins)] if settings.allowed_origins else []
    return [
        Middleware(BasePath, settings.base_path),
        Middleware(RequestLog),
        *cors,
        Middleware(BugAnswers),
        Middleware(Doors, settings),
        Middleware(Crowd, settings.max_requests),
    ]


def mount(app: Starlette, settings: Settings | None = None) -> Greenroom:
    """Bring socket, readiness, errors and lifespan into `app` (Starlette or FastAPI); returns what its own code
    asks: `is_ready`, `wait_until_ready`, `embed`. Call it last, so that the app's own routes win.

    Raises ConfigError."""
    settings = settings or load_settings()
    return attach(app, _greenroom(settings, configured(settings), app))


def create_worker(settings: Settings) -> tuple[Greenroom, Jobs]:
    """What `greenroom jobs work` runs: models and jobs as a server has them, whatever `settings.worker` says, but that
    no model is required: each is loaded when a job waits for it. Raises ConfigError."""
    configure_logs(settings)
    settings = settings.model_copy(update={"worker": "in-process"})
    greenroom = _greenroom(settings, [replace(spec, required=False) for spec in configured(settings)])
    return greenroom, Jobs(settings, greenroom)


def _greenroom(settings: Settings, specs: Sequence[ModelSpec], app: Starlette | None = None) -> Greenroom:
    """`app`: where a scripted engine's control routes go."""
    _tell(settings, specs)
    if settings.engine == "scripted":
        return _scripted(settings, specs, app)
    from greenroom.engine.local import LocalEngine

    return Greenroom(settings, specs, LocalEngine(data_folder=settings.data))


def _tell(settings: Settings, specs: Sequence[ModelSpec]) -> None:
    """What an operator should know before the first load."""
    for name, meant in unknown_variables().items():
        log.warning("unknown_setting", variable=name, **({"did_you_mean": meant} if meant else {}))
    for name, variable in replaced(settings).items():
        log.info("model_replaced", model=name, variable=variable)
    for spec in specs:
        log.info("model_configured", model=spec.name, task=spec.task, source=spec.source.partition(":")[0],
                 runtime=spec.runtime, required=spec.required)  # fmt: skip
    required, optional = sum(spec.required for spec in specs), [spec.name for spec in specs if not spec.required]
    if optional and settings.model_cache_size <= required:
        log.warning(
            "model_cache_too_small", model_cache_size=settings.model_cache_size, required=required, optional=optional,
            meaning="each optional model leaves memory as soon as nobody uses it, and its next call loads it again",
            mend=f"set MODEL_CACHE_SIZE to {required + 1} or more; {len(specs)} keep all of them in memory",
        )  # fmt: skip


def _scripted(settings: Settings, specs: Sequence[ModelSpec], app: Starlette | None) -> Greenroom:
    """The only place that reaches for the test kit: control routes exist under the scripted engine alone. Without an
    app nobody can give orders, so there time goes by itself and each load becomes ready at once.

    A version must have files: one small one stands in for those of a local source, and those of any other are made
    up as they are published."""
    from greenroom.testing import ScriptedEngine, ScriptedFetcher, StandingClock, control_routes

    stand_in = settings.data / "scripted-model"
    write_whole(stand_in / "script.txt", b"The scripted engine loads nothing.\n")
    specs = [replace(spec, sha256={}) for spec in specs]
    specs = [replace(spec, source=f"path:{stand_in.resolve()}") if is_local(spec) else spec for spec in specs]
    fetcher = ScriptedFetcher(settings.data / "published")
    clock: Clock
    if app is None:
        engine = ScriptedEngine(clock := SystemClock())
        for spec in specs:
            engine.model(spec.name).auto(0.0)
    else:
        engine = ScriptedEngine(clock := StandingClock())
        app.router.routes.extend(control_routes(engine, clock, fetcher))
    return Greenroom(settings, specs, engine, clock, fetcher)
