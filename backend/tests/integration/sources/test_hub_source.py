"""A model of a hub, through the fetch process."""

from __future__ import annotations

import asyncio
import hashlib
import json
import random
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from greenroom.settings import load_settings
from greenroom.sources.fetcher import ProcessFetcher
from greenroom.sources.seam import Found, Want
from greenroom.words import (
    ConfigError,
    FileCorruptError,
    ModelSpec,
    ModelVersion,
    RuntimeName,
    SourceError,
    SourceForbiddenError,
    SourceNotFoundError,
    SourceUnreachableError,
    Task,
)  # fmt: skip
from tests.integration.sources.file_server import COMMIT, Fault, FileServer

WEIGHTS = random.Random(3).randbytes(200_000)
Fetch = Callable[..., ModelVersion]


@pytest.fixture
def repository(server: FileServer) -> str:
    server.add("org/tiny", "model.safetensors", WEIGHTS)
    server.add("org/tiny", "pytorch_model.bin", b"pickled")
    server.add("org/tiny", "onnx/model.onnx", b"graph")
    server.add("org/tiny", "config.json", b"{}", git=True)
    server.add("org/tiny", "1_Pooling/config.json", b"[]", git=True)
    server.add("org/tiny", "README.md", b"# hello", git=True)
    server.add("org/tiny", ".gitattributes", b"x", git=True)
    return "hf:org/tiny"


@pytest.fixture
def fetch(tmp_path: Path) -> Fetch:
    def fetch(source: str, want: Want | str = Want.LATEST, **spec: object) -> ModelVersion:
        async def go() -> ModelVersion:
            fetcher = ProcessFetcher(load_settings(data=tmp_path))
            try:
                made = ModelSpec("mine", source, **spec)  # type: ignore[arg-type]
                return await fetcher.fetch(made, want, lambda stage, done, total: None)
            finally:
                await fetcher.close()

        return asyncio.run(go())

    return fetch


def test_a_model_comes_with_what_a_runtime_needs_and_its_commit_for_a_name(
    fetch: Fetch, repository: str, server: FileServer
) -> None:
    version = fetch(f"{repository}@main")
    assert (version.identity, version.id, version.stage) == (f"org/tiny@{COMMIT}", COMMIT[:8], None)
    assert [file.path for file in version.files] == [
        "1_Pooling/config.json", "README.md", "config.json", "model.safetensors",
    ]  # fmt: skip
    assert (version.folder / "model.safetensors").read_bytes() == WEIGHTS
    assert "/api/models/org/tiny/revision/main" in [seen.path for seen in server.seen]


def test_a_trusted_model_comes_with_everything(fetch: Fetch, repository: str) -> None:
    assert "pytorch_model.bin" in [file.path for file in fetch(repository, trust=True).files]


def test_with_everything_cached_a_start_asks_nobody(fetch: Fetch, repository: str, server: FileServer) -> None:
    version = fetch(repository)
    server.seen.clear()
    assert fetch(repository, Want.CACHED) == version
    assert server.seen == []


def test_the_same_commit_is_not_downloaded_again(fetch: Fetch, repository: str, server: FileServer) -> None:
    version = fetch(repository)
    server.seen.clear()
    assert fetch(repository) == version
    assert [seen.path for seen in server.seen] == ["/api/models/org/tiny"]


def test_the_token_goes_to_the_hub_and_to_nobody_else(
    fetch: Fetch, repository: str, server: FileServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.token = "hf_secret"
    with pytest.raises(SourceForbiddenError, match="Set HF_TOKEN"):
        fetch(repository)
    monkeypatch.setenv("HF_TOKEN", server.token)
    server.seen.clear()
    assert fetch(repository)
    hub = [seen.headers.get("authorization") for seen in server.seen if seen.port == server.pages.server_port]
    elsewhere = [seen.headers for seen in server.seen if seen.port == server.bytes.server_port]
    assert set(hub) == {"Bearer hf_secret"}
    assert len(elsewhere) == 4
    assert all("authorization" not in headers for headers in elsewhere)


@pytest.mark.parametrize("name", ["model.safetensors", "config.json"])
def test_a_file_that_is_not_the_promised_one_is_refused(
    fetch: Fetch, repository: str, server: FileServer, tmp_path: Path, name: str
) -> None:
    content = server.files[f"/org/tiny/{name}"]
    metadata = server.metadata("org/tiny")
    server.metadata = lambda repository: metadata  # type: ignore[method-assign]
    server.files[f"/org/tiny/{name}"] = bytes(reversed(content)) if content != b"{}" else b"[]"
    with pytest.raises(FileCorruptError, match=rf"^{name} of the repository org/tiny is not the file"):
        fetch(repository)
    assert not list((tmp_path / "models" / "mine").glob("*[!t].json"))


def test_a_repository_that_is_not_there_is_told(fetch: Fetch, server: FileServer) -> None:
    with pytest.raises(SourceNotFoundError, match="has no org/nothing"):
        fetch("hf:org/nothing")


def test_a_hub_that_is_ill_is_told_as_unreachable(fetch: Fetch, repository: str, server: FileServer) -> None:
    server.page_faults = [Fault(status=500)] * 20
    with pytest.raises(SourceUnreachableError) as caught:
        fetch(repository)
    assert caught.value.temporary


def test_a_hub_that_is_away_is_told_as_unreachable_for_now(
    fetch: Fetch, repository: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket() as taken:  # and never listened on
        taken.bind(("127.0.0.1", 0))
        monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{taken.getsockname()[1]}")
        with pytest.raises(SourceUnreachableError, match="does not answer") as refusal:
            fetch(repository)
    assert refusal.value.temporary


def test_offline_mode_asks_nobody(
    fetch: Fetch, repository: str, server: FileServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    version = fetch(repository)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    server.seen.clear()
    with pytest.raises(SourceError, match="HF_HUB_OFFLINE is set") as refusal:
        fetch(repository)
    assert not refusal.value.temporary
    assert fetch(repository, Want.CACHED) == version
    assert server.seen == []


def test_a_name_that_is_none_is_the_configurations_fault(fetch: Fetch, server: FileServer) -> None:
    with pytest.raises(ConfigError):
        fetch("hf:")
    with pytest.raises(ConfigError):
        fetch("hf:a//b")


def test_the_space_stays_when_only_documents_change(fetch: Fetch, repository: str, server: FileServer) -> None:
    old = fetch(repository)
    server.files["/org/tiny/README.md"] = b"# changed"
    metadata = server.metadata("org/tiny") | {"sha": "f" * 40}
    server.metadata = lambda repository: metadata  # type: ignore[method-assign]
    new = fetch(repository)
    assert new.key != old.key
    assert new.digest != old.digest
    assert new.space == old.space != ""


def test_a_classifier_brings_its_encoder(fetch: Fetch, repository: str, server: FileServer) -> None:
    server.add("org/head", "classifier.json", json.dumps({"encoder": "hf:org/tiny"}).encode(), git=True)
    server.add("org/head", "head.safetensors", b"head")
    version = fetch("hf:org/head", task=Task.CLASSIFY, runtime=RuntimeName.TEXT_CLASSIFIER)
    assert version.encoder is not None
    assert (version.encoder / "model.safetensors").read_bytes() == WEIGHTS
    found = {file.path: file.sha256 for file in version.files}
    assert found["encoder/model.safetensors"] == hashlib.sha256(WEIGHTS).hexdigest()
    assert version.space == ""
    server.seen.clear()
    again = fetch("hf:org/head", Want.CACHED, task=Task.CLASSIFY, runtime=RuntimeName.TEXT_CLASSIFIER)
    assert (again, server.seen) == (version, [])


def test_looking_downloads_nothing(repository: str, server: FileServer, tmp_path: Path) -> None:
    async def go() -> Found:
        fetcher = ProcessFetcher(load_settings(data=tmp_path))
        try:
            return await fetcher.look(ModelSpec("mine", repository))
        finally:
            await fetcher.close()

    assert asyncio.run(go()) == Found(f"org/tiny@{COMMIT}", COMMIT[:8], None)
    assert [seen.path for seen in server.seen] == ["/api/models/org/tiny"]
