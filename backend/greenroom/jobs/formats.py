"""Results of a job as a file, chunk by chunk: JSON, CSV or JSON Lines. Pure."""

from __future__ import annotations

import csv
import io
from collections.abc import AsyncIterator, Iterator, Mapping
from enum import StrEnum
from typing import Any, cast

import msgspec

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


async def encoded(format_: ResultFormat, chunks: AsyncIterator[Chunk], embeds: bool) -> AsyncIterator[bytes]:
    """The file in pieces, one a chunk. `embeds`: whether the model gives embeddings; for the head of a CSV file."""
    if format_ is ResultFormat.JSON:
        async for piece in _json(chunks):
            yield piece
        return
    columns = _EMBEDDINGS if embeds else _LABELS
    if format_ is ResultFormat.CSV:
        yield _csv([dict(zip(columns, columns, strict=True))], columns)
    async for chunk in chunks:
        rows = list(_rows(chunk))
        yield _csv(map(_flat, rows), columns) if format_ is ResultFormat.CSV else _lines(rows)


async def _json(chunks: AsyncIterator[Chunk]) -> AsyncIterator[bytes]:
    before = b"[\n"
    async for chunk in chunks:
        if chunk.rows:
            yield before + b",\n".join(map(msgspec.json.encode, _rows(chunk)))
            before = b",\n"
    yield b"[]\n" if before == b"[\n" else b"\n]\n"


def _rows(chunk: Chunk) -> Iterator[dict[str, Any]]:
    for index, row in enumerate(chunk.rows, start=chunk.start):
        yield {"index": index, **cast("Mapping[str, Any]", row)}


def _lines(rows: list[dict[str, Any]]) -> bytes:
    return b"".join(msgspec.json.encode(row) + b"\n" for row in rows)


def _flat(row: dict[str, Any]) -> dict[str, Any]:
    """Without what is no single cell: the error as its sentence, scores of other classes not at all."""
    error = row.get("error")
    return {**row, "error": error["message"] if error else None, "truncated": "true" if row.get("truncated") else None}


def _csv(rows: Iterator[dict[str, Any]] | list[dict[str, Any]], columns: tuple[str, ...]) -> bytes:
    """RFC 4180."""
    written = io.StringIO(newline="")
    writer = csv.writer(written, lineterminator="\r\n")
    writer.writerows([_harmless(row.get(column)) for column in columns] for row in rows)
    return written.getvalue().encode()


def _harmless(cell: object) -> object:
    """A text that would be run as a formula gets an apostrophe in front, which table programs take for "text"."""
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(_FORMULA) else cell
