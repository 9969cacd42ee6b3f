"""The systemd unit of the operator's manual."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.integration.proxy.nginx import OPERATIONS, replaced

ANALYZE = shutil.which("systemd-analyze")


@pytest.mark.skipif(ANALYZE is None, reason="There is no systemd here.")
def test_systemd_knows_every_line_of_the_documented_unit(tmp_path: Path) -> None:
    (unit,) = re.findall(r"^```ini\n(.*?)^```$", OPERATIONS.read_text(), re.MULTILINE | re.DOTALL)
    file = tmp_path / "greenroom.service"
    file.write_text(replaced(unit, {"/opt/greenroom/start.sh": "/bin/true", "User=greenroom": "User=root"}))
    verdict = subprocess.run([str(ANALYZE), "verify", str(file)], capture_output=True, text=True, timeout=30)
    about_it = [line for line in verdict.stderr.splitlines() if "greenroom.service" in line]
    assert (verdict.returncode, about_it) == (0, [])
