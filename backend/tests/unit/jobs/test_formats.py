"""Results as files that other programs read."""

from __future__ import annotations

import asyncio
import csv
import io
import json
from collections.abc import AsyncIterator

import pytest

from greenroom.jobs.formats import Answered, ResultFormat, encoded
from greenroom.jobs.seam import Chunk

GOOD = {"label": "positive", "score": 0.75, "scores": {"positive": 0.75, "negative": 0.25}}
ERROR = {"error": {"code": "input-refused", "message": '=HYPERLINK("http://evil.example")'}}
CHUNKS = (Chunk(0, (GOOD, ERROR), "1"), Chunk(2, ({**GOOD, "label": "-1+1", "truncated": True},), "2"))


def file(
    format_: ResultFormat, chunks: tuple[Chunk, ...] = CHUNKS, embeds: bool = False,
    inputs: tuple[object, ...] | None = None, mark: bool = False,
) -> str:  # fmt: skip
    async def coming() -> AsyncIterator[Answered]:
        for chunk in chunks:
            yield chunk, (inputs or ())[chunk.start : chunk.start + len(chunk.rows)]

    async def collect() -> str:
        pieces = encoded(format_, coming(), embeds, inputs is not None, mark)
        return b"".join([piece async for piece in pieces]).decode()

    return asyncio.run(collect())


def test_json_is_one_array_whatever_the_chunks() -> None:
    rows = json.loads(file(ResultFormat.JSON))
    assert [row["index"] for row in rows] == [0, 1, 2]
    assert rows[0] == {"index": 0, **GOOD}
    assert json.loads(file(ResultFormat.JSON, CHUNKS[:1])) == rows[:2]


@pytest.mark.parametrize(("format_", "empty"), [(ResultFormat.JSON, "[]\n"), (ResultFormat.JSONL, "")])
def test_a_file_of_no_results_is_well_formed(format_: ResultFormat, empty: str) -> None:
    assert file(format_, ()) == empty
    assert file(format_, (Chunk(0, (), "1"),)) == empty


@pytest.mark.parametrize("format_", ResultFormat)
def test_a_mark_for_excel_is_in_csv_alone_and_where_it_is_wanted(format_: ResultFormat) -> None:
    plain, marked = file(format_), file(format_, mark=True)
    assert marked == ("\ufeff" if format_ is ResultFormat.CSV else "") + plain


def test_json_lines_are_the_same_rows() -> None:
    lines = file(ResultFormat.JSONL).splitlines()
    assert [json.loads(line) for line in lines] == json.loads(file(ResultFormat.JSON))


def test_no_cell_of_a_table_is_run_as_a_formula() -> None:
    rows = list(csv.DictReader(io.StringIO(file(ResultFormat.CSV), newline="")))
    assert [row["label"] for row in rows] == ["positive", "", "'-1+1"]
    assert rows[1]["error"] == '\'=HYPERLINK("http://evil.example")'
    assert [(row["index"], row["score"], row["truncated"]) for row in rows] == [
        ("0", "0.75", ""), ("1", "", ""), ("2", "0.75", "true"),
    ]  # fmt: skip


def test_embeddings_have_a_column_of_their_own() -> None:
    table = file(ResultFormat.CSV, (Chunk(0, ({"embedding": "AACAPw=="},), "1"),), embeds=True)
    assert table == "index,embedding,truncated,error\r\n0,AACAPw==,,\r\n"


def test_a_negative_number_stays_one() -> None:
    assert ",-0.5," in file(ResultFormat.CSV, (Chunk(0, ({"label": "a", "score": -0.5},), "1"),))


TEXTS = ("good", '=HYPERLINK("http://evil.example")', "a, b")
ROWS = ({"stars": 5, "label": "theirs"}, {"stars": None}, {"note": "=1+1"})


def test_each_row_has_its_text_where_it_is_wanted() -> None:
    rows = json.loads(file(ResultFormat.JSON, inputs=TEXTS))
    assert [(row["index"], row["text"], row.get("label")) for row in rows] == [
        (0, "good", "positive"), (1, TEXTS[1], None), (2, "a, b", "-1+1"),
    ]  # fmt: skip
    assert [json.loads(line) for line in file(ResultFormat.JSONL, inputs=TEXTS).splitlines()] == rows


def test_no_text_in_a_table_is_run_as_a_formula() -> None:
    rows = list(csv.DictReader(io.StringIO(file(ResultFormat.CSV, inputs=TEXTS), newline="")))
    assert list(rows[0]) == ["index", "text", "label", "score", "truncated", "error"]
    assert [row["text"] for row in rows] == ["good", f"'{TEXTS[1]}", "a, b"]


def test_rows_stand_beside_results_whole_so_that_no_column_is_taken_for_a_result() -> None:
    rows = json.loads(file(ResultFormat.JSON, inputs=ROWS))
    assert [row["row"] for row in rows] == list(ROWS)
    table = list(csv.DictReader(io.StringIO(file(ResultFormat.CSV, inputs=ROWS), newline="")))
    assert [json.loads(row["row"]) for row in table] == list(ROWS)
    assert [row["label"] for row in table] == ["positive", "", "'-1+1"]


def test_a_table_of_no_results_says_what_it_would_have() -> None:
    assert file(ResultFormat.CSV, (), inputs=()) == "index,text,label,score,truncated,error\r\n"


EMBEDDED = Chunk(0, (ERROR, {"embedding": "AAAA"}), "1")


@pytest.mark.parametrize(("chunk", "column"), [(EMBEDDED, "embedding"), (CHUNKS[0], "label")])
@pytest.mark.parametrize("embeds", [True, False])
def test_a_table_has_the_columns_of_its_results_whatever_the_model_gives_by_now(
    chunk: Chunk, column: str, embeds: bool
) -> None:
    assert column in next(csv.reader(io.StringIO(file(ResultFormat.CSV, (chunk,), embeds))))


def test_a_table_without_any_result_has_the_columns_of_the_model() -> None:
    for chunks in ((), (Chunk(0, (ERROR,), "1"),)):
        assert "embedding" in file(ResultFormat.CSV, chunks, embeds=True)
        assert "label" in file(ResultFormat.CSV, chunks)
