"""The lines of an uploaded file, however hostile it is: as text, with their numbers, at most so long each.

A reader of them may take several for one record (a CSV cell has line breaks in it), and find out only at the end that
it was none: a quote was opened and never closed. Then the first of these lines is the bad one, and the others are read
once more, each for itself. What is read again that way is bounded in all, because a file can be made in which every
line looks like that.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import BinaryIO

from greenroom.wording import counted

BOM = b"\xef\xbb\xbf"
_UTF_16 = (b"\xff\xfe", b"\xfe\xff")
MAX_LINES = 1_000_000
"""Of one file: each costs about a microsecond, and whoever reads them shares the processor with the server."""
MAX_BYTES_READ_AGAIN = 4 * 1024 * 1024


class BadInputError(Exception):
    """What stands on `line` (from 1) is no input; what follows may be. `advice`: a sentence, should nothing be one."""

    def __init__(self, line: int, message: str, advice: str = "") -> None:
        super().__init__(message)
        self.line = line
        self.message = message
        self.advice = advice


class UnreadableFileError(Exception):
    """Nothing in the file can be an input; the text says why."""


@dataclass(frozen=True, slots=True)
class _Line:
    number: int
    text: str
    is_utf8: bool = True


class Lines:
    """An iterator of lines, each with the end `\\n` whatever it was. After a BadInputError it goes on with the next."""

    def __init__(self, file: BinaryIO, max_bytes: int) -> None:
        """`max_bytes`: of one line, and of all lines of one record."""
        self._file = file
        self._max_bytes = max_bytes
        self._again: deque[_Line] = deque()
        self._may_read_again = MAX_BYTES_READ_AGAIN
        self._record: list[_Line] = []
        self._record_characters = 0
        self._number = 0

    def __iter__(self) -> Lines:
        return self

    def __next__(self) -> str:
        """Raises BadInputError, UnreadableFileError."""
        line = self._again.popleft() if self._again else self._read()
        self._record.append(line)
        self._record_characters += len(line.text)
        if self._record_characters > self._max_bytes:
            raise BadInputError(self.record_number, "is too long, or opens a quote that is not closed")
        return line.text

    @property
    def is_empty(self) -> bool:
        """Whether no line at all has been found."""
        return self._number == 0

    @property
    def record_number(self) -> int:
        """The number of the line on which the record began that is being read."""
        return self._record[0].number if self._record else self._number

    @property
    def fault(self) -> BadInputError | None:
        """What makes the record bad whatever can be read in it: some bytes are no text. They are read as U+FFFD, so
        that its end is found."""
        wrong = next((line.number for line in self._record if not line.is_utf8), None)
        return None if wrong is None else BadInputError(wrong, "is not UTF-8; save the file as UTF-8")

    def begin_record(self) -> None:
        """What is read from now on is a new record."""
        self._record = []
        self._record_characters = 0

    def read_again(self, beginning: int) -> bool:
        """Give the lines of this record out once more, from its line with the index `beginning` on. False when that
        has been done so often that they are not."""
        lines = self._record[beginning:]
        self._may_read_again -= sum(len(line.text) for line in lines)
        if self._may_read_again < 0:
            return not lines
        self._again.extendleft(reversed(lines))
        return True

    def _read(self) -> _Line:
        data = self._file.readline(self._max_bytes)
        if not data:
            raise StopIteration
        self._number += 1
        if self._number > MAX_LINES:
            raise UnreadableFileError(f"The file has more than {counted(MAX_LINES)} lines. Send it in parts.")
        if self._number == 1 and not data.endswith(b"\n"):
            _require_line_ends(data)
        if not data.endswith(b"\n") and len(data) == self._max_bytes:
            self._skip_rest()
            raise BadInputError(self.record_number, "is too long")
        if self._number == 1:
            data = _without_mark(data)
        data = data.removesuffix(b"\n").removesuffix(b"\r") + b"\n"
        try:
            return _Line(self._number, data.decode())
        except UnicodeDecodeError:
            return _Line(self._number, data.decode(errors="replace"), is_utf8=False)

    def _skip_rest(self) -> None:
        while (rest := self._file.readline(self._max_bytes)) and not rest.endswith(b"\n"):
            pass


def _require_line_ends(whole: bytes) -> None:
    """A file without any LF has one line, or many that would be read as one."""
    if b"\r" in whole.rstrip(b"\r"):
        raise UnreadableFileError("Its lines end with CR alone. Save the file with LF or CRLF at the end of each line.")


def _without_mark(first: bytes) -> bytes:
    if first.startswith(_UTF_16):
        raise UnreadableFileError("The file is UTF-16; save it as UTF-8.")
    return first.removeprefix(BOM)
