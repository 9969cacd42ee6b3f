"""Where a version's files lie in MLflow, and how to have them.

MLflow keeps artifacts behind its own server (`mlflow-artifacts:`), in a folder, or in a store such as S3. The first
kind is plain HTTP with ranges and ETags, so our downloader has it without MLflow; folders are copied; for everything
else the mlflow package knows the way.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import quote, unquote, urlsplit

import httpx

from greenroom.sources.http import is_loopback
from greenroom.sources.mlflow_client import FORBIDDEN, our_errors, require_mlflow
from greenroom.sources.mlflow_http import API, Server
from greenroom.sources.plan import Counted, Http, Write
from greenroom.words import SourceError, SourceNotFoundError

_PROXY = f"{API}/mlflow-artifacts/artifacts"
_CHUNK_BYTES = 1 << 20
_FOLDERS = ("", "file", "runs", "models")
"""Schemes that are a folder of this machine, or lead the mlflow package on to one."""
MAX_FOLDERS = 1000
MAX_FILES = 20_000


@dataclass(frozen=True)
class Artifact:
    """An entry of a folder. `path` is relative to the artifacts' root; `bytes` is None where the store does not say."""

    path: str
    is_folder: bool
    bytes: int | None = None


class Artifacts(Protocol):
    """The files of one version."""

    def list_folder(self, folder: str) -> Sequence[Artifact]:
        """What is directly inside; `""` is the root. Nothing where there is no such folder. Raises SourceError."""

    def how(self, path: str) -> Http | Write:
        """How to have one file."""


def artifacts_at(uri: str, tracking_uri: str) -> Artifacts:
    """Raises SourceError, ConfigError."""
    parts = urlsplit(uri)
    over_http = urlsplit(tracking_uri).scheme in ("http", "https")
    if parts.scheme == "mlflow-artifacts" and over_http:
        return ServedArtifacts(_proxy(tracking_uri, parts.netloc), parts.path.strip("/"))
    if parts.scheme in ("http", "https") and _PROXY in parts.path:
        base, _, root = parts.path.partition(_PROXY)
        return ServedArtifacts(
            _with_our_credentials(f"{parts.scheme}://{parts.netloc}{base}", tracking_uri), root.strip("/")
        )
    if parts.scheme in _FOLDERS and not _is_local(tracking_uri):
        raise SourceError(
            "MLflow says that this version's files lie in a folder of this machine, and only a registry on this "
            "machine may say so. Start MLflow's server with --serve-artifacts and a --default-artifact-root that "
            "begins with mlflow-artifacts:, register the model again, then press Try again."
        )
    if parts.scheme in ("", "file"):
        return FolderArtifacts(unquote(parts.path) if parts.scheme else uri)
    return StoredArtifacts(uri, tracking_uri)


def _is_local(tracking_uri: str) -> bool:
    """Whether whoever fills the registry can write to this machine's disk anyway."""
    parts = urlsplit(tracking_uri)
    return parts.scheme.partition("+")[0] in ("", "file", "sqlite") or is_loopback(parts.hostname or "")


def _proxy(tracking_uri: str, netloc: str) -> Server:
    """The server that serves the artifacts: the tracking server, or the one that the artifacts' URI names."""
    tracking = urlsplit(tracking_uri)
    if not netloc or netloc == Server(tracking_uri).host:
        return Server(tracking_uri)
    return _with_our_credentials(f"{tracking.scheme}://{netloc}{tracking.path}", tracking_uri)


def _with_our_credentials(url: str, tracking_uri: str) -> Server:
    """Credentials are for the tracking server: no other origin that a registry names is given them, its own host on
    plain http included, where anybody on the way could read them."""
    server, tracking = Server(url), Server(tracking_uri)
    server.headers = tracking.headers if server.origin == tracking.origin else {}
    return server


class ServedArtifacts:
    """Behind an MLflow server that serves artifacts."""

    def __init__(self, server: Server, root: str) -> None:
        self._server = server
        self._root = unquote(root)

    def list_folder(self, folder: str) -> Sequence[Artifact]:
        place = "/".join(filter(None, (self._root, folder)))
        status, answer = self._server.get(_PROXY, {"path": place})
        if status != httpx.codes.OK:
            raise SourceError(
                "MLflow's server does not serve its artifacts. Start it with --serve-artifacts, "
                "then register the model again."
            )
        return [_entry(folder, file) for file in answer.get("files", [])]

    def how(self, path: str) -> Http:
        place = "/".join(filter(None, (self._root, path)))
        return Http(f"{self._server.url}{_PROXY}/{quote(place)}", self._server.headers, forbidden=FORBIDDEN)


def _entry(folder: str, file: dict[str, Any]) -> Artifact:
    path = "/".join(filter(None, (folder, str(file["path"]))))
    size = file.get("file_size")
    return Artifact(path, bool(file.get("is_dir")), None if size is None else int(size))


class FolderArtifacts:
    """In a folder of this machine, as a server without `--serve-artifacts` or an embedded registry keeps them."""

    def __init__(self, folder: str) -> None:
        root = Path(folder)
        if not folder or not root.is_dir():
            raise SourceNotFoundError(
                "MLflow keeps this version's files in a folder that is not on this machine. Start MLflow's server "
                "with --serve-artifacts, register the model again, then press Try again."
            )
        self._root = root.resolve()

    def list_folder(self, folder: str) -> Sequence[Artifact]:
        try:
            with os.scandir(self._root / folder) as entries:
                return [_found(folder, entry) for entry in entries if not entry.is_symlink()]
        except OSError as error:
            raise SourceError("The folder in which MLflow keeps this version's files cannot be read.") from error

    def how(self, path: str) -> Write:
        def write(target: Path, counted: Counted) -> None:
            _copy(self._root / path, target, counted)

        return write


def _found(folder: str, entry: os.DirEntry[str]) -> Artifact:
    path = "/".join(filter(None, (folder, entry.name)))
    return Artifact(path, entry.is_dir(), None if entry.is_dir() else entry.stat().st_size)


def _copy(source: Path, target: Path, counted: Counted) -> None:
    try:
        reading = source.open("rb")
    except OSError as error:
        raise SourceError(f"{source.name}, which MLflow keeps in a folder, cannot be read.") from error
    done = 0
    with reading, target.open("wb") as writing:
        while chunk := reading.read(_CHUNK_BYTES):
            done += writing.write(chunk)
            counted(done)


class StoredArtifacts:
    """In a store that the mlflow package reaches. A file is counted when it is there: MLflow tells nothing before."""

    def __init__(self, uri: str, tracking_uri: str) -> None:
        require_mlflow()
        from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository

        with our_errors():
            self._repository: Any = get_artifact_repository(uri, tracking_uri=tracking_uri)

    def list_folder(self, folder: str) -> Sequence[Artifact]:
        with our_errors():
            return [
                Artifact(file.path, file.is_dir, file.file_size) for file in self._repository.list_artifacts(folder)
            ]

    def how(self, path: str) -> Write:
        def write(target: Path, counted: Counted) -> None:
            with tempfile.TemporaryDirectory(dir=target.parent) as folder:
                with our_errors():
                    written = self._repository.download_artifacts(path, folder)
                os.replace(written, target)
            counted(target.stat().st_size)

        return write


def list_files(artifacts: Artifacts) -> list[Artifact]:
    """Every file below the root. Raises SourceError, for too many of them too."""
    files: list[Artifact] = []
    waiting, folders = [""], 0
    while waiting:
        folders += 1
        for entry in artifacts.list_folder(waiting.pop()):
            (waiting.append(entry.path) if entry.is_folder else files.append(entry))
        if folders > MAX_FOLDERS or len(files) > MAX_FILES:
            raise SourceError("This version has more files in MLflow than any model needs. Register its folder alone.")
    return files
