"""What a server does not import before it listens: each is paid from the half second within which it answers."""

from __future__ import annotations

import subprocess
import sys

SERVE = """
import sys
import types
from greenroom.cli import main
looked = types.ModuleType("greenroom.server")
def serve(app):
    import greenroom.app, structlog
    late = {"rich.console", "httpx", "prometheus_client", "torch", "sqlalchemy", "sqlmodel", "alembic"}
    print(sorted(late & set(sys.modules)))
    import rich.console
    return 0
looked.serve = serve
sys.modules["greenroom.server"] = looked
sys.exit(main.run(["serve"]))
"""


def test_serve_imports_neither_rich_nor_clients_and_an_app_still_can() -> None:
    done = subprocess.run([sys.executable, "-c", SERVE], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.strip()) == (0, "[]"), done.stderr
