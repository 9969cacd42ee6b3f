"""An archive over HTTP becomes the folder of a model."""

from __future__ import annotations

import hashlib
import io
import zipfile

import pytest

from greenroom.sources.seam import Want
from greenroom.words import FileCorruptError, SourceError
from tests.integration.sources.asking import Asking
from tests.integration.sources.file_server import Fault, FileServer


def packed(**files: bytes) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        for name, content in files.items():
            archive.writestr(f"model/{name}.json", content)
    return made.getvalue()


@pytest.fixture
def source(server: FileServer) -> str:
    server.files["/model.zip"] = packed(config=b"{}", modules=b"[]")
    return f"{server.bytes_url}/model.zip"


def test_its_files_are_the_versions_files(asking: Asking, server: FileServer, source: str) -> None:
    version = asking.fetch(source)
    assert [file.path for file in version.files] == ["config.json", "modules.json"]
    assert sorted(path.name for path in version.folder.iterdir()) == ["config.json", "modules.json"]
    server.seen.clear()
    assert asking.fetch(source, Want.CACHED) == version
    assert server.seen == []


def test_its_own_hash_and_those_of_its_files_are_checked(asking: Asking, server: FileServer, source: str) -> None:
    whole = hashlib.sha256(server.files["/model.zip"]).hexdigest()
    inner = hashlib.sha256(b"{}").hexdigest()
    sums = {"model.zip": whole, "config.json": inner}
    version = asking.fetch(source, sha256=sums)
    assert asking.fetch(source, Want.CACHED, sha256=sums) == version
    with pytest.raises(FileCorruptError):
        asking.fetch(source, version.key, sha256={"model.zip": "0" * 64})
    with pytest.raises(FileCorruptError):
        Asking(asking.data / "other").fetch(source, sha256={"config.json": "0" * 64})
    with pytest.raises(FileCorruptError):
        Asking(asking.data / "third").fetch(source, sha256={"model.zip": "0" * 64})


def test_one_that_was_damaged_on_its_way_is_had_anew(asking: Asking, server: FileServer, source: str) -> None:
    sound = server.files["/model.zip"]
    at = sound.index(b"{}")  # the content of a file: the archive's checksum alone tells
    server.faults = [Fault(body=sound[:at] + b"[" + sound[at + 1 :], same_etag=sound)]
    with pytest.raises(FileCorruptError, match="damaged"):
        asking.fetch(source)
    assert (asking.fetch(source).folder / "config.json").read_bytes() == b"{}"


def test_one_that_cannot_be_unpacked_never_counts_as_a_version(asking: Asking, server: FileServer, source: str) -> None:
    server.files["/model.zip"] = b"<html>Please sign in</html>"
    with pytest.raises(SourceError):
        asking.fetch(source)
    assert asking.whole_versions() == []
