"""What `greenroom train` says about data that it cannot learn from: one sentence, status 2, before anything slow."""

from __future__ import annotations

from pathlib import Path

import pytest

from greenroom.cli.main import run
from greenroom.training.sheet import read_sheet

ROWS = "".join(f"good {number},yes\nbad {number},no\n" for number in range(12))


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return tmp_path / "texts.csv"


def complaint(capsys: pytest.CaptureFixture[str], data: Path, *options: str) -> str:
    """What is said on standard error by a command that has to end with status 2."""
    assert run(["train", "moods", "--data", str(data), *options]) == 2
    return capsys.readouterr().err.strip()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("text,kind\na,b\n", "texts.csv has no column 'label'. Its first line names: text, kind."),
        ("", "texts.csv has no column 'text'. Its first line names: none."),
        ("text,label\n", "texts.csv has no rows."),
        ("text,label\na,\n", "texts.csv, line 2: the label is empty."),
        ("text,label\n  ,yes\n", "texts.csv, line 2: the text is empty."),
        ("text,label\na,yes\n A ,no\n", "texts.csv, line 3: this text stands further up as yes, here as no."),
        ("text,label\na,yes\nb,yes\n", "texts.csv has one label only (yes); at least two are needed."),
        ("text,label\n" + ROWS[:90], "texts.csv has 4 different texts labelled no; at least 10 are needed."),
        ('text,label\n"a,yes\n', "texts.csv is not a CSV file: unexpected end of data."),
    ],
)
def test_data_that_cannot_be_learnt_from_is_named_with_what_is_wrong(
    capsys: pytest.CaptureFixture[str], data: Path, content: str, said: str
) -> None:
    data.write_text(content)
    assert complaint(capsys, data) == f"greenroom: {said}"


def test_a_file_that_is_missing_is_named(capsys: pytest.CaptureFixture[str], data: Path) -> None:
    assert complaint(capsys, data) == "greenroom: texts.csv cannot be read: No such file or directory."


def test_a_file_that_is_not_utf_8_is_named(capsys: pytest.CaptureFixture[str], data: Path) -> None:
    data.write_bytes(b"text,label\ncaf\xe9,yes\n")
    assert complaint(capsys, data) == "greenroom: texts.csv is not UTF-8 text."


def test_a_test_label_that_was_not_learnt_is_named(capsys: pytest.CaptureFixture[str], data: Path) -> None:
    data.write_text("text,label\n" + ROWS)
    test = data.with_name("test.csv")
    test.write_text("text,label\nhm,perhaps\n")
    said = complaint(capsys, data, "--test", str(test))
    assert said == "greenroom: test.csv has labels that the data has not: perhaps."


def test_texts_of_the_test_are_not_learnt_from(capsys: pytest.CaptureFixture[str], data: Path) -> None:
    data.write_text("text,label\n" + ROWS)
    said = complaint(capsys, data, "--test", str(data))
    assert said == "greenroom: texts.csv has no text that is not in the test, too."


def test_a_folder_with_other_files_is_left_alone(capsys: pytest.CaptureFixture[str], data: Path) -> None:
    data.write_text("text,label\n" + ROWS)
    said = complaint(capsys, data, "--folder", str(data.parent))
    assert said == f"greenroom: --folder: {data.parent} holds other files (texts.csv). Name an empty folder."


def test_an_alias_without_a_registry_is_refused_before_anything_is_learnt(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, data: Path
) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    data.write_text("text,label\n" + ROWS)
    said = complaint(capsys, data, "--alias", "production")
    assert said == "greenroom: --alias needs --tracking-uri or MLFLOW_TRACKING_URI."


def test_a_registry_that_nobody_could_ask_is_refused_before_anything_is_learnt(
    capsys: pytest.CaptureFixture[str], data: Path
) -> None:
    data.write_text("text,label\n" + ROWS)
    said = complaint(capsys, data, "--tracking-uri", "localhost:5000")
    assert said.startswith("greenroom: --tracking-uri: MLflow's address needs http://")


@pytest.mark.parametrize("alias", ["bad alias!", "", "v1", "V12", "latest", "Latest", "a.b", "a" * 256])
def test_an_alias_that_mlflow_would_not_take_is_refused_before_anything_is_learnt(
    capsys: pytest.CaptureFixture[str], alias: str
) -> None:
    with pytest.raises(SystemExit) as ended:
        run(["train", "moods", "--data", "x", "--alias", alias])
    assert ended.value.code == 2
    assert f"{alias!r} is no alias" in capsys.readouterr().err


@pytest.mark.parametrize("alias", ["production", "v1x", "latest-2", "Blue_green-1"])
def test_an_alias_that_mlflow_takes_is_taken(capsys: pytest.CaptureFixture[str], data: Path, alias: str) -> None:
    assert "x.csv cannot be read" in complaint(capsys, data.with_name("x.csv"), "--tracking-uri", "sqlite:///a.db",
                                               "--alias", alias)  # fmt: skip


def test_other_columns_can_be_named(data: Path) -> None:
    data.write_text("\ufeffremark,mood,by\n a b ,yes,me\nc,no,you\nA  B,yes,her\n", encoding="utf-8")
    sheet = read_sheet(data, "remark", "mood")
    assert (sheet.texts, sheet.labels) == (["a b", "c"], ["yes", "no"])


@pytest.mark.parametrize(
    "options", [["a/b", "--data", "x"], ["moods"], ["moods", "--data", "x", "--min-accuracy", "2"]]
)
def test_a_wrong_command_ends_with_status_2(capsys: pytest.CaptureFixture[str], options: list[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        run(["train", *options])
    assert ended.value.code == 2
    assert "greenroom train" in capsys.readouterr().err
