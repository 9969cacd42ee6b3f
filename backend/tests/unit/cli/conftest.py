"""No setting of whoever runs the tests reaches the commands."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

TOKEN = "a-token-of-24-characters-or-more"


@pytest.fixture(autouse=True)
def _own_surroundings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    for name in list(os.environ):
        if name.startswith(("GREENROOM_", "MODEL_")) or name in ("HOST", "PORT"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("GREENROOM_ADMIN_TOKEN", TOKEN)
