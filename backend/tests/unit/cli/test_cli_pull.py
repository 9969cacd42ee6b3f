"""Fetching before any server needs it."""

from __future__ import annotations

import asyncio
import io
import json
from collections.abc import Collection
from pathlib import Path

import pytest
from rich.console import Console

from greenroom.cli.main import run
from greenroom.cli.pull import Pulled, pull_all
from greenroom.protocol.snapshot import StageName
from greenroom.sources.seam import Found, Report, Want
from greenroom.words import GreenroomError, ModelFile, ModelSpec, ModelVersion, SourceUnreachableError

ONE, TWO = ModelSpec("one", "hf:a/one"), ModelSpec("two", "hf:a/two")


class FewBytes:
    """A fetcher for which `absent` cannot be had."""

    def __init__(self, absent: str = "") -> None:
        self.absent = absent
        self.closed = False
        self.wanted: list[tuple[str, Want | str]] = []

    async def look(self, spec: ModelSpec) -> Found:
        raise NotImplementedError

    async def fetch(self, spec: ModelSpec, want: Want | str, report: Report) -> ModelVersion:
        self.wanted.append((spec.name, want))
        report(StageName.RESOLVE, 0, 1)
        if spec.name == self.absent:
            raise SourceUnreachableError("The hub does not answer.")
        report(StageName.DOWNLOAD, 0, 2_000_000)
        report(StageName.DOWNLOAD, 2_000_000, 2_000_000)
        return ModelVersion(spec.name, "d" * 64, Path("there"), (ModelFile("model.bin", 2_000_000, "s"),), label="7")

    async def clear(self, spec: ModelSpec, keep: Collection[str]) -> int:
        raise NotImplementedError

    async def close(self) -> None:
        self.closed = True


def pulled(fetcher: FewBytes, console: Console | None = None) -> list[Pulled]:
    return asyncio.run(pull_all(fetcher, [ONE, TWO], console or Console(file=io.StringIO())))


def test_what_cannot_be_had_keeps_nothing_else_from_coming() -> None:
    fetcher = FewBytes(absent="one")
    assert [one.sentence for one in pulled(fetcher)] == [
        "one was not fetched: The hub does not answer.",
        "two: version 7 is here and verified, 2.0 MB.",
    ]
    assert fetcher.wanted == [("one", Want.LATEST), ("two", Want.LATEST)]
    assert fetcher.closed


def test_a_person_sees_bytes_and_a_program_sees_none() -> None:
    shown, piped = io.StringIO(), io.StringIO()
    pulled(FewBytes(), Console(file=shown, force_terminal=True, width=120))
    pulled(FewBytes(), Console(file=piped, force_terminal=False))
    assert "downloading" in shown.getvalue()
    assert "2.0/2.0 MB" in shown.getvalue()
    assert piped.getvalue() == ""


def test_the_fetcher_is_closed_when_somebody_stops_it() -> None:
    class Stopped(FewBytes):
        async def fetch(self, spec: ModelSpec, want: Want | str, report: Report) -> ModelVersion:
            raise asyncio.CancelledError

    fetcher = Stopped()
    with pytest.raises(asyncio.CancelledError):
        pulled(fetcher)
    assert fetcher.closed


@pytest.fixture
def two_models(tmp_path: Path) -> None:
    (tmp_path / "here").mkdir()
    (tmp_path / "here" / "model.bin").write_bytes(b"weights")
    (tmp_path / "greenroom.toml").write_text(
        '[models.here]\nsource = "path:here"\n[models.gone]\nsource = "path:gone"\n'
    )


@pytest.mark.usefixtures("two_models")
def test_files_are_fetched_and_verified_without_a_server(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["models", "pull", "here"]) == 0
    assert capsys.readouterr().out.endswith("is here and verified, 7 bytes.\n")
    assert run(["models", "pull", "--json"]) == 1
    said = capsys.readouterr()
    assert [(one["model"], one["error"] and one["error"]["code"]) for one in json.loads(said.out)] == [
        ("here", None), ("gone", "source-not-found"),
    ]  # fmt: skip
    assert "gone was not fetched" in said.err
    assert said.err.endswith("then try again.\n")  # there is no button here


@pytest.mark.usefixtures("two_models")
def test_an_unknown_name_ends_with_2_and_names_those_that_there_are(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["models", "pull", "nowhere"]) == 2
    assert "There is no model named nowhere. Configured: here, gone." in capsys.readouterr().err


def test_the_outcome_for_programs_is_a_version_or_an_error() -> None:
    error: GreenroomError = SourceUnreachableError("The hub does not answer.")
    assert Pulled(ONE, error).as_json() == {
        "model": "one", "version": None, "digest": None, "stage": None, "bytes": None,
        "error": {"code": "source-unreachable", "message": "The hub does not answer."},
    }  # fmt: skip
    there = ModelVersion("one", "d" * 64, Path("there"), ())
    assert Pulled(ONE, there).as_json().keys() == Pulled(ONE, error).as_json().keys()
