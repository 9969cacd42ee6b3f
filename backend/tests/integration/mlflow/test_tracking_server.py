"""What we send to a tracking server, and what we make of answers that are none."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from greenroom.sources.mlflow_artifacts import ServedArtifacts, artifacts_at
from greenroom.sources.mlflow_http import Server
from greenroom.sources.plan import Http
from greenroom.words import SourceError, SourceForbiddenError, SourceNotFoundError, SourceUnreachableError


@dataclass
class Answering:
    """A server that gives one answer to everything, and remembers what it was sent."""

    address: str = ""
    status: int = 200
    body: bytes = b"{}"
    authorizations: list[str | None] = field(default_factory=list)


@pytest.fixture
def answering() -> Iterator[Answering]:
    said = Answering()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            said.authorizations.append(self.headers["Authorization"])
            self.send_response(said.status)
            self.send_header("Location", "/elsewhere")
            self.send_header("Content-Length", str(len(said.body)))
            self.end_headers()
            self.wfile.write(said.body)

        def log_message(self, format: str, *args: object) -> None:
            """Not into the test's output."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        said.address = f"127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield said
        server.shutdown()
        thread.join()


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (401, SourceForbiddenError),
        (403, SourceForbiddenError),
        (429, SourceUnreachableError),
        (500, SourceUnreachableError),
        (503, SourceUnreachableError),
        (302, SourceError),
    ],
)
def test_a_refusal_becomes_the_error_that_says_what_helps(
    answering: Answering, status: int, error: type[SourceError]
) -> None:
    answering.status = status
    with pytest.raises(SourceError) as caught:
        Server(f"http://{answering.address}").get("/api", {})
    assert type(caught.value) is error
    assert caught.value.temporary is (error is SourceUnreachableError)


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b"\xff\xfe"])
def test_an_answer_that_is_no_object_counts_as_an_empty_one(answering: Answering, body: bytes) -> None:
    answering.body = body
    assert Server(f"http://{answering.address}").get("/api", {}) == (200, {})


def test_credentials_are_those_that_mlflow_takes(answering: Answering, monkeypatch: pytest.MonkeyPatch) -> None:
    def ask(user: str = "") -> str | None:
        Server(f"http://{user}{answering.address}").get("/api", {})
        return answering.authorizations[-1]

    assert ask() is None
    assert ask("ada:a%40b@") == "Basic YWRhOmFAYg=="
    monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", "ada")
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", "secret")
    assert ask() == "Basic YWRhOnNlY3JldA=="
    monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", "abc")
    assert ask() == "Bearer abc"


@pytest.mark.parametrize(
    ("artifact_uri", "url", "authorised"),
    [
        (
            "mlflow-artifacts:/1/run/model",
            "http://here:5000/mlflow/api/2.0/mlflow-artifacts/artifacts/1/run/model/a",
            True,
        ),
        ("mlflow-artifacts://there:1/m", "http://there:1/mlflow/api/2.0/mlflow-artifacts/artifacts/m/a", False),
        (
            "https://there/api/2.0/mlflow-artifacts/artifacts/m",
            "https://there/api/2.0/mlflow-artifacts/artifacts/m/a",
            False,
        ),
    ],
)
def test_artifacts_are_asked_of_the_host_that_has_them_and_only_ours_gets_our_credentials(
    artifact_uri: str, url: str, authorised: bool
) -> None:
    artifacts = artifacts_at(artifact_uri, "http://ada:secret@here:5000/mlflow/")
    assert isinstance(artifacts, ServedArtifacts)
    how = artifacts.how("a")
    assert isinstance(how, Http)
    assert how.url == url
    assert bool(how.headers) is authorised


@pytest.mark.parametrize(
    ("artifacts", "authorised"),
    [
        ("https://here", True),
        ("https://HERE:443", True),
        ("http://here", False),
        ("http://here:443", False),
        ("https://here:8443", False),
    ],
)
def test_credentials_for_https_never_travel_to_another_scheme_or_port(artifacts: str, authorised: bool) -> None:
    place = artifacts_at(f"{artifacts}/api/2.0/mlflow-artifacts/artifacts/m", "https://ada:secret@here")
    how = place.how("a")
    assert isinstance(how, Http)
    assert bool(how.headers) is authorised


def test_a_folder_of_another_machine_is_told_of_with_what_to_do() -> None:
    for folder in ("file:///not/on/this/machine", ""):
        with pytest.raises(SourceNotFoundError, match="--serve-artifacts"):
            artifacts_at(folder, "http://127.0.0.1:5000")


@pytest.mark.parametrize("tracking", ["http://mlflow:5000", "https://ada:a@127.0.0.1@far", "postgresql://far/mlflow"])
@pytest.mark.parametrize("scheme", ["", "file://", "FILE://", "runs:", "models:"])
def test_a_registry_on_another_machine_may_not_name_a_folder_of_this_one(
    tmp_path: Path, tracking: str, scheme: str
) -> None:
    with pytest.raises(SourceError, match="--serve-artifacts") as refusal:
        artifacts_at(f"{scheme}{tmp_path}", tracking)
    assert str(tmp_path) not in str(refusal.value)
    assert not refusal.value.temporary


@pytest.mark.parametrize(
    "tracking",
    ["http://127.0.0.1:5000", "http://localhost", "http://[::1]:5000", "sqlite:////srv/mlflow.db", "sqlite+pysqlite:///a",
     "file:///srv/mlruns", "mlruns", "mysql+pymysql://ada:secret@localhost/mlflow"],
)  # fmt: skip
def test_a_registry_on_this_machine_may_name_a_folder_of_it(tmp_path: Path, tracking: str) -> None:
    (tmp_path / "classifier.json").write_text("{}")
    for folder in (str(tmp_path), f"file://{tmp_path}"):
        assert [found.path for found in artifacts_at(folder, tracking).list_folder("")] == ["classifier.json"]
