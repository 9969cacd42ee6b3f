"""A job as a row of the database, and back."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import msgspec

from greenroom.jobs.rules import Row
from greenroom.jobs.seam import BadLine, Job, JobFault, JobState
from greenroom.store.tables import JobRow

JOBS = JobRow.__table__  # type: ignore[attr-defined]
WITHOUT_INPUTS = [column for column in JOBS.c if column.name != "inputs"]
"""What is read of a job that nobody is to work on now."""
NAME_CHARACTERS = 200
_FIXED = ("model", "name", "total", "created_at", "bad_line_count")
_OWN = ("done", "attempts", "started_at", "finished_at", "retry_at", "cancelling", "version", "label", "score",
        "changes", "worked_seconds")  # fmt: skip
"""Members of a job that are columns of the same name; those in `_FIXED` never change."""
_UNSTORABLE = re.compile("[\0\ud800-\udfff]")
_lines = msgspec.json.Decoder(tuple[BadLine, ...])


def columns(row: Row) -> dict[str, Any]:
    """Those that may change."""
    job, fault = row.job, row.job.fault
    return {name: getattr(job, name) for name in _OWN} | {
        "version": fitting(job.version), "label": fitting(job.label), "state": str(job.state),
        "fault_code": fault and fault.code, "fault_message": fault and _storable(fault.message),
        "fence": row.fence, "lease_until": row.lease_until, "worker": row.worker, "turn": row.turn,
    }  # fmt: skip


def fitting(name: str | None) -> str | None:
    """Names are others' to choose; longer ones than their column has room for would be refused by PostgreSQL."""
    return name and _storable(name)[:NAME_CHARACTERS]


def _storable(text: str) -> str:
    """PostgreSQL takes no NUL in a text, and no database takes halves of a character."""
    return _UNSTORABLE.sub("\ufffd", text)


def fixed_columns(row: Row) -> dict[str, Any]:
    """The others, but for those that the database gives itself."""
    return {name: getattr(row.job, name) for name in _FIXED} | {
        "id": row.job.id, "name": fitting(row.job.name), "rank": -row.job.priority,
        "bad_lines": msgspec.json.encode(row.job.bad_lines), "file": row.file.name if row.file else None,
        "inputs": msgspec.json.encode(row.inputs),
    }  # fmt: skip


def row_of(found: Any, folder: Path, inputs: tuple[object, ...] = ()) -> Row:
    """`folder`: where the files lie."""
    code, message = found["fault_code"], found["fault_message"]
    job = Job(
        id=found["id"], state=JobState(found["state"]), priority=-found["rank"],
        fault=JobFault(code, message) if code else None,
        bad_lines=_lines.decode(found["bad_lines"]), **{name: found[name] for name in (*_FIXED, *_OWN)},
    )  # fmt: skip
    return Row(
        job, inputs, file_of(found, folder), fence=found["fence"], lease_until=found["lease_until"],
        worker=found["worker"], turn=found["turn"],
    )  # fmt: skip


def file_of(found: Any, folder: Path) -> Path | None:
    return folder / found["file"] if found["file"] else None


def inputs_of(found: Any) -> tuple[object, ...]:
    return tuple(msgspec.json.decode(found["inputs"]))
