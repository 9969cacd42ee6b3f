"""The golden examples are read by pytest and by Vitest: both sides agree on every byte they stand for."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from pydantic import BaseModel, TypeAdapter

import greenroom.protocol
from greenroom.protocol.answers import (
    EmbeddingsAnswer,
    EmbeddingsRequest,
    Health,
    PredictAnswer,
    PredictRequest,
    ServerStatus,
)
from greenroom.protocol.base import timestamp
from greenroom.protocol.jobs import JobAnswer, JobRequest, JobResult
from greenroom.protocol.problems import Problem
from greenroom.protocol.schema import protocol_schema
from greenroom.protocol.snapshot import PHASE_ORDER, Phase
from greenroom.protocol.socket import CLOSE_VERDICTS, CloseCode, ServerFrame

FOLDER = Path(greenroom.protocol.__file__).parent / "examples"
EXAMPLES = sorted(FOLDER.glob("*.json"))

_OF_CALLS: dict[str, type[BaseModel]] = {
    "problem": Problem,
    "status": ServerStatus,
    "health": Health,
    "embeddings-request": EmbeddingsRequest,
    "embeddings-answer": EmbeddingsAnswer,
    "predict-request": PredictRequest,
    "predict-answer": PredictAnswer,
    "job-request": JobRequest,
    "job-answer": JobAnswer,
    "job-result": JobResult,
}


def read(file: Path) -> BaseModel:
    text = file.read_text()
    for prefix, model in _OF_CALLS.items():
        if file.name.startswith(prefix):
            return model.model_validate_json(text)
    frame: BaseModel = TypeAdapter(ServerFrame).validate_json(text)
    return frame


@pytest.mark.parametrize("file", EXAMPLES, ids=lambda file: file.stem)
def test_an_example_survives_reading_and_writing(file: Path) -> None:
    message = read(file)
    assert json.loads(message.model_dump_json()) == json.loads(file.read_text())


@pytest.mark.parametrize("file", sorted(FOLDER.glob("snapshot-*.json")), ids=lambda file: file.stem)
def test_example_snapshots_obey_the_laws(file: Path) -> None:
    snapshot = json.loads(file.read_text())
    assert (snapshot["progress"] == 100) == snapshot["ready"] == snapshot["models_loaded"]
    assert snapshot["ready"] or snapshot["estimated_seconds"] is None or snapshot["estimated_seconds"] >= 1


def test_every_close_code_has_a_verdict() -> None:
    assert set(CLOSE_VERDICTS) == set(CloseCode)


def test_every_phase_a_server_sends_has_a_place_in_the_order() -> None:
    assert set(PHASE_ORDER) == set(Phase) - {Phase.CONNECTING}


def test_every_reference_in_the_schema_leads_somewhere() -> None:
    document = protocol_schema()
    text = json.dumps(document)
    names = {part.partition('"')[0] for part in text.split('"#/$defs/')[1:]}
    assert names
    assert names <= set(document["$defs"])


def test_a_timestamp_has_milliseconds_and_says_utc() -> None:
    assert timestamp(1_795_230_622.104) == "2026-11-21T03:10:22.104Z"
