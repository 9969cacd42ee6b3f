"""Inputs out of an uploaded file: texts one a line, a CSV table, or JSON one a line. What a model cannot read is a bad
line, reported by its number, and fails nothing else. Pure but for the file that is read; nothing is kept in memory but
one record."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from itertools import islice
from typing import BinaryIO

import msgspec

from greenroom.jobs.lines import BOM, BadInputError, Lines, UnreadableFileError
from greenroom.jobs.seam import BadLine
from greenroom.wording import counted

MAX_BAD_LINES = 100
"""That are kept; all are counted."""
MAX_COLUMNS = 1000
DELIMITERS = ",;\t"
SHOWN_NAMES = 20
_BYTES_PER_CHARACTER = 12
"""At most, in JSON: two escapes such as `\\ud83d`."""
_SPARE_BYTES = 64 * 1024
"""For what stands on a line beside a text: other columns."""
_NUMBER = re.compile(r"-?(0|[1-9]\d{0,17})(\.\d{1,30})?([eE][+-]?\d{1,2})?")
_DELIMITER_SAID = re.compile(r'"?sep=([,;\t|])"?', re.IGNORECASE)
"""The first line of a file for a spreadsheet program; no names of columns."""
_LOOKED_AT_BYTES = 64
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
        self._advice = ""
        self._lack = "The file is empty."

    @property
    def refusal(self) -> str:
        """Why the file has no input at all, once it has been read."""
        if not self.bad_lines:
            return self._lack
        first = self.bad_lines[0]
        return f"The file has no line that is an input. Line {first.line}: {first.message}. {self._advice}".rstrip()

    def read(self, file: BinaryIO) -> Iterator[bytes]:
        """Each input as one line of JSON, its end included.

        Raises UnreadableFileError when nothing in it can be an input: another encoding, no such column."""
        if self._kind is FileKind.JSONL:
            _require_no_array(file)
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
                self._lack = self._lack if lines.is_empty else _LACKS[self._kind]
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
            raise BadInputError(line, f"the text {too_long(len(text), self._wanted.max_characters)}")

    def _note(self, bad: BadInputError) -> None:
        if not self.bad_line_count:
            self._advice = bad.advice
        self.bad_line_count += 1
        if len(self.bad_lines) < MAX_BAD_LINES:
            self.bad_lines.append(BadLine(bad.line, bad.message))


def too_long(characters: int, most: int) -> str:
    """What is wrong with a text of so many."""
    return f"has {counted(characters)} characters; at most {counted(most)} are allowed"


def _require_no_array(file: BinaryIO) -> None:
    """Its last line alone could look like an input."""
    opening = file.read(_LOOKED_AT_BYTES)
    file.seek(0)
    if opening.removeprefix(BOM).lstrip().startswith(b"["):
        raise UnreadableFileError(
            "The file is one JSON array. In JSON Lines each line is a JSON value of its own: a text or an object."
        )


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
    if isinstance(value, dict) and column not in value:
        there_are = f"; there are {_listed(value)}" if value else ""
        message = f"has no member {_shown(column)}{there_are}"
        raise BadInputError(line, message, "Say which member has the text.")
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
            raise BadInputError(lines.record_number, _miscounted(len(cells), len(names), records.delimiter))
        return cells[at] if at is not None else dict(zip(names, map(_cell, cells), strict=True))

    return next_value


def _miscounted(cells: int, names: int, delimiter: str) -> str:
    message = f"has {cells} cell{'' if cells == 1 else 's'} where the first line has {names}"
    return f"{message}; a cell with {delimiter!r} in it needs quotes" if cells > names else message


class _Records:
    """RFC 4180, with the delimiter that the first line has most of, or that a line before it says."""

    def __init__(self, lines: Lines) -> None:
        self._lines = lines
        first = self._first_line()
        if said := _DELIMITER_SAID.fullmatch(first.removesuffix("\n")):
            lines.begin_record()
            next(lines)
            lines.begin_record()
            first = self._first_line()
        self.delimiter = said[1] if said else max(DELIMITERS, key=first.count)
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
            lack = "is empty" if self._lines.is_empty else "has nothing but empty lines"
            raise UnreadableFileError(f"The file {lack}.") from None
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
    raise UnreadableFileError(
        f"No column is called {_shown(column)}. Say which column has the text: there are {_listed(names)}."
    )


def _cell(cell: str) -> Cell:
    """CSV knows texts alone; what looks like a number is one. (`007` does not.)"""
    if not cell:
        return None
    if found := _NUMBER.fullmatch(cell):
        return float(cell) if found[2] or found[3] else int(cell)
    return _FLAGS.get(cell.lower(), cell)


def _shown(name: str) -> str:
    return f"`{name[:60]}`"


def _listed(names: Iterable[str]) -> str:
    return ", ".join(map(_shown, islice(names, SHOWN_NAMES)))


_LACKS = {
    FileKind.TEXT: "The file has nothing but empty lines.",
    FileKind.CSV: "The file has column names and no rows.",
    FileKind.JSONL: "The file has nothing but empty lines.",
}
"""Of a file with lines, none of which is bad."""
_READERS = {FileKind.TEXT: _texts, FileKind.CSV: _table, FileKind.JSONL: _json}
