"""`greenroom jobs work`: work that outlives a request.

Nothing but argparse is imported until a command runs: `greenroom serve` passes through here, too.
"""

from __future__ import annotations

import argparse
import os

Commands = argparse._SubParsersAction  # the type has no public name


def add_jobs(commands: Commands[argparse.ArgumentParser]) -> None:
    """Put `jobs` among the commands of `greenroom`."""
    jobs = commands.add_parser("jobs", help="work that outlives a request")
    actions = jobs.add_subparsers(required=True, metavar="work")
    means = "work jobs off in a process of its own, beside servers with GREENROOM_WORKER=off"
    work = actions.add_parser("work", help=means, description=means)
    work.add_argument("--data", help="the servers' folder (GREENROOM_DATA, data)")
    work.add_argument("--engine", choices=("local", "scripted"), help="scripted: no model, for tests")
    work.set_defaults(command=_work)


def _work(options: argparse.Namespace) -> int:
    """Raises ConfigError."""
    for name, value in (("GREENROOM_DATA", options.data), ("GREENROOM_ENGINE", options.engine)):
        if value is not None:
            os.environ[name] = str(value)
    from greenroom.work import work

    return work()
