"""Admin calls about the inputs that a model is not given any more, because its process ended of each twice."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from greenroom.protocol.answers import ForgivenInputs, RefusedInputs
from greenroom.serving.greenroom import Greenroom
from greenroom.web.admin import require_admin
from greenroom.web.bodies import json_answer
from greenroom.web.endpoint import Operation, Parameter, endpoint

_PATH = "/models/{name}/refused"
_NO_STORE = {"cache-control": "no-store"}
_NAME = (Parameter("name", "The model.", "path"),)


@endpoint(_PATH, Operation("The inputs that are refused.", {200: RefusedInputs}, None, _NAME, admin=True))
@require_admin
async def refused_inputs(request: Request) -> Response:
    greenroom: Greenroom = request.app.state.greenroom
    name = request.path_params["name"]
    return json_answer(RefusedInputs(model=name, refused=greenroom.refused(name)), headers=_NO_STORE)


@endpoint(
    _PATH,
    Operation("Let the refused inputs be tried again.", {200: ForgivenInputs}, None, _NAME, admin=True),
    method="DELETE",
)
@require_admin
async def forgive_inputs(request: Request) -> Response:
    greenroom: Greenroom = request.app.state.greenroom
    name = request.path_params["name"]
    return json_answer(ForgivenInputs(model=name, forgiven=greenroom.forgive(name)), headers=_NO_STORE)


ENDPOINTS = (refused_inputs, forgive_inputs)
