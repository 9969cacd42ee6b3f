from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from greenroom.engine import zygote_process
from tests.integration.serving.real_house import NAME, RealHouse, open_house

PYTHON_COMMAND = zygote_process.python_command


@pytest.fixture
def anyio_backend() -> tuple[str, dict[str, bool]]:
    return "asyncio", {"use_uvloop": True}


@pytest.fixture(autouse=True)
def deadly_zygote(monkeypatch: pytest.MonkeyPatch) -> None:
    """Zygotes with the deadly runtime."""

    def command(module: str, *arguments: str) -> list[str]:
        deadly = "tests.integration.serving.deadly_zygote" if module == "greenroom.host.zygote" else module
        return PYTHON_COMMAND(deadly, *arguments)

    monkeypatch.setattr(zygote_process, "python_command", command)


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[RealHouse]:
    """Ready, with its first host."""
    async with open_house(tmp_path) as made:
        assert await made.greenroom.wait_until_ready(NAME, timeout=30)
        yield made
