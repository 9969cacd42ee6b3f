"""Rows of a table on their way to a tabular model. Pure: the front asks, so that faults name their place, and a host
asks again, because it believes nobody."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping

NUMBER = "number"
TEXT = "text"
COLUMN_KINDS = (NUMBER, TEXT)


def as_text(row: Mapping[str, object]) -> str:
    """A row as it travels: the same for equal rows, whatever the order of their columns."""
    return json.dumps(row, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def row_faults(row: Mapping[str, object], columns: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """(column, what is wrong with it). A null is a missing value; true and false are the numbers 1 and 0."""
    for name, kind in columns.items():
        if name not in row:
            yield name, f"this column is missing; a {kind} or null is needed"
        elif row[name] is not None and not _FITS[kind](row[name]):
            yield name, f"a {kind} or null is needed"
    for name in row:
        if name not in columns:
            yield name, "the model has no such column"


def _is_number(value: object) -> bool:
    if not isinstance(value, int | float):
        return False
    try:
        return math.isfinite(value)
    except OverflowError:  # an integer beyond every float
        return False


def _is_text(value: object) -> bool:
    return isinstance(value, str)


_FITS = {NUMBER: _is_number, TEXT: _is_text}
