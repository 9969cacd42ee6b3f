"""What a job keeps of a model's answer: a JSON object for each input. Pure."""

from __future__ import annotations

import base64
from collections.abc import Iterator

from greenroom.errors import InvalidInputError, PredictionError
from greenroom.serving.greenroom import Embedded, Predicted

ResultRow = dict[str, object]


def rows_of(answer: Embedded | Predicted) -> list[ResultRow]:
    """`label`, `score` and `scores` of a classifier; of an encoder the `embedding`, base64 of float32. `truncated` only
    where the input was longer than the model reads."""
    rows = list(_embeddings(answer) if isinstance(answer, Embedded) else _labels(answer))
    for index in answer.truncated:
        rows[index]["truncated"] = True
    return rows


def row_of_fault(error: InvalidInputError | PredictionError) -> ResultRow:
    """For an input that no try mends, instead of a result."""
    faults = error.faults if isinstance(error, InvalidInputError) else ()
    said = faults[0].detail if faults else str(error)
    return {"error": {"code": str(error.code), "message": said}}


def _labels(answer: Predicted) -> Iterator[ResultRow]:
    for label, scores in answer.labelled():
        yield {"label": label, "score": scores[label], "scores": scores}


def _embeddings(answer: Embedded) -> Iterator[ResultRow]:
    bytes_each = answer.dimension * 4
    for start in range(0, len(answer.data), bytes_each):
        yield {"embedding": base64.b64encode(answer.data[start : start + bytes_each]).decode()}
