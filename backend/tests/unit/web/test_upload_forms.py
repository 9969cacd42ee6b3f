"""Forms with a file, piece by piece."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from greenroom.jobs.inputs import FileKind
from greenroom.web import forms
from greenroom.web.forms import Form
from greenroom.words import InvalidInputError, UnsupportedMediaTypeError

TYPE = 'multipart/form-data; boundary="b-1"'
CSV = ('form-data; name="file"; filename="texts.csv"', "application/octet-stream")


def part(disposition: str, content: bytes, content_type: str = "", **headers: str) -> bytes:
    said = {"Content-Disposition": disposition} | ({"Content-Type": content_type} if content_type else {}) | headers
    head = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in said.items())
    return f"--b-1\r\n{head}\r\n".encode() + content + b"\r\n"


def field(name: str, value: str) -> bytes:
    return part(f'form-data; name="{name}"', value.encode())


def whole(*parts: bytes) -> bytes:
    return b"".join(parts) + b"--b-1--\r\n"


def read(body: bytes, step: int = 0, content_type: str = TYPE) -> tuple[bytes, FileKind, dict[str, str]]:
    """What there is in the form, of which `step` bytes come at a time."""
    form = Form(content_type)
    pieces = [body[at : at + step] for at in range(0, len(body), step)] if step else [body]
    content = b"".join(taken for piece in pieces for taken in form.take(piece))
    return content, *form.end()


@pytest.mark.parametrize("step", [1, 2, 7, 0])
def test_a_file_and_its_fields_come_through_whatever_the_pieces(step: int) -> None:
    content = b'id,text\r\n1,"a --b-1 b"\r\n\r\n--b-\r\n'
    body = whole(
        field("model", "sentiment"), part(CSV[0], content, CSV[1]), field("priority", "3"), field("column", "")
    )
    assert read(body, step) == (content, FileKind.CSV, {"model": "sentiment", "priority": "3"})


@given(st.binary(max_size=300), st.integers(1, 60))
def test_any_bytes_come_through_as_they_were(content: bytes, step: int) -> None:
    if b"\r\n--b-1" not in b"\r\n" + content:
        assert read(whole(part(*_around(CSV, content))), step)[0] == content


def _around(said: tuple[str, str], content: bytes) -> tuple[str, bytes, str]:
    return said[0], content, said[1]


def test_a_long_form_is_parsed_in_slices() -> None:
    content = b"a text of a line\n" * 4096
    body = whole(part(*_around(CSV, content)))
    form = Form(TYPE)
    slices = list(form.take(body))
    assert len(slices) == -(-len(body) // forms.SLICE_BYTES)
    assert b"".join(slices) == content


@pytest.mark.parametrize(
    ("name", "content_type", "kind"),
    [
        ("a.csv", "application/vnd.ms-excel", FileKind.CSV),
        ("a.CSV", "text/plain", FileKind.CSV),
        ("a.tsv", "", FileKind.CSV),
        ("a.txt", "text/csv; charset=utf-8", FileKind.CSV),
        ("a.jsonl", "application/octet-stream", FileKind.JSONL),
        ("a.ndjson", "", FileKind.JSONL),
        ("a", "text/plain", FileKind.TEXT),
        ("a", "", FileKind.TEXT),
        ("C:\\texts\\a.jsonl", "application/octet-stream", FileKind.JSONL),
    ],
)
def test_a_file_is_what_its_type_says_or_else_its_name(name: str, content_type: str, kind: FileKind) -> None:
    escaped = name.replace("\\", "\\\\")
    assert read(whole(part(f'form-data; name="file"; filename="{escaped}"', b"x", content_type)))[1] is kind


def test_a_file_without_a_name_is_text() -> None:
    assert read(whole(part('form-data; name="file"', b"a\nb"))) == (b"a\nb", FileKind.TEXT, {})


@pytest.mark.parametrize(
    ("disposition", "content_type", "headers", "words"),
    [
        ('form-data; name="file"; filename="a.zip"', "application/zip", {}, ".csv"),
        ('form-data; name="file"; filename="a"', "application/octet-stream", {}, ".jsonl"),
        ('form-data; name="file"; filename="a.txt"', "text/plain; charset=latin-1", {}, "UTF-8"),
        ('form-data; name="file"; filename="a.txt"', "", {"Content_Transfer_Encoding": "base64"}, "Encoding"),
    ],
)
def test_a_file_that_cannot_be_read_is_told_what_would_do(
    disposition: str, content_type: str, headers: dict[str, str], words: str
) -> None:
    with pytest.raises(UnsupportedMediaTypeError, match=words):
        read(whole(part(disposition, b"x", content_type, **headers)))


FILE = part(*_around(CSV, b"x"))


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (whole(field("model", "a")), "no file"),
        (whole(part('form-data; name="file"; filename=""', b"", "application/octet-stream")), "no file"),
        (whole(FILE, FILE), "more than one file"),
        (whole(part('form-data; name="texts"; filename="a.csv"', b"x")), "must be the part `file`"),
        (FILE, "last boundary"),
        (b"", "last boundary"),
        (b"--other\r\n\r\n", "not well formed"),
        (b"--b-1\r\nbad header\r\n\r\n", "not well formed"),
        (whole(part("form-data; " + "x" * 5000, b"")), "more headers"),
        (whole(part(CSV[0], b"", **{f"x{number}": "y" for number in range(20)})), "more headers"),
        (whole(*[field("other", "x")] * 17), "more than 16 parts"),
        (whole(field("model", "x" * 1025), FILE), "1024 bytes"),
        (whole(part('form-data; name="model"', b"\xff"), FILE), "UTF-8"),
    ],
)
def test_what_is_no_form_with_one_file_is_refused_in_words(body: bytes, words: str) -> None:
    for step in (0, 5):
        with pytest.raises(InvalidInputError, match=words):
            read(body, step)


@pytest.mark.parametrize(
    "content_type",
    ["multipart/form-data", "multipart/form-data; boundary=", f"multipart/form-data; boundary={'b' * 71}",
     "multipart/form-data; boundary=b" + ";" * 2000],
)  # fmt: skip
def test_a_form_without_a_boundary_is_refused(content_type: str) -> None:
    with pytest.raises(InvalidInputError, match="boundary"):
        Form(content_type)


@given(st.binary(max_size=200) | st.lists(st.sampled_from([
    b"--b-1", b"--", b"\r\n", b"\r", b"\n", b" ", b"x", b"\xff", b"Content-Disposition: form-data",
    b'; name="file"', b'; filename="a.csv"', b'; name="model"', b"Content-Type: ", b"text/csv", b":", b'"', b";",
])).map(b"".join), st.integers(1, 40))  # fmt: skip
def test_nothing_that_is_sent_as_a_form_breaks_the_reader(body: bytes, step: int) -> None:
    with contextlib.suppress(InvalidInputError, UnsupportedMediaTypeError):
        read(body, step)


@given(st.text(st.characters(codec="latin-1"), max_size=100))
def test_no_content_type_breaks_the_reader(said: str) -> None:
    with contextlib.suppress(InvalidInputError):
        Form(f"multipart/form-data;{said}")


def test_a_refused_form_logs_nothing(caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(InvalidInputError):
        read(b"nonsense")
    assert not caplog.records
