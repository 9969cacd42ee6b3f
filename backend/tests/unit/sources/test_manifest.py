from __future__ import annotations

import shutil
import string
import subprocess
from pathlib import Path, PurePosixPath

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from greenroom.sources.manifest import below, digest, hidden, parse_record, parse_sums
from greenroom.words import ModelFile, SourceError
from tests.unit.sources.made import record_hash, sha256

SUM = "0123456789abcdef" * 4
OTHER = "f" * 64

parts = st.text(string.ascii_letters + string.digits + "_- ()=*\\é\n\r", min_size=1, max_size=12).filter(
    lambda part: part not in {".", ".."} and not hidden(part)
)
names = st.lists(parts, min_size=1, max_size=3).map("/".join)
hashes = st.binary(min_size=32, max_size=32).map(bytes.hex)


def line(name: str, sha256: str, style: str) -> str:
    """What sha256sum writes for `name` in each of its styles."""
    escaped = name.replace("\\", "\\\\").replace("\n", "\\n").replace("\r", "\\r")
    slash = "\\" if escaped != name else ""
    if style == "tag":
        return f"{slash}SHA256 ({escaped}) = {sha256}"
    return f"{slash}{sha256} {'*' if style == 'binary' else ' '}{escaped}"


@given(st.dictionaries(names, hashes, min_size=1), st.data())
def test_what_sha256sum_writes_is_read_back(promised: dict[str, str], data: st.DataObject) -> None:
    lines = [line(name, sha, data.draw(st.sampled_from(["text", "binary", "tag"]))) for name, sha in promised.items()]
    end = data.draw(st.sampled_from(["\n", "\r\n"]))
    assert parse_sums(end.join(lines) + end) == promised


@given(st.text())
def test_any_text_is_read_or_refused_with_a_typed_error(text: str) -> None:
    try:
        promised = parse_sums(text)
    except SourceError:
        return
    assert all(".." not in PurePosixPath(name).parts and not name.startswith("/") for name in promised)


@pytest.mark.skipif(not shutil.which("sha256sum"), reason="needs coreutils")
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=15, deadline=None)
@given(contents=st.dictionaries(parts, st.binary(max_size=20), min_size=1, max_size=4), tag=st.booleans())
def test_the_real_sha256sum_is_understood(tmp_path: Path, contents: dict[str, bytes], tag: bool) -> None:
    for name, data in contents.items():
        (tmp_path / name).write_bytes(data)
    command = ["sha256sum", *(["--tag"] if tag else []), "--", *(f"./{name}" for name in contents)]
    text = subprocess.run(command, cwd=tmp_path, capture_output=True, check=True).stdout.decode()
    assert parse_sums(text) == {name: sha256(data) for name, data in contents.items()}


def test_comments_blank_lines_a_byte_order_mark_and_a_leading_dot_slash_are_accepted() -> None:
    assert parse_sums(f"\ufeff# weights\n\n{SUM.upper()}  ./a/b.json\n") == {"a/b.json": SUM}


def test_hidden_files_and_the_manifest_itself_are_left_out() -> None:
    assert parse_sums(f"{SUM}  ./.gitattributes\n{SUM}  SHA256SUMS\n{SUM}  a\n") == {"a": SUM}


@pytest.mark.parametrize("name", ["/etc/passwd", "../a", "a/../../b", "."])
def test_a_name_outside_of_the_folder_is_refused(name: str) -> None:
    with pytest.raises(SourceError, match="Line 2 of SHA256SUMS names a file outside"):
        parse_sums(f"{SUM}  a\n{SUM}  {name}\n")


@pytest.mark.parametrize("wrong", ["x", SUM, SUM[:-1] + "  a", "g" * 64 + "  a", f"MD5 (a) = {SUM}"])
def test_a_line_of_another_form_is_refused_by_its_number(wrong: str) -> None:
    with pytest.raises(SourceError, match="Line 2 of SHA256SUMS"):
        parse_sums(f"{SUM}  b\n{wrong}\n")


def test_two_sums_for_one_file_are_refused_and_the_same_sum_twice_is_not() -> None:
    assert parse_sums(f"{SUM}  a\n{SUM} *a\n") == {"a": SUM}
    with pytest.raises(SourceError, match="a second, different sum"):
        parse_sums(f"{SUM}  a\n{OTHER}  ./a\n")


def test_an_empty_manifest_promises_nothing_and_is_refused() -> None:
    with pytest.raises(SourceError, match="lists no file"):
        parse_sums("# nothing yet\n")


@given(st.dictionaries(st.text(string.ascii_letters + ',"- /', min_size=1), st.binary(), min_size=1))
def test_a_wheels_record_is_read_back(files: dict[str, bytes]) -> None:
    rows = ['"' + name.replace('"', '""') + f'",{record_hash(data)},{len(data)}' for name, data in files.items()]
    assert parse_record("\n".join(rows)) == {name: sha256(data) for name, data in files.items()}


def test_a_record_row_without_a_hash_promises_none() -> None:
    assert parse_record("a.pyc,,\nRECORD,,\n") == {"a.pyc": None, "RECORD": None}


@pytest.mark.parametrize("cell", ["md5=AAAA", "sha256=????", "sha256=AAAA", "sha512=" + "A" * 86, "sha256"])
def test_a_record_hash_that_cannot_be_checked_is_refused(cell: str) -> None:
    with pytest.raises(SourceError, match="RECORD has a hash"):
        parse_record(f"a,{cell},1")


def test_only_promises_inside_the_folder_count() -> None:
    recorded = {"p/m/a": SUM, "p/m/.b": SUM, "p/m/c.pyc": None, "p/mm/d": SUM, "p/m/../e": SUM}
    assert below(PurePosixPath("p/m"), recorded) == {"a": SUM}


def test_a_digest_does_not_depend_on_the_order_of_files() -> None:
    a, b = ModelFile("a", 1, SUM), ModelFile("b", 2, OTHER)
    assert digest([a, b]) == digest([b, a]) == sha256(f"{SUM}  1  a\n{OTHER}  2  b\n".encode())
