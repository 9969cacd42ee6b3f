"""What a job is called, and the files of its results."""

from __future__ import annotations

import re
from email.message import Message
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from greenroom.jobs.naming import attachment, job_name, without_folders
from greenroom.protocol.jobs import MAX_NAME_CHARACTERS

ID = "0b6ad1f4-5f8e-4b37-9d0c-9a2f6f1f4c11"


@pytest.mark.parametrize(
    ("said", "name"),
    [
        ("texts.csv", "texts.csv"),
        ("bewertungen, März 🙂.csv", "bewertungen, März 🙂.csv"),
        ("24/12 feedback", "24/12 feedback"),
        ("\x1b[31mred\x1b[0m.csv", "red.csv"),
        ("..", None),
        ("a\r\nSet-Cookie: b\t\x00c\x7f\x85.csv", "a Set-Cookie: b c .csv"),
        ("report\u202excod.csv", "reportxcod.csv"),
        ("a \u202a b", "a b"),
        ("half \ud83d.csv", "half \ufffd.csv"),
        (None, None),
        ("", None),
        (" \t\n", None),
        ("//\\", None),
        ("\u200b\u200b", None),
    ],
)
def test_what_a_sender_says_is_the_name_as_far_as_it_can_be_shown(said: str | None, name: str | None) -> None:
    assert job_name(said) == name


@pytest.mark.parametrize(
    ("file", "name"),
    [
        (r"C:\fakepath\x.csv", "x.csv"),
        ("../../etc/passwd", "passwd"),
        ("folder/", "folder"),
        ("a %22b%22%0d%0A100%25.csv", 'a "b"\r\n100%25.csv'),
    ],
)
def test_of_a_file_in_a_form_its_folders_are_left_out(file: str, name: str) -> None:
    assert without_folders(file) == name


def test_a_name_that_is_too_long_is_cut_and_keeps_its_end() -> None:
    assert job_name("x" * MAX_NAME_CHARACTERS) == "x" * MAX_NAME_CHARACTERS
    name = job_name("x" * 1_000 + " part 17.csv") or ""
    assert (len(name), name[:10], name[-12:]) == (MAX_NAME_CHARACTERS, "x" * 10, " part 17.csv")


@given(st.text(st.characters(exclude_categories=())))
def test_any_name_is_short_storable_and_stays_as_it_is(said: str) -> None:
    name = job_name(said)
    if name is not None:
        assert 1 <= len(name.encode().decode()) <= MAX_NAME_CHARACTERS
        assert not re.search(r"[\0-\x1f\x7f]", name)
        assert job_name(name) == name


@pytest.mark.parametrize(
    ("name", "header"),
    [
        (None, 'filename="job-0b6ad1f4.csv"'),
        (".csv", 'filename="job-0b6ad1f4.csv"'),
        ("24/12.csv", 'filename="24_12-results.csv"'),
        ("texts.TXT", 'filename="texts-results.csv"'),
        ("reviews v1.2", 'filename="reviews v1.2-results.csv"'),
        ("März.csv", "filename=\"M_rz-results.csv\"; filename*=UTF-8''M%C3%A4rz-results.csv"),
        ('a"; filename="b', "filename=\"a__ filename__b-results.csv\"; "
                            "filename*=UTF-8''a%22%3B%20filename%3D%22b-results.csv"),
    ],
)  # fmt: skip
def test_results_are_kept_as_a_file_that_tells_whose_they_are(name: str | None, header: str) -> None:
    assert attachment(name, ID, "csv") == f"attachment; {header}"


def test_what_more_results_are_to_come_for_is_kept_as_a_part() -> None:
    for name, kept in (("texts.csv", "texts-results-partial.csv"), (None, "job-0b6ad1f4-partial.csv")):
        assert attachment(name, ID, "csv", is_whole=False) == f'attachment; filename="{kept}"'


@given(st.text(st.characters(exclude_categories=())))
def test_no_name_says_anything_else_in_the_header(name: str) -> None:
    """Also one that nobody has cleaned."""
    header = attachment(name, ID, "csv")
    form = r'attachment; filename="[\w .()+-]+"(; filename\*=UTF-8\'\'[\w.~%-]+)?'
    assert re.fullmatch(form, header, re.ASCII)
    read = Message()
    read["content-disposition"] = header
    assert read.get_content_disposition() == "attachment"
    if exact := re.search(r"UTF-8''(.*)", header):
        assert unquote(exact[1], errors="strict").endswith("-results.csv")
