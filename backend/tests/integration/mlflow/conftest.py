from __future__ import annotations

import itertools
from collections.abc import Iterator

import pytest

from tests.integration.mlflow.mlflow_server import MlflowServer

_names = itertools.count(1)


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="session")
def mlflow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MlflowServer]:
    """One server for all: it takes several seconds to start. Tests keep apart by the names of their models."""
    server = MlflowServer(tmp_path_factory.mktemp("mlflow"))
    try:
        server.start()
        yield server
    finally:
        server.kill()


@pytest.fixture
def name() -> str:
    """Of a registered model that no other test knows. With a space: MLflow allows one."""
    return f"sentiment {next(_names)}"


@pytest.fixture(autouse=True)
def no_settings_of_mlflow(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("TRACKING_URI", "TRACKING_TOKEN", "TRACKING_USERNAME", "TRACKING_PASSWORD"):
        monkeypatch.delenv(f"MLFLOW_{variable}", raising=False)
