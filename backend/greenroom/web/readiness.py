"""The calls that say where everything stands. All of them show the board; none of them waits."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from greenroom import __version__
from greenroom.protocol.answers import Health, PredictState, PredictStatus, Probe, ServerStatus
from greenroom.protocol.snapshot import InitState, Phase, Status
from greenroom.serving.greenroom import Greenroom
from greenroom.web.bodies import json_answer
from greenroom.web.endpoint import Operation, Parameter, endpoint
from greenroom.web.problems import not_ready_answer
from greenroom.web.socket import wanted_models

NO_STORE = {"cache-control": "no-store"}
_MODELS = Parameter("models", "Names, separated by commas; the required models when absent.")


def _greenroom(request: Request) -> Greenroom:
    greenroom: Greenroom = request.app.state.greenroom
    return greenroom


def _snapshot(request: Request) -> InitState:
    greenroom = _greenroom(request)
    return greenroom.board.posted(greenroom.scope(wanted_models(request.query_params.get("models")))).state


@endpoint("/health", Operation("The process answers; each model's phase.", {200: Health}))
async def health(request: Request) -> Response:
    greenroom = _greenroom(request)
    everything = greenroom.board.posted(greenroom.scope(tuple(greenroom.keepers))).state
    phases = {model.name: model.phase for model in everything.models}
    return json_answer(Health(model_loaded=greenroom.is_ready(), models=phases), headers=NO_STORE)


@endpoint("/livez", Operation("Liveness probe.", {200: Probe}))
async def livez(request: Request) -> Response:
    return json_answer(Probe(status="ok"), headers=NO_STORE)


@endpoint(
    "/readyz",
    Operation("Readiness probe: 503 until the required models are ready.", {200: Probe, 503: Probe}),
)
async def readyz(request: Request) -> Response:
    ready = _greenroom(request).is_ready()
    return json_answer(Probe(status="ok" if ready else "not ready"), 200 if ready else 503, NO_STORE)


@endpoint(
    "/status",
    Operation("The server and the snapshot, always 200: for polling.", {200: ServerStatus}, None, (_MODELS,)),
)
async def status(request: Request) -> Response:
    greenroom = _greenroom(request)
    answer = ServerStatus(
        server=f"greenroom/{__version__}",
        uptime_seconds=round(greenroom.clock.monotonic() - greenroom.started_at, 3),
        snapshot=_snapshot(request),
    )
    return json_answer(answer, headers=NO_STORE)


@endpoint(
    "/api/v1/admin/ready",
    Operation("The snapshot itself: 200 ready, 425 on the way, 503 failed for good.",
              {200: InitState, 425: InitState, 503: InitState}, None, (_MODELS,)),
)  # fmt: skip
async def ready(request: Request) -> Response:
    greenroom = _greenroom(request)
    scope = greenroom.scope(wanted_models(request.query_params.get("models")))
    posted = greenroom.board.posted(scope)
    if posted.state.ready:
        return Response(posted.data, 200, NO_STORE, "application/json")
    return not_ready_answer(request, scope)


@endpoint(
    "/predict/status",
    Operation("The snapshot with the older names of its status, always 200.", {200: PredictStatus}, None, (_MODELS,)),
)
async def predict_status(request: Request) -> Response:
    state = _snapshot(request)
    return json_answer(PredictStatus(status=_predict_state(state), snapshot=state), headers=NO_STORE)


def _predict_state(state: InitState) -> PredictState:
    if state.ready:
        return PredictState.READY
    if state.status is Status.ERROR:
        return PredictState.ERROR
    return PredictState.NOT_STARTED if state.phase is Phase.QUEUED else PredictState.LOADING


ENDPOINTS = (health, livez, readyz, status, ready, predict_status)
