"""The RFQ endpoints: look at the golden pairs at any time, preview a prompt once the model is ready."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import ConfigDict, Field, StringConstraints, TypeAdapter
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from greenroom import (
    Greenroom,
    Message,
    Operation,
    endpoint,
    json_answer,
    read_json,
    require_models_ready,
    run_until_disconnect,
)
from workbench.golden import Closest, GoldenPair, GoldenPairs
from workbench.prompt import build_prompt

MODEL = "minilm"
MAX_DESCRIPTION_CHARACTERS = 10_000
MAX_K = 10

_TAGS = ("workbench",)


class PreviewRequest(Message):
    """`POST /api/v1/rfq/preview-prompt`. Unknown members are ignored."""

    model_config = ConfigDict(extra="ignore")

    description: Annotated[
        str, StringConstraints(strip_whitespace=True, min_length=1, max_length=MAX_DESCRIPTION_CHARACTERS)
    ]
    """The request for quotation, 1 to 10 000 characters without the white space around it."""
    k: Annotated[int, Field(strict=True, ge=1, le=MAX_K)] = 3
    """How many golden pairs lead the prompt."""


class RankedPair(GoldenPair):
    """A golden pair that was chosen."""

    score: Annotated[float, Field(ge=-1, le=1)]
    """Cosine similarity of the two requests."""


class PreviewAnswer(Message):
    """The assembled prompt, and what it was made of."""

    prompt: str
    pairs: tuple[RankedPair, ...]
    """Best first."""
    model: str
    version: str
    """The version that compared the requests."""
    cached: Literal[False] = False
    truncated: bool
    """Whether the description was longer than the model's window: pairs were then chosen by its beginning. The
    prompt holds all of it."""
    max_tokens: Annotated[int, Field(gt=0)]
    """The model's window."""


_PAIRS = TypeAdapter(tuple[GoldenPair, ...])


@endpoint(
    "/api/v1/rfq/preview-prompt",
    Operation(
        "Assemble the prompt for a request from the golden pairs closest in meaning.",
        {200: PreviewAnswer}, PreviewRequest, guarded=True, tags=_TAGS,
    ),
    method="POST",
)  # fmt: skip
@require_models_ready(MODEL)
async def preview_prompt(request: Request) -> Response:
    asked = await read_json(request, PreviewRequest)
    golden: GoldenPairs = request.app.state.golden
    greenroom: Greenroom = request.app.state.greenroom
    closest = await run_until_disconnect(request, golden.closest(greenroom, asked.description, asked.k))
    return json_answer(preview(asked.description, closest))


def preview(description: str, closest: Closest) -> PreviewAnswer:
    """The answer for `description` and the pairs that were found for it."""
    return PreviewAnswer(
        prompt=build_prompt(description, [match.pair for match in closest.matches]),
        pairs=tuple(RankedPair(**match.pair.model_dump(), score=match.score) for match in closest.matches),
        model=MODEL,
        version=closest.version,
        truncated=closest.truncated,
        max_tokens=closest.max_tokens,
    )


@endpoint("/api/v1/golden/pairs", Operation("All golden pairs.", {200: [GoldenPair]}, tags=_TAGS))
async def golden_pairs(request: Request) -> Response:
    golden: GoldenPairs = request.app.state.golden
    return Response(_PAIRS.dump_json(golden.pairs), media_type="application/json")


ENDPOINTS: tuple[BaseRoute, ...] = (preview_prompt, golden_pairs)
