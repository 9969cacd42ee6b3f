"""Inputs out of an uploaded file: texts one a line, a CSV table, or JSON one a line. What a model cannot read is a bad
line, reported by its number, and fails nothing else. Pure but for the file that is read; nothing is kept in memory but
one record."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import BinaryIO

import msgspec

from greenroom.jobs.lines import BadInputError, Lines, UnreadableFileError
from greenroom.jobs.seam import BadLine

MAX_BAD_LINES = 100
"""That are kept; all are counted."""
MAX_COLUMNS = 1000
DELIMITERS = ",;\t"
_BYTES_PER_CHARACTER = 12
"""At most, in JSON: two escapes such as `\\ud83d`."""
_SPARE_BYTES = 64 * 1024
"""For what stands on a line beside a text: other columns."""
_NUMBER = re.compile(r"-?(0|[1-9]\d{0,17})(\.\d{1,30})?([eE][+-]?\d{1,2})?")
_FLAGS = {"true": True, "false": False}

Cell = str | int | float | bool | None
Value = str | dict[str, Cell]


class FileKind(StrEnum):
    TEXT = "txt"
    CSV = "csv"
    JSONL = "jsonl"


@dataclass(frozen=True)
class Wanted:
    """What the model reads, and where it stands in the file."""

    rows: bool = False
    """Column name → value, all of them; otherwise texts."""
    column: str | None = None
    """Of the text, in CSV and in JSON objects; None: the one called `text`."""
    max_characters: int = 10_000
    """Of one text."""

    @property
    def text_column(self) -> str:
        return self.column or "text"


class Inputs:
    """The inputs of one file, and what was wrong with the others. For one reading."""

    def __init__(self, kind: FileKind, wanted: Wanted) -> None:
        self._kind = kind
        self._wanted = wanted
        self.total = 0
        self.bad_lines: list[BadLine] = []
        """The first MAX_BAD_LINES."""
        self.bad_line_count = 0

    def read(self, file: BinaryIO) -> Iterator[bytes]:
        """Each input as one line of JSON, its end included.

        Raises UnreadableFileError when nothing in it can be an input: another encoding, no such column."""
        lines = Lines(file, _BYTES_PER_CHARACTER * self._wanted.max_characters + _SPARE_BYTES)
        next_value = _READERS[self._kind](lines, self._wanted)
        while True:
            lines.begin_record()
            try:
                value = next_value()
                if value is None:
                    continue
                self._require_good(value, lines)
            except StopIteration:
                return
            except BadInputError as bad:
                self._note(lines.fault or bad)
                continue
            self.total += 1
            yield msgspec.json.encode(value) + b"\n"

    def _require_good(self, value: Value, lines: Lines) -> None:
        if lines.fault is not None:
            raise lines.fault
        if isinstance(value, str):
            self._require_fits(value, lines.record_number)

    def _require_fits(self, text: str, line: int) -> None:
        if not text.strip():
            raise BadInputError(line, "the text is empty")
        if len(text) > self._wanted.max_characters:
            raise BadInputError(line, f"the text has more than {self._wanted.max_characters} characters")

    def _note(self, bad: BadInputError) -> None:
        self.bad_line_count += 1
        if len(self.bad_lines) < MAX_BAD_LINES:
            self.bad_lines.append(BadLine(bad.line, bad.message))


def _texts(lines: Lines, wanted: Wanted) -> Callable[[], Value | None]:
    if wanted.rows:
        raise UnreadableFileError("The model reads rows: send CSV with a line of column names, or JSON Lines.")

    def next_value() -> str | None:
        line = next(lines)
        return line.removesuffix("\n") if line.strip() else None

    return next_value


def _json(lines: Lines, wanted: Wanted) -> Callable[[], Value | None]:
    def next_value() -> Value | None:
        line = next(lines)
        if not line.strip():
            return None
        number = lines.record_number
        try:
            value = msgspec.json.decode(line)
        except (msgspec.DecodeError, RecursionError):
            raise BadInputError(number, "is not JSON") from None
        return _row(value, number) if wanted.rows else _text(value, wanted.text_column, number)

    return next_value


def _text(value: object, column: str, line: int) -> str:
    text = value.get(column) if isinstance(value, dict) else value
    if not isinstance(text, str):
        raise BadInputError(line, f"a text, or an object with the text as {_shown(column)}, is needed")
    return text


def _row(value: object, line: int) -> dict[str, Cell]:
    if not isinstance(value, dict) or not value or len(value) > MAX_COLUMNS:
        raise BadInputError(line, "an object of column names and values is needed")
    for name, cell in value.items():
        if cell is not None and not isinstance(cell, str | int | float):
            raise BadInputError(line, f"{_shown(name)}: a number, a text, true, false or null is needed")
    return value


def _table(lines: Lines, wanted: Wanted) -> Callable[[], Value | None]:
    records = _Records(lines)
    names = records.names
    _require_names(names, wanted)
    at = None if wanted.rows else _index(names, wanted.text_column)

    def next_value() -> Value | None:
        cells = records.read()
        if not cells:
            return None
        if len(cells) != len(names):
            message = f"has {len(cells)} cells where the first line has {len(names)}; a cell with {records.delimiter!r}"
            raise BadInputError(lines.record_number, f"{message} in it needs quotes")
        return cells[at] if at is not None else dict(zip(names, map(_cell, cells), strict=True))

    return next_value


class _Records:
    """RFC 4180, with the delimiter that the first line has most of."""

    def __init__(self, lines: Lines) -> None:
        self._lines = lines
        first = self._first_line()
        self.delimiter = max(DELIMITERS, key=first.count)
        self._reader = csv.reader(lines, delimiter=self.delimiter, strict=True)
        try:
            self.names = [name.strip() for name in self.read()]
        except BadInputError as bad:
            raise _no_names(bad) from bad
        if lines.fault is not None:
            raise _no_names(lines.fault)

    def read(self) -> list[str]:
        """The next record; empty for an empty line. Raises BadInputError, StopIteration."""
        self._lines.begin_record()
        try:
            return next(self._reader)
        except csv.Error as error:
            message = _explained(error)
        except BadInputError as bad:
            message = bad.message
        is_read_again = self._lines.read_again(1)
        message += "" if is_read_again else "; so do too many others, and what follows is dropped with it"
        raise BadInputError(self._lines.record_number, message)

    def _first_line(self) -> str:
        """Of those that are not empty; it stays to be read."""
        try:
            while not (line := next(self._lines)).strip():
                self._lines.begin_record()
        except StopIteration:
            raise UnreadableFileError("The file is empty.") from None
        except BadInputError as bad:
            raise _no_names(bad) from bad
        self._lines.read_again(0)
        return line


def _no_names(bad: BadInputError) -> UnreadableFileError:
    return UnreadableFileError(f"The first line is to name the columns, but it {bad.message}.")


def _explained(error: csv.Error) -> str:
    if "unexpected end" in str(error) or "limit" in str(error):
        return "opens a quote that is not closed"
    if "expected after" in str(error):
        return 'has text after a closing quote; a quote inside of a cell is written as ""'
    return "is not CSV"


def _require_names(names: list[str], wanted: Wanted) -> None:
    if len(names) > MAX_COLUMNS:
        raise UnreadableFileError(f"The first line names {len(names)} columns; {MAX_COLUMNS} are allowed.")
    if wanted.rows and (len(set(names)) < len(names) or "" in names):
        raise UnreadableFileError("The first line must name every column, and each by another name.")


def _index(names: list[str], column: str) -> int:
    """Raises UnreadableFileError when there is no such column. A name in other letters will do."""
    folded = [name.casefold() for name in names]
    for there, name in ((names, column), (folded, column.casefold())):
        if name in there:
            return there.index(name)
    there_are = ", ".join(map(_shown, names[:20]))
    raise UnreadableFileError(f"No column is called {_shown(column)}. Say which one: ?column=… There are: {there_are}.")


def _cell(cell: str) -> Cell:
    """CSV knows texts alone; what looks like a number is one. (`007` does not.)"""
    if not cell:
        return None
    if found := _NUMBER.fullmatch(cell):
        return float(cell) if found[2] or found[3] else int(cell)
    return _FLAGS.get(cell.lower(), cell)


def _shown(name: str) -> str:
    return f"`{name[:60]}`"


_READERS = {FileKind.TEXT: _texts, FileKind.CSV: _table, FileKind.JSONL: _json}
