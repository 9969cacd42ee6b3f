"""The test kit that we ship, in TypeScript: the story of docs/testing.md, run by Node as it stands there."""

from __future__ import annotations

import os
import shutil
import subprocess
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from e2e.conftest import QUIET_BROWSER
from greenroom.testing import GreenroomServer

ROOT = Path(__file__).parents[1]
MODULES = ROOT / "node_modules"
STORY = ROOT / "frontend" / "packages" / "client" / "tests" / "playwright-story.ts"
DEADLINE_SECONDS = 90


@pytest.fixture
def story() -> Iterator[Path]:
    """The story as JavaScript. Below node_modules, because what it imports is looked for upwards from where it lies."""
    script = MODULES / ".cache" / "greenroom-kit" / f"{uuid.uuid4()}.mjs"
    command = [
        f"{MODULES}/.bin/esbuild", str(STORY), f"--outfile={script}", "--bundle",
        "--platform=node", "--format=esm", "--external:playwright-core", "--conditions=greenroom-source",
        "--log-level=warning",
    ]  # fmt: skip
    subprocess.run(command, cwd=ROOT, check=True, timeout=DEADLINE_SECONDS)
    yield script
    script.unlink(missing_ok=True)


def test_a_story_in_typescript_drives_the_same_server(server: GreenroomServer, story: Path) -> None:
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("this story takes the machine's own chromium")
    environment = {
        **os.environ, "GREENROOM_URL": server.url, "CHROMIUM": chromium, "CHROMIUM_FLAGS": " ".join(QUIET_BROWSER),
    }  # fmt: skip
    told = subprocess.run(
        ["node", story], env=environment, capture_output=True, text=True, timeout=DEADLINE_SECONDS, check=False
    )
    assert told.returncode == 0, told.stderr
    assert told.stdout.strip() == "told"
