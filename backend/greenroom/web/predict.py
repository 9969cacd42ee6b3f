"""`POST /predict`: labels for texts, or for the rows of a table."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence

from starlette.requests import Request
from starlette.responses import Response

from greenroom.jobs.inputs import too_long
from greenroom.protocol.answers import PredictAnswer, Prediction, PredictRequest
from greenroom.protocol.jobs import JobAnswer
from greenroom.serving.greenroom import Greenroom, Predicted
from greenroom.settings import Settings
from greenroom.web.bodies import json_answer, read_json
from greenroom.web.endpoint import Operation, endpoint
from greenroom.web.guard import ReadyGuard, preferred_wait, run_until_disconnect
from greenroom.web.job_requests import accepted_answer, default_model, prefers_job, submit_inputs
from greenroom.words import InputFault, InvalidInputError, NotReadyError, Task

Inputs = Sequence[str] | Sequence[dict[str, float | int | bool | str | None]]


@endpoint(
    "/predict",
    Operation(
        "Classify texts or rows; with `Prefer: respond-async` as a job.",
        {200: PredictAnswer, 202: JobAnswer},
        PredictRequest,
        guarded=True,
    ),
    method="POST",
)
async def predict(request: Request) -> Response:
    greenroom: Greenroom = request.app.state.greenroom
    asked = await read_json(request, PredictRequest)
    inputs = _inputs(asked)
    with _single_text_named(asked):
        _require_within_limits(inputs, greenroom.settings)
    name = asked.model or default_model(greenroom)
    greenroom.require_task(name, Task.CLASSIFY)
    if await _is_for_a_job(request, name):
        single = asked.text is not None
        job = await submit_inputs(request, inputs, asked.model, is_single=single)
        return accepted_answer(request, job, preferred=prefers_job(request))
    with _single_text_named(asked):
        predicted = await run_until_disconnect(request, greenroom.predict(name, inputs))
    response = json_answer(_answer(name, predicted))
    if applied := request.scope.get("greenroom.preference_applied"):
        response.headers["preference-applied"] = applied
    return response


async def _is_for_a_job(request: Request, name: str) -> bool:
    """Whether the caller gets a job instead; returns when the model is ready, or is not going to be waited for.

    `respond-async` alone is never held; with `wait=N` beside it an answer is preferred that comes within so long
    (RFC 7240 §4.3). Raises NotReadyError."""
    greenroom: Greenroom = request.app.state.greenroom
    wants_job = prefers_job(request)
    is_held = preferred_wait(request.headers.get("prefer", "")) is not None
    if greenroom.settings.use_background_inference or (wants_job and not is_held):
        return True
    try:
        await ReadyGuard((name,)).check(request)
    except NotReadyError:
        if not wants_job:
            raise
        return True
    return False


def _inputs(asked: PredictRequest) -> Inputs:
    """Raises InvalidInputError unless exactly one of the two members is there."""
    if asked.text is not None and asked.inputs is None:
        return [asked.text]
    if asked.inputs is not None and asked.text is None:
        return asked.inputs
    detail = "one of `text` and `inputs` is needed" if asked.text is None else "`text` or `inputs`, not both"
    raise InvalidInputError(detail, (InputFault("" if asked.text is None else "/inputs", detail),))


@contextlib.contextmanager
def _single_text_named(asked: PredictRequest) -> Iterator[None]:
    """Faults of a text that was sent alone point at where it was sent, and those of others at `inputs`."""
    try:
        yield
    except InvalidInputError as error:
        place = "/text" if asked.text is not None else None
        error.faults = tuple(InputFault(place or _in_inputs(fault.pointer), fault.detail) for fault in error.faults)
        raise


def _in_inputs(pointer: str) -> str:
    """Refusals of single texts name them under `/input`, the way embeddings take them."""
    return pointer.replace("/input/", "/inputs/", 1) if pointer.startswith("/input/") else pointer


def _require_within_limits(inputs: Inputs, settings: Settings) -> None:
    if not 1 <= len(inputs) <= settings.max_inputs:
        detail = f"1 to {settings.max_inputs} inputs are allowed, {len(inputs)} were sent"
        raise InvalidInputError(f"inputs: {detail}", (InputFault("/inputs", detail),))
    most = settings.max_text_characters
    wrong = [index for index, one in enumerate(inputs) if isinstance(one, str) and not 1 <= len(one) <= most]
    if wrong:
        faults = [InputFault(f"/inputs/{index}", _fault_of(len(inputs[index]), most)) for index in wrong]
        raise InvalidInputError(f"Input {wrong[0] + 1} {faults[0].detail}.", tuple(faults))


def _fault_of(characters: int, most: int) -> str:
    return too_long(characters, most) if characters else "is empty"


def _answer(name: str, predicted: Predicted) -> PredictAnswer:
    results = [Prediction(label=label, score=scores[label], scores=scores) for label, scores in predicted.labelled()]
    label, score = results[0].label, results[0].score
    return PredictAnswer(
        label=label, score=score, model=name, version=predicted.version, cached=False,
        result_label=label, result_score=score, results=results, truncated=list(predicted.truncated),
    )  # fmt: skip


ENDPOINTS = (predict,)
