"""Uploaded files as inputs: what is one, what is a bad line, and what is no file of inputs at all."""

from __future__ import annotations

import csv
import io
import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from greenroom.jobs import lines
from greenroom.jobs.inputs import MAX_BAD_LINES, FileKind, Inputs, Wanted
from greenroom.jobs.lines import UnreadableFileError

TEXT, CSV, JSONL = FileKind.TEXT, FileKind.CSV, FileKind.JSONL
TEXTS, ROWS = Wanted(), Wanted(rows=True)
NOT_UTF_8 = "is not UTF-8; save the file as UTF-8"


def read(kind: FileKind, content: str | bytes, wanted: Wanted = TEXTS) -> tuple[list[Any], dict[int, str]]:
    """(the inputs, line → what is wrong with it)."""
    inputs = Inputs(kind, wanted)
    made = list(inputs.read(io.BytesIO(content.encode() if isinstance(content, str) else content)))
    assert all(line.endswith(b"\n") and line.count(b"\n") == 1 for line in made)
    assert len(made) == inputs.total
    assert inputs.bad_line_count >= len(inputs.bad_lines)
    return [json.loads(line) for line in made], {bad.line: bad.message for bad in inputs.bad_lines}


def refusal(kind: FileKind, content: str | bytes, wanted: Wanted = TEXTS) -> str:
    with pytest.raises(UnreadableFileError) as refused:
        read(kind, content, wanted)
    return str(refused.value)


# texts


@pytest.mark.parametrize(
    ("content", "texts"),
    [
        (b"one\ntwo\n", ["one", "two"]),
        (b"one\r\ntwo", ["one", "two"]),
        (b"\xef\xbb\xbfone\n", ["one"]),
        (b"\n \none\n\n\t\r\ntwo\n\n", ["one", "two"]),
        ('  sp\u00e4t, "so"  \n\u2028\x85x'.encode(), ['  sp\u00e4t, "so"  ', "\u2028\x85x"]),
        (b"a\x00b\n", ["a\x00b"]),
        (b"", []),
    ],
)
def test_each_line_that_is_not_empty_is_a_text(content: bytes, texts: list[str]) -> None:
    assert read(TEXT, content) == (texts, {})


def test_a_bad_line_is_told_by_its_number_and_fails_no_other() -> None:
    texts, bad = read(TEXT, b"one\n\n\xff\xfe\ntwo\n" + b"x" * 11 + b"\nthree", Wanted(max_characters=10))
    assert texts == ["one", "two", "three"]
    assert bad == {3: NOT_UTF_8, 5: "the text has 11 characters; at most 10 are allowed"}


def test_a_line_longer_than_any_text_is_never_held_whole() -> None:
    class Counting(io.BytesIO):
        longest = 0

        def readline(self, size: int | None = -1, /) -> bytes:
            self.longest = max(self.longest, size if size is not None and size > 0 else 1 << 60)
            return super().readline(size)

    file = Counting(b"\xef\xbb\xbf" + b"x" * 3_000_000 + b"\nshort\n")
    inputs = Inputs(TEXT, Wanted(max_characters=10))
    assert list(inputs.read(file)) == [b'"short"\n']
    assert [bad.line for bad in inputs.bad_lines] == [1]
    assert file.longest < 100_000


def test_texts_are_as_long_as_characters_not_bytes() -> None:
    longest = "\U0001f600" * 10
    assert read(TEXT, longest, Wanted(max_characters=10)) == ([longest], {})
    assert read(JSONL, json.dumps(longest), Wanted(max_characters=10)) == ([longest], {})


def test_of_many_bad_lines_the_first_are_kept_and_all_counted() -> None:
    inputs = Inputs(JSONL, Wanted())
    assert list(inputs.read(io.BytesIO(b"x\n" * 5000))) == []
    assert ([bad.line for bad in inputs.bad_lines], inputs.bad_line_count) == ([*range(1, MAX_BAD_LINES + 1)], 5000)


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-be"])
@pytest.mark.parametrize("kind", FileKind)
def test_another_encoding_is_named(kind: FileKind, encoding: str) -> None:
    mark = b"\xfe\xff" if encoding == "utf-16-be" else b""
    assert "UTF-16" in refusal(kind, mark + "text\nx\n".encode(encoding))


def test_lines_of_text_are_no_rows() -> None:
    assert "rows" in refusal(TEXT, "x", ROWS)


@pytest.mark.parametrize("kind", FileKind)
def test_lines_without_end_are_refused(kind: FileKind, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lines, "MAX_LINES", 3)
    assert "3 lines" in refusal(kind, "text\n\n\n\n")


@pytest.mark.parametrize("kind", FileKind)
def test_lines_that_end_with_cr_alone_are_refused_with_advice(kind: FileKind) -> None:
    for content in (b"text\rone\rtwo\r", b"\xef\xbb\xbftext\rone", b"text\r" * 100_000):
        assert "LF or CRLF" in refusal(kind, content)


def test_one_line_may_end_with_a_cr() -> None:
    assert read(TEXT, b"one\r") == (["one"], {})


def test_many_characters_are_told_in_figures_that_can_be_read() -> None:
    assert read(TEXT, "x" * 12_345)[1] == {1: "the text has 12 345 characters; at most 10 000 are allowed"}


@pytest.mark.parametrize(
    ("kind", "content", "words"),
    [
        (TEXT, b"", "is empty"), (TEXT, b"\n\r\n \n", "has nothing but empty lines"),
        (JSONL, b"", "is empty"), (JSONL, b"\n\n", "has nothing but empty lines"),
        (CSV, b"id,text\n", "has column names and no rows"),
        (CSV, b"sep=;\nid;text\n\n", "has column names and no rows"),
    ],
)  # fmt: skip
def test_a_file_without_inputs_and_without_a_bad_line_says_what_it_lacks(
    kind: FileKind, content: bytes, words: str
) -> None:
    inputs = Inputs(kind, TEXTS)
    assert list(inputs.read(io.BytesIO(content))) == []
    assert inputs.refusal == f"The file {words}."


# JSON Lines


def test_a_json_line_is_a_text_or_an_object_with_one() -> None:
    content = '"one"\n{"text": "two", "id": 7}\r\n\n{"text": null}\n["x"]\n7\n{"text": "x"\n""\n"\\ud800"\n"three"'
    texts, bad = read(JSONL, content)
    assert texts == ["one", "two", "three"]
    needed = "a text, or an object with the text as `text`, is needed"
    assert bad == {
        4: needed, 5: needed, 6: needed, 7: "is not JSON", 8: "the text is empty", 9: "is not JSON",
    }  # fmt: skip


def test_the_member_with_the_text_can_be_named() -> None:
    assert read(JSONL, '{"text": "a", "review": "b"}', Wanted(column="review"))[0] == ["b"]


def test_a_member_that_is_not_there_is_told_with_those_that_are() -> None:
    inputs = Inputs(JSONL, Wanted(column="remark"))
    assert list(inputs.read(io.BytesIO(b'{"id": 7, "review": "good"}\n{}\n'))) == []
    assert [bad.message for bad in inputs.bad_lines] == [
        "has no member `remark`; there are `id`, `review`", "has no member `remark`",
    ]  # fmt: skip
    assert inputs.refusal == (
        "The file has no line that is an input. Line 1: has no member `remark`; there are `id`, `review`. Say which "
        "member has the text."
    )


@pytest.mark.parametrize(
    "content", ['["one", "two"]', '\ufeff\n [\n{"text": "one"},\n{"text": "two"}\n]\n', '["' + "x" * 300_000 + '"]']
)
def test_one_array_of_all_inputs_is_refused_with_what_json_lines_are(content: str) -> None:
    assert refusal(JSONL, content) == (
        "The file is one JSON array. In JSON Lines each line is a JSON value of its own: a text or an object."
    )


def test_a_row_is_an_object_of_plain_values() -> None:
    content = '{"a": 1, "b": null}\n{"a": [1]}\n{}\n"x"\n{"a": true, "b": 0.5, "c": "x"}\n{"a": NaN}\n{"a": 1e999}'
    rows, bad = read(JSONL, content, ROWS)
    assert rows == [{"a": 1, "b": None}, {"a": True, "b": 0.5, "c": "x"}]
    assert sorted(bad) == [2, 3, 4, 6, 7]
    assert bad[2] == "`a`: a number, a text, true, false or null is needed"


# CSV


@pytest.mark.parametrize(
    "content",
    [
        "text\none\ntwo\n",
        "\ufefftext\r\none\r\ntwo\r\n",
        "\n\nid,text\n1,one\n\n2,two",
        "id;Text\n1;one\n2;two",
        "id\ttext\n1\tone\n2\ttwo",
        '"id","text"\n"1","one"\n"2","two"\n',
        ' text ,"a\nb"\none,1\ntwo,2',
        "sep=;\r\na,b;text\r\n1,2,3,4;one\r\n1;two",
        '"sep=|"\nid|text\n1|one\n2|two',
        "\ufeff\n\nSEP=\t\nid\ttext\n1\tone\n2\ttwo",
    ],
)
def test_the_column_called_text_is_found(content: str) -> None:
    assert read(CSV, content) == (["one", "two"], {})


def test_a_cell_may_have_line_breaks_commas_and_quotes() -> None:
    content = 'id,text\n1,"a, ""b""\r\nc\n\nd"\n2,plain\n3,\n'
    assert read(CSV, content) == (['a, "b"\nc\n\nd', "plain"], {7: "the text is empty"})


def test_another_column_can_be_named() -> None:
    assert read(CSV, "text,review\na,b\n", Wanted(column="review"))[0] == ["b"]
    assert "`review`" in refusal(CSV, "text,re view\na,b\n", Wanted(column="review"))


@pytest.mark.parametrize(
    ("content", "word"),
    [
        ("a,b\nx,y\n", "No column is called `text`. Say which column has the text: there are `a`, `b`."),
        ("", "The file is empty."),
        ("\n\n", "The file has nothing but empty lines."),
        ("sep=;\n", "The file has nothing but empty lines."),
        ('"text\nx\n', "quote"),
        (b"t\xffxt\nx\n", "UTF-8"),
        ("x" * 200_000, "too long"),
        ("," * 2000, "2001 columns"),
    ],
)
def test_a_file_without_its_column_is_refused_in_words(content: str | bytes, word: str) -> None:
    assert word in refusal(CSV, content)


def test_a_comma_without_quotes_does_not_cut_the_text() -> None:
    texts, bad = read(CSV, "id,text\n1,one, two\n2,three\n3")
    assert texts == ["three"]
    assert bad == {
        2: "has 3 cells where the first line has 2; a cell with ',' in it needs quotes",
        4: "has 1 cell where the first line has 2",
    }


def test_a_quote_that_is_not_closed_costs_one_line() -> None:
    texts, bad = read(CSV, 'text\none\n"Great, he said\nthree\nfour\n')
    assert texts == ["one", "three", "four"]
    assert bad == {3: "opens a quote that is not closed"}


def test_text_after_a_closing_quote_costs_one_line() -> None:
    texts, bad = read(CSV, 'text\n"a" b\n"c"\n')
    assert texts == ["c"]
    assert "closing quote" in bad[2]


def test_a_cell_with_bytes_that_are_no_text_is_one_bad_input() -> None:
    texts, bad = read(CSV, b'text\n"a\n\xff\nb"\nc\n')
    assert (texts, bad) == (["c"], {3: NOT_UTF_8})


def test_a_record_without_end_is_cut_and_the_lines_after_it_read(monkeypatch: pytest.MonkeyPatch) -> None:
    endless = 'a","x\n' * 40_000
    texts, bad = read(CSV, f"text\n{endless}", Wanted(max_characters=10))
    assert not texts
    assert bad[2] == "is too long, or opens a quote that is not closed"
    monkeypatch.setattr(lines, "MAX_BYTES_READ_AGAIN", 1000)
    inputs = Inputs(CSV, Wanted(max_characters=10))
    assert list(inputs.read(io.BytesIO(f"text\n{endless}".encode()))) == []
    assert "dropped" in inputs.bad_lines[0].message


def test_cells_of_rows_that_look_like_numbers_are() -> None:
    content = "a,b,c,d,e,f\n1,-2.5,1e3,007,,true\n"
    rows, _ = read(CSV, content, ROWS)
    assert rows == [{"a": 1, "b": -2.5, "c": 1000.0, "d": "007", "e": None, "f": True}]


@pytest.mark.parametrize("names", ["a,a", "a,"])
def test_rows_need_a_name_for_each_column(names: str) -> None:
    assert "another name" in refusal(CSV, f"{names}\n1,2\n", ROWS)


# whatever comes

_plain = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r"), max_size=30)
_texts = st.lists(_plain.filter(lambda text: text.strip()), max_size=8)


@given(_texts, st.sampled_from(["\n", "\r\n"]), st.sampled_from([",", ";", "\t"]))
def test_what_a_table_program_writes_is_read_back(texts: list[str], end: str, delimiter: str) -> None:
    written = io.StringIO(newline="")
    writer = csv.writer(written, delimiter=delimiter, lineterminator=end)
    writer.writerows([["id", "text"], *([number, text] for number, text in enumerate(texts))])
    assert read(CSV, written.getvalue().encode("utf-8-sig")) == (texts, {})


@given(_texts)
def test_what_is_written_as_json_lines_is_read_back(texts: list[str]) -> None:
    assert read(JSONL, "\n".join(json.dumps(text) for text in texts)) == (texts, {})


_hostile = st.text(st.sampled_from('a,";\n\r\t\ufeff{}[]:1 \\'), max_size=80).map(str.encode) | st.binary(max_size=80)


@given(st.sampled_from(FileKind), _hostile, st.booleans())
@example(CSV, b'text\n"\n"', False)
@example(JSONL, b"[" * 60_000, False)
def test_no_content_at_all_breaks_the_reader(kind: FileKind, content: bytes, rows: bool) -> None:
    try:
        made, bad = read(kind, b"text\n" + content, Wanted(rows=rows, max_characters=20))
    except UnreadableFileError:
        return
    found = content.count(b"\n") + 2
    assert len(made) + len(bad) <= found
    assert all(1 <= line <= found for line in bad)
    assert rows or all(1 <= len(text) <= 20 for text in made)
