"""`python -m greenroom.host --fd N`: a host that was not forked, and imports its runtime itself. Used where a fork is
unsafe (macOS, a parent that has initialised CUDA)."""

from __future__ import annotations

import argparse
import socket

from greenroom.frames import Load
from greenroom.host.host import exit_with, import_steps, run_host
from greenroom.host.imports import import_modules
from greenroom.host.link import Link
from greenroom.host.process import leave_signals_to_the_front, prepare_environment
from greenroom.host.runtime import runtime_module_name


def main() -> None:
    parser = argparse.ArgumentParser(prog="greenroom.host", description=__doc__)
    parser.add_argument("--fd", type=int, required=True, help="an inherited stream socket to the front")
    parser.add_argument("--modules-expected", type=int, default=3450, help="imports that the last start counted")
    arguments = parser.parse_args()
    leave_signals_to_the_front()
    prepare_environment()

    def import_runtime(load: Load, link: Link) -> None:
        report = import_steps(link, arguments.modules_expected)
        import_modules([runtime_module_name(load.runtime)], report)
        report(arguments.modules_expected)

    exit_with(run_host(socket.socket(fileno=arguments.fd), import_runtime))


if __name__ == "__main__":
    main()
