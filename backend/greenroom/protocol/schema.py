"""JSON Schema of the wire, and the constants that clients need at run time.

`greenroom schema` writes it to `docs/schema/protocol.json`; `protocol.gen.ts` is made from that file.
"""

from __future__ import annotations

from enum import Enum
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from greenroom.protocol import answers, jobs, problems, snapshot, socket
from greenroom.protocol.base import PROTOCOL_VERSION, SUBPROTOCOL
from greenroom.words import ErrorCode, JobState

MESSAGES: tuple[type[BaseModel], ...] = (
    snapshot.InitState, socket.Hello, socket.Event, socket.Ping, socket.Draining, socket.ErrorFrame, socket.Pong,
    problems.Problem, answers.Health, answers.Probe, answers.Welcome, answers.ServerStatus, answers.PredictStatus,
    answers.ModelsStatus, answers.CurrentModel, answers.ReloadAnswer, answers.RollbackAnswer, answers.UnpinAnswer,
    answers.ClearAnswer, answers.RetryAnswer, answers.EmbeddingsRequest, answers.EmbeddingsAnswer,
    answers.PredictRequest, answers.PredictAnswer, jobs.JobRequest, jobs.JobAnswer, jobs.JobResult,
)  # fmt: skip

_ENUMS: tuple[type[Enum], ...] = (
    snapshot.Phase, snapshot.Status, snapshot.EstimateBasis, snapshot.StageName, snapshot.MessageKey,
    socket.EventName, socket.Verdict, answers.PredictState, JobState, ErrorCode,
)  # fmt: skip


def component_schemas(ref_template: str = "#/components/schemas/{model}") -> dict[str, Any]:
    """JSON Schema 2020-12 of every message, by name. Requests as they are read, the rest as they are written."""
    requests = {answers.EmbeddingsRequest, answers.PredictRequest, jobs.JobRequest, socket.Pong}
    _, document = models_json_schema(
        [(m, "validation" if m in requests else "serialization") for m in MESSAGES], ref_template=ref_template
    )
    schemas: dict[str, Any] = document["$defs"]
    return dict(sorted(schemas.items()))


def protocol_schema() -> dict[str, Any]:
    """The whole wire as one JSON Schema document; `x-constants` holds what types cannot say."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Greenroom protocol",
        "$defs": component_schemas("#/$defs/{model}"),
        "x-constants": {
            "protocol": PROTOCOL_VERSION,
            "subprotocol": SUBPROTOCOL,
            "phaseOrder": [str(p) for p in snapshot.PHASE_ORDER],
            "closeCodes": {code.name: int(code) for code in socket.CloseCode},
            "closeVerdicts": {str(int(code)): str(v) for code, v in socket.CLOSE_VERDICTS.items()},
            "enums": {enum.__name__: [str(member.value) for member in enum] for enum in _ENUMS},
        },
    }
