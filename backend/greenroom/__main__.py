"""`greenroom`, or `python -m greenroom`. For `serve` and `jobs work` the zygote is started before all other imports."""

from __future__ import annotations

import sys


def main() -> None:
    """Entry point of the command line."""
    if sys.argv[1:2] == ["serve"] or sys.argv[1:3] == ["jobs", "work"]:
        from greenroom.engine.zygote_process import prestart

        prestart(sys.argv)
    from greenroom.cli.main import run

    sys.exit(run(sys.argv[1:]))


if __name__ == "__main__":
    main()
