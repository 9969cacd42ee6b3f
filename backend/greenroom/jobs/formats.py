"""Results of a job as a file, chunk by chunk: JSON, CSV or JSON Lines. Pure."""

from __future__ import annotations

import csv
import io
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from enum import StrEnum
from typing import Any, cast

import msgspec

from greenroom.jobs.lines import BOM
from greenroom.jobs.seam import Chunk

_LABELS = ("index", "label", "score", "truncated", "error")
_EMBEDDINGS = ("index", "embedding", "truncated", "error")
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")
"""How a cell begins that a table program takes for a formula, and runs."""


class ResultFormat(StrEnum):
    JSON = "json"
    CSV = "csv"
    JSONL = "jsonl"


MEDIA_TYPES = {
    ResultFormat.JSON: "application/json",
    ResultFormat.CSV: "text/csv; charset=utf-8; header=present",
    ResultFormat.JSONL: "application/jsonl",
}


Answered = tuple[Chunk, Sequence[object]]
"""A chunk, and the inputs it has results of; none of them where they are not wanted."""


async def encoded(
    format_: ResultFormat,
    answered: AsyncIterator[Answered],
    embeds: bool,
    with_inputs: bool = False,
    with_mark: bool = False,
) -> AsyncIterator[bytes]:
    """The file in pieces, one a chunk. `embeds`: whether the model gives embeddings, as far as the first results do not
    tell; for the head of a CSV file, as are `with_inputs` and `with_mark`: a byte order mark, without which Excel takes
    UTF-8 for something else, and which is part of the first column's name for many another program."""
    if format_ is ResultFormat.CSV:
        if with_mark:
            yield BOM
        pieces = _table(answered, embeds, with_inputs)
    else:
        pieces = _json(answered) if format_ is ResultFormat.JSON else _json_lines(answered)
    async for piece in pieces:
        yield piece


async def _json(answered: AsyncIterator[Answered]) -> AsyncIterator[bytes]:
    before = b"[\n"
    async for chunk, inputs in answered:
        if chunk.rows:
            yield before + b",\n".join(map(msgspec.json.encode, _rows(chunk, inputs)))
            before = b",\n"
    yield b"[]\n" if before == b"[\n" else b"\n]\n"


async def _json_lines(answered: AsyncIterator[Answered]) -> AsyncIterator[bytes]:
    async for chunk, inputs in answered:
        yield b"".join(msgspec.json.encode(row) + b"\n" for row in _rows(chunk, inputs))


async def _table(answered: AsyncIterator[Answered], embeds: bool, with_inputs: bool) -> AsyncIterator[bytes]:
    """Its head waits for the first chunk, which says what all are: texts or rows, labels or embeddings."""
    columns: tuple[str, ...] = ()
    async for chunk, inputs in answered:
        if not columns:
            columns = _columns(chunk.rows, embeds, inputs[:1] if with_inputs else ())
            yield _head(columns)
        yield _csv(map(_flat, _rows(chunk, inputs)), columns)
    if not columns:
        yield _head(_columns((), embeds, ("",) if with_inputs else ()))


def _columns(rows: Sequence[object], embeds: bool, inputs: Sequence[object]) -> tuple[str, ...]:
    results = (row for row in cast("Sequence[Mapping[str, Any]]", rows) if "error" not in row)
    embeds = next(("embedding" in row for row in results), embeds)
    columns = _EMBEDDINGS if embeds else _LABELS
    return (columns[0], *(name for sent in inputs for name in _input(sent)), *columns[1:])


def _head(columns: tuple[str, ...]) -> bytes:
    return _csv([dict(zip(columns, columns, strict=True))], columns)


def _rows(chunk: Chunk, inputs: Sequence[object]) -> Iterator[dict[str, Any]]:
    for at, row in enumerate(chunk.rows):
        sent = _input(inputs[at]) if at < len(inputs) else {}
        yield {"index": chunk.start + at, **sent, **cast("Mapping[str, Any]", row)}


def _input(sent: object) -> dict[str, Any]:
    return {"text" if isinstance(sent, str) else "row": sent}


def _flat(row: dict[str, Any]) -> dict[str, Any]:
    """Without what is no single cell: the error as its sentence, a row as JSON (its columns may be called as ours are,
    and differ from row to row), scores of other classes not at all."""
    flat = {**row, "truncated": "true" if row.get("truncated") else None}
    if error := row.get("error"):
        flat["error"] = error["message"]
    if "row" in row:
        flat["row"] = msgspec.json.encode(row["row"]).decode()
    return flat


def _csv(rows: Iterable[dict[str, Any]], columns: tuple[str, ...]) -> bytes:
    """RFC 4180."""
    written = io.StringIO(newline="")
    writer = csv.writer(written, lineterminator="\r\n")
    writer.writerows([_harmless(row.get(column)) for column in columns] for row in rows)
    return written.getvalue().encode()


def _harmless(cell: object) -> object:
    """A text that would be run as a formula gets an apostrophe in front, which table programs take for "text"."""
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(_FORMULA) else cell
