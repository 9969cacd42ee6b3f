"""A file sent as a form (`multipart/form-data`, RFC 7578), which is what `curl -F` and pages without a script send.

The file's bytes go through as they come, other fields are kept within bounds. Sans-I/O: pieces of a body in, pieces of
the file out.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from pathlib import PurePath

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from greenroom.jobs.inputs import FileKind
from greenroom.jobs.naming import without_folders
from greenroom.words import InputFault, InvalidInputError, UnsupportedMediaTypeError

FORM = "multipart/form-data"
KINDS = {
    "text/plain": FileKind.TEXT,
    "text/csv": FileKind.CSV,
    "text/tab-separated-values": FileKind.CSV,
    "application/jsonl": FileKind.JSONL,
    "application/x-ndjson": FileKind.JSONL,
}
"""By media type."""
_SUFFIXES = {
    ".txt": FileKind.TEXT, ".csv": FileKind.CSV, ".tsv": FileKind.CSV,
    ".jsonl": FileKind.JSONL, ".ndjson": FileKind.JSONL,
}  # fmt: skip
FILE = b"file"
FIELDS = (b"model", b"column", b"name", b"priority")
SPARE_BYTES = 64 * 1024
"""For what a form has beside its file."""
SLICE_BYTES = 8 * 1024
"""Parsed before others get a turn: a form can be made of which each byte costs 150 ns."""
MAX_PARTS = 16
MAX_FIELD_BYTES = 1024
MAX_TYPE_CHARACTERS = 1000
_UTF_8 = re.compile(r"charset\s*=\s*\"?(utf-?8|us-ascii)\"?\s*(;|$)", re.IGNORECASE)
_PLAIN_ENCODINGS = (b"", b"7bit", b"8bit", b"binary")
_quiet = logging.Logger("form", logging.CRITICAL)
"""The parser would log what any client can make it say."""


class Form:
    """One form with one file. Each method raises InvalidInputError for what is no such form, and
    UnsupportedMediaTypeError for a file that is of no known kind."""

    def __init__(self, content_type: str) -> None:
        """`content_type`: the whole header."""
        self.file_name: str | None = None
        """Of the file, without folders; once the body is over."""
        self._kind: FileKind | None = None
        self._fields: dict[bytes, bytearray] = {}
        self._parts = 0
        self._headers: dict[bytes, bytes] = {}
        self._header = (bytearray(), bytearray())
        self._part: bytes | None = None
        """The name of the part that is read; None: nobody needs it."""
        self._taken = bytearray()
        self._is_whole = False
        self._parser = self._made_parser(_boundary(content_type))

    def take(self, piece: bytes) -> Iterator[bytes]:
        """What of the file is in the next `piece` of the body."""
        for start in range(0, len(piece), SLICE_BYTES):
            yield self._take(piece[start : start + SLICE_BYTES])

    def _take(self, piece: bytes) -> bytes:
        self._taken = bytearray()
        try:
            self._parser.write(piece)
        except FormParserError as error:
            raise _refused("The form is not well formed, or has more headers than it needs.") from error
        return bytes(self._taken)

    def end(self) -> tuple[FileKind, dict[str, str]]:
        """The body is over: what kind of file it had, and the other fields that have something in them."""
        if not self._is_whole:
            raise _refused("The form ends before its last boundary.")
        if self._kind is None:
            raise _refused("The form has no file: send one as the part `file` (curl -F file=@texts.csv …).")
        try:
            return self._kind, {name.decode(): value.decode() for name, value in self._fields.items() if value}
        except UnicodeDecodeError as error:
            raise _refused("The form's fields are not UTF-8.") from error

    def _made_parser(self, boundary: bytes) -> MultipartParser:
        parser = MultipartParser(
            boundary,
            {
                "on_part_begin": self._begin_part,
                "on_header_field": lambda data, start, end: self._header[0].extend(data[start:end]),
                "on_header_value": lambda data, start, end: self._header[1].extend(data[start:end]),
                "on_header_end": self._end_header,
                "on_headers_finished": self._name_part,
                "on_part_data": self._take_part,
                "on_end": self._end,
            },
        )
        parser.logger = _quiet
        return parser

    def _begin_part(self) -> None:
        self._parts += 1
        if self._parts > MAX_PARTS:
            raise _refused(f"The form has more than {MAX_PARTS} parts.")
        self._headers = {}

    def _end_header(self) -> None:
        name, value = self._header
        self._headers[bytes(name).lower()] = bytes(value)
        self._header = (bytearray(), bytearray())

    def _name_part(self) -> None:
        _, said = parse_options_header(self._headers.get(b"content-disposition", b""))
        name, file_name = said.get(b"name", b""), said.get(b"filename")
        self._part = name if name in FIELDS else None
        if name == FILE and file_name != b"":  # as a page sends it when nobody chose a file
            self._begin_file(file_name)
        elif file_name:
            raise _refused("The form's file must be the part `file` (curl -F file=@texts.csv …).")
        elif self._part is not None:
            self._fields[self._part] = bytearray()

    def _begin_file(self, name: bytes | None) -> None:
        if self._kind is not None:
            raise _refused("The form has more than one file: send a job for each.")
        if self._headers.get(b"content-transfer-encoding", b"").strip().lower() not in _PLAIN_ENCODINGS:
            raise UnsupportedMediaTypeError("Send the file as it is, without a Content-Transfer-Encoding.")
        content_type = self._headers.get(b"content-type", b"text/plain").decode("latin-1")  # RFC 7578 §4.4
        require_utf8(content_type)
        self._kind = _kind(content_type.partition(";")[0].strip().lower(), name or b"")
        self.file_name = None if name is None else without_folders(name.decode(errors="replace"))
        self._part = FILE

    def _take_part(self, data: bytes, start: int, end: int) -> None:
        if self._part == FILE:
            self._taken += data[start:end]
        elif self._part is not None:
            field = self._fields[self._part]
            field += data[start:end]
            if len(field) > MAX_FIELD_BYTES:
                raise _refused(f"{self._part.decode()}: at most {MAX_FIELD_BYTES} bytes are allowed")

    def _end(self) -> None:
        self._is_whole = True


def require_utf8(content_type: str) -> None:
    """Raises UnsupportedMediaTypeError for a file that says it is written in anything else."""
    _, _, parameters = content_type.partition(";")
    if "charset" in parameters.lower() and not _UTF_8.search(parameters):
        raise UnsupportedMediaTypeError("Send the file as UTF-8.")


def _boundary(content_type: str) -> bytes:
    """RFC 2046 §5.1.1: 1 to 70 characters."""
    said = parse_options_header(content_type)[1] if len(content_type) <= MAX_TYPE_CHARACTERS else {}
    boundary = said.get(b"boundary", b"")
    if not 1 <= len(boundary) <= 70:
        raise _refused("The form's Content-Type names no boundary of 1 to 70 characters.")
    return boundary


def _kind(media_type: str, name: bytes) -> FileKind:
    """Of the file, by its media type; where that says no more than "text" or nothing, by its name."""
    kind = KINDS.get(media_type)
    if kind is None or kind is FileKind.TEXT:
        suffix = PurePath(name.decode("latin-1")).suffix.lower()
        kind = _SUFFIXES.get(suffix, kind)
    if kind is None:
        known = ", ".join(_SUFFIXES)
        raise UnsupportedMediaTypeError(f"Name the file with one of {known}, or its part's type as {', '.join(KINDS)}.")
    return kind


def _refused(detail: str) -> InvalidInputError:
    return InvalidInputError(detail, (InputFault("", detail),))
