"""Google Drive by way of gdown, whose place a module made for the test takes: nothing here may ask the network."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest

from greenroom.sources.drive import DriveSource
from greenroom.sources.links import drive_file_id
from greenroom.sources.plan import Http, Place
from greenroom.words import ConfigError, ModelSpec, SourceError, SourceForbiddenError, SourceUnreachableError

ID = "1AbCdEfGhIjKlMnOp"
SPEC = ModelSpec("mine", f"gdrive:{ID}")


@pytest.fixture
def gdown(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """With the names and arguments of gdown 6.5."""
    real = pytest.importorskip("gdown")
    made = ModuleType("gdown")
    made.exceptions = real.exceptions  # type: ignore[attr-defined]

    def download(
        *, id: str, output: str = "", skip_download: bool = False, progress: object = None, **how: object
    ) -> object:
        if skip_download:
            return SimpleNamespace(id=id, path="model.tar.gz", local_path="model.tar.gz")
        Path(output).write_bytes(b"archive")
        progress(7, 7)  # type: ignore[operator]
        return output

    made.download = download  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "gdown", made)
    return made


@pytest.mark.parametrize(
    "rest",
    [ID, f"https://drive.google.com/file/d/{ID}/view?usp=sharing", f"https://drive.google.com/open?id={ID}",
     f"https://drive.google.com/uc?export=download&id={ID}", f"https://drive.google.com/file/u/0/d/{ID}/view"],
)  # fmt: skip
def test_an_id_is_read_off_every_kind_of_link(rest: str) -> None:
    assert drive_file_id(rest) == ID


@pytest.mark.parametrize(
    "rest", ["", "short", f"https://drive.google.com/drive/folders/{ID}", "https://example.org/d/x"]
)
def test_what_is_no_file_of_drive_is_the_configurations_fault(rest: str, gdown: ModuleType) -> None:
    with pytest.raises(ConfigError, match="gdrive:<file id>"):
        DriveSource().find(SPEC, rest, Place(Path()))


def test_the_files_name_says_whether_it_is_unpacked(gdown: ModuleType, tmp_path: Path) -> None:
    plan = DriveSource().find(SPEC, ID, Place(Path()))
    (file,) = plan.list_files()
    assert (plan.key, file.path, file.unpack) == (ID, "model.tar.gz", True)
    counted: list[int] = []
    assert not isinstance(file.how, Http)
    file.how(tmp_path / "a", counted.append)
    assert ((tmp_path / "a").read_bytes(), counted) == (b"archive", [7])


def test_another_promised_hash_is_another_version(gdown: ModuleType) -> None:
    keys = {
        DriveSource().find(ModelSpec("mine", "", sha256=sha256), ID, Place(Path())).key
        for sha256 in ({}, {"download": "a" * 64}, {"download": "b" * 64})
    }
    assert len(keys) == 3


def test_refusals_of_drive_are_told_with_what_to_do(gdown: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(**how: object) -> None:
        raise gdown.exceptions.FileURLRetrievalError("no")

    def fail(**how: object) -> None:
        raise gdown.exceptions.DownloadError("cut")

    monkeypatch.setattr(gdown, "download", refuse)
    with pytest.raises(SourceForbiddenError, match="Share it with everyone who has the link"):
        DriveSource().find(SPEC, ID, Place(Path())).list_files()
    monkeypatch.setattr(gdown, "download", fail)
    with pytest.raises(SourceUnreachableError):
        DriveSource().find(SPEC, ID, Place(Path())).list_files()


@pytest.mark.parametrize(("status", "kind"), [(404, SourceForbiddenError), (503, SourceUnreachableError)])
def test_a_file_that_is_not_there_is_no_matter_of_waiting(
    gdown: ModuleType, monkeypatch: pytest.MonkeyPatch, status: int, kind: type[SourceError]
) -> None:
    import requests

    def answer(**how: object) -> None:
        response = requests.Response()
        response.status_code = status
        response.raise_for_status()

    monkeypatch.setattr(gdown, "download", answer)
    with pytest.raises(kind):
        DriveSource().find(SPEC, ID, Place(Path())).list_files()


def test_without_gdown_the_command_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "gdown", None)
    with pytest.raises(ConfigError, match=r"pip install greenroom\[gdrive\]"):
        DriveSource().find(SPEC, ID, Place(Path()))
