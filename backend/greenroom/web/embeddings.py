"""`POST /v1/embeddings`: OpenAI's shape over our models."""

from __future__ import annotations

import base64
import contextlib
from collections.abc import Iterator

from starlette.requests import Request
from starlette.responses import Response

from greenroom.protocol.answers import Embedding, EmbeddingsAnswer, EmbeddingsRequest, Usage
from greenroom.serving.greenroom import Embedded, Greenroom
from greenroom.settings import Settings
from greenroom.web.bodies import json_answer, read_json
from greenroom.web.endpoint import Operation, endpoint
from greenroom.web.guard import ReadyGuard, run_until_disconnect
from greenroom.words import InputFault, InvalidInputError


@endpoint(
    "/v1/embeddings",
    Operation("Embed texts.", {200: EmbeddingsAnswer}, EmbeddingsRequest, guarded=True),
    method="POST",
)
async def embeddings(request: Request) -> Response:
    greenroom: Greenroom = request.app.state.greenroom
    asked = await read_json(request, EmbeddingsRequest)
    texts = [asked.input] if isinstance(asked.input, str) else asked.input
    with _single_input_named(asked):
        _require_within_limits(texts, greenroom.settings)
    await ReadyGuard((asked.model,)).check(request)
    with _single_input_named(asked):
        embedded = await run_until_disconnect(request, greenroom.embed(asked.model, texts))
    _require_whole(asked, embedded.dimension)
    response = json_answer(_answer(asked, embedded), headers={"x-embedding-space": embedded.space})
    if applied := request.scope.get("greenroom.preference_applied"):
        response.headers["preference-applied"] = applied
    return response


@contextlib.contextmanager
def _single_input_named(asked: EmbeddingsRequest) -> Iterator[None]:
    """Faults of a text that was sent alone point at where it was sent."""
    try:
        yield
    except InvalidInputError as error:
        if isinstance(asked.input, str):
            error.faults = tuple(InputFault("/input", fault.detail) for fault in error.faults)
        raise


def _require_within_limits(texts: list[str], settings: Settings) -> None:
    if not 1 <= len(texts) <= settings.max_inputs:
        detail = f"1 to {settings.max_inputs} texts are allowed, {len(texts)} were sent"
        raise InvalidInputError(f"input: {detail}", (InputFault("/input", detail),))
    most = settings.max_text_characters
    detail = f"1 to {most} characters are allowed"
    wrong = [index for index, text in enumerate(texts) if not 1 <= len(text) <= most]
    if wrong:
        faults = tuple(InputFault(f"/input/{index}", detail) for index in wrong)
        raise InvalidInputError(f"input {wrong[0]}: {detail}", faults)


def _require_whole(asked: EmbeddingsRequest, dimension: int) -> None:
    """Cutting vectors is sound only for models trained for it, and none here is (yet)."""
    if asked.dimensions not in (None, dimension):
        detail = f"{asked.model} gives {dimension} dimensions and cannot be cut"
        raise InvalidInputError(f"dimensions: {detail}", (InputFault("/dimensions", detail),))


def _answer(asked: EmbeddingsRequest, embedded: Embedded) -> EmbeddingsAnswer:
    total = sum(embedded.tokens)
    as_text = asked.encoding_format == "base64"
    return EmbeddingsAnswer(
        data=[Embedding(index=i, embedding=v) for i, v in enumerate(_vectors(embedded, as_text))],
        model=asked.model,
        version=embedded.version,
        space=embedded.space,
        usage=Usage(prompt_tokens=total, total_tokens=total),
        truncated=list(embedded.truncated),
    )


def _vectors(embedded: Embedded, as_text: bool) -> Iterator[list[float] | str]:
    row_bytes = embedded.dimension * 4
    view = memoryview(embedded.data)
    for start in range(0, len(view), row_bytes):
        row = view[start : start + row_bytes]
        yield base64.b64encode(row).decode() if as_text else [float(x) for x in row.cast("f")]


ENDPOINTS = (embeddings,)
