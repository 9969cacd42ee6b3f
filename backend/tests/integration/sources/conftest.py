from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.sources.asking import Asking
from tests.integration.sources.file_server import FileServer, file_server


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[FileServer]:
    """Also the hub of every fetch process that is started in the test."""
    with file_server() as made:
        for name in ("HF_TOKEN", "HF_HUB_OFFLINE", "HUGGING_FACE_HUB_TOKEN", "HTTP_PROXY", "http_proxy"):
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setenv("HF_ENDPOINT", made.url)
        yield made


@pytest.fixture
def asking(tmp_path: Path) -> Asking:
    """What the fetch process does, in this one, with pauses that are counted and not made."""
    return Asking(tmp_path / "data")
