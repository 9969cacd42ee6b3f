"""`greenroom jobs submit | list | watch | cancel | retry | results`, and `work`: work that outlives a request.

All but `work` ask a server that runs. The exit status is 0 when it was done (of `watch` and `submit --wait`: when the
job completed), 1 when it failed or the server would not, 2 when the command was wrong, 3 when no server answers, 4
when the job that was watched was cancelled, 5 when the results are those of a job that has not completed, and 130 after
Ctrl-C, which ends no job. Results go to stdout, bars and
errors to stderr. Nothing but argparse is imported until a command runs: `greenroom serve` passes through here, too.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from greenroom.cli.remote import Remote
    from greenroom.protocol.jobs import JobAnswer

FAILED, NO_SERVER, CANCELLED, PART, INTERRUPTED = 1, 3, 4, 5, 130
MAX_PRIORITY = 10
STATES = ("pending", "processing", "completed", "failed", "cancelled")
FORMATS = ("json", "csv", "jsonl")
"""The same as in `protocol.jobs`, `words.JobState` and `jobs.formats`, which would take long to import here."""

Command = Callable[["Remote", argparse.Namespace], Awaitable[int]]
Commands = argparse._SubParsersAction  # the type has no public name


def add_jobs(commands: Commands[argparse.ArgumentParser]) -> None:
    """Put `jobs` among the commands of `greenroom`."""
    jobs = commands.add_parser("jobs", help="work that outlives a request: submit it, follow it, fetch its results")
    names = "submit | list | watch | cancel | retry | results | work"
    actions = jobs.add_subparsers(required=True, metavar=names)
    remote = argparse.ArgumentParser(add_help=False)
    remote.add_argument("--url", help="where the server is (http:// with HOST and PORT)")
    shared = argparse.ArgumentParser(add_help=False, parents=[remote])
    shared.add_argument("--json", action="store_true", help="the answer as JSON, for programs")
    _add_submit(_add(actions, shared, "submit", _submit, "hand over texts or a file; accepted also while models load"))
    listing = _add(actions, shared, "list", _list, "the jobs, the newest first")
    listing.add_argument("--status", type=_states, help=f"only these, separated by commas: {', '.join(STATES)}")
    listing.add_argument("--limit", type=_number(1, 100), default=10, help="how many to list (%(default)s)")
    listing.add_argument("--skip", type=_number(0, 10**9), default=0, help="how many to leave out (%(default)s)")
    watch = _add(actions, shared, "watch", _watch, "follow a job until it ends; with --json a line for each change")
    cancel = _add(actions, shared, "cancel", _cancel, "end a job: at once where it waits, else at its next chunk")
    retry = _add(actions, shared, "retry", _retry, "run a failed or cancelled job again, from where it ended")
    results = _add(actions, remote, "results", _results, "what there is of a job's results, in the order of its inputs")
    results.add_argument("--format", choices=FORMATS, help="by the suffix of --output when left out, else json")
    results.add_argument("--output", type=Path, metavar="FILE", help="where to put them, once all are here (stdout)")
    results.add_argument("--inputs", action="store_true", help="each result with the input that it is of")
    results.add_argument("--bom", action="store_true", help="CSV with a byte order mark, for Excel")
    for action in (watch, cancel, retry, results):
        action.add_argument("id", metavar="ID")
    _add_work(actions)


def _add(
    actions: Commands[argparse.ArgumentParser], parent: argparse.ArgumentParser, name: str, command: Command, means: str
) -> argparse.ArgumentParser:
    action = actions.add_parser(name, parents=[parent], help=means, description=means)
    action.set_defaults(command=lambda options: _asked(command, options))
    return action


def _add_submit(submit: argparse.ArgumentParser) -> None:
    submit.add_argument("texts", nargs="*", metavar="TEXT", help="each one input; - alone: a file on stdin")
    submit.add_argument("--file", type=Path, help=".txt (an input a line), .csv, .tsv or .jsonl; sent as it is read")
    submit.add_argument(
        "--type", choices=("txt", "csv", "tsv", "jsonl"), help="of stdin (txt), or of an oddly named file"
    )
    submit.add_argument("--column", help="of a file: the CSV column, or the member of each JSON object, with the text")
    submit.add_argument("--model", help="the first one that classifies texts when left out")
    submit.add_argument(
        "--priority", type=_number(-MAX_PRIORITY, MAX_PRIORITY), default=0, help="higher goes first (%(default)s)"
    )
    submit.add_argument("--name", help="what to call the job in lists; of --file its file name when left out")
    submit.add_argument("--key", help="Idempotency-Key: the same key and inputs name the same job for 24 hours")
    submit.add_argument("--wait", action="store_true", help="follow it until it ends, as `watch` does")


def _add_work(actions: Commands[argparse.ArgumentParser]) -> None:
    means = "work jobs off in a process of its own, beside servers with GREENROOM_WORKER=off"
    work = actions.add_parser("work", help=means, description=means)
    work.add_argument("--data", help="the servers' folder (GREENROOM_DATA, data)")
    work.add_argument("--engine", choices=("local", "scripted"), help="scripted: no model, for tests")
    work.set_defaults(command=_work)


def _number(least: int, most: int) -> Callable[[str], int]:
    def number(text: str) -> int:
        if text.removeprefix("-").isdecimal() and least <= int(text) <= most:
            return int(text)
        raise argparse.ArgumentTypeError(f"{text} is no whole number from {least} to {most}")

    return number


def _states(text: str) -> str:
    if wrong := [name for name in text.split(",") if name not in STATES]:
        raise argparse.ArgumentTypeError(f"{', '.join(wrong) or 'nothing'} is no state: {', '.join(STATES)} are")
    return text


def _asked(command: Command, options: argparse.Namespace) -> int:
    """Run `command` against the server that `options` mean. Raises ConfigError."""
    from greenroom.cli.remote import NoServerError, RefusedError, Remote, address_of
    from greenroom.settings import load_settings

    settings = load_settings()
    options.watched = options.unsure = None

    async def run() -> int:
        async with Remote(address_of(settings, options.url), None) as remote:
            return await command(remote, options)

    try:
        return asyncio.run(run())
    except NoServerError as error:
        return _failed(f"{error}{_kept(options)}", NO_SERVER)
    except RefusedError as error:
        return _failed(str(error))
    except KeyboardInterrupt:
        return _failed(f"Interrupted.{_kept(options)}", INTERRUPTED)


def _kept(options: argparse.Namespace) -> str:
    """Of the job that was sent, accepted, or watched: nobody should think that it ended with us."""
    if options.unsure is not None:
        return (
            f" Whether the job was accepted is not known: submit it again with --key {options.unsure}, and there will "
            "be one."
        )
    if options.watched is None:
        return ""
    return (
        f" The job goes on. Follow it: greenroom jobs watch {options.watched}. "
        f"End it: greenroom jobs cancel {options.watched}"
    )


def _failed(sentence: str, status: int = FAILED) -> int:
    print(f"greenroom: {sentence}", file=sys.stderr)
    return status


async def _submit(remote: Remote, options: argparse.Namespace) -> int:
    from greenroom.cli.jobs_submit import accepted, handed_over
    from greenroom.cli.jobs_watch import called

    job = await handed_over(remote, options)
    options.watched, options.unsure = job.job_uuid, None
    for remark in accepted(job):
        print(remark, file=sys.stderr)
    if options.wait:
        return await _watched(remote, options)
    inputs = f"{job.total} input{'' if job.total == 1 else 's'}"
    _say(options, job, f"{called(job)}: {inputs} for {job.model}, {job.status}.")
    return 0


async def _list(remote: Remote, options: argparse.Namespace) -> int:
    from greenroom.cli.jobs_reasons import reasons
    from greenroom.cli.jobs_table import JobList, print_jobs

    query = {"skip": str(options.skip), "limit": str(options.limit)}
    query |= {"status": options.status} if options.status else {}
    response = await remote.ask("GET", "/jobs", query)
    jobs = remote.understood(JobList, response)
    if options.json:
        print(jobs.model_dump_json(indent=2))
    else:
        total = int(response.headers.get("x-total-count", len(jobs.root)))
        print_jobs(jobs.root, options.skip, total, reasons=await reasons(remote, jobs.root))
    return 0


async def _watch(remote: Remote, options: argparse.Namespace) -> int:
    return await _watched(remote, options)


async def _watched(remote: Remote, options: argparse.Namespace) -> int:
    from greenroom.cli.jobs_watch import outcome, watched

    def now_known(job: JobAnswer) -> None:
        options.watched = job.job_uuid

    job = await watched(remote, options.watched or options.id, as_json=options.json, now_known=now_known)
    options.watched = None
    if job.status == "failed":
        return _failed(outcome(job))
    if not options.json:
        print(outcome(job))
    return CANCELLED if job.status == "cancelled" else 0


async def _cancel(remote: Remote, options: argparse.Namespace) -> int:
    job = await _order(remote, "DELETE", options.id)
    ends = "it ends at its next chunk" if job.cancelling else "cancelled"
    _say(options, job, f"{job.job_uuid}: {ends}; {job.done} of {job.total} have results.")
    return 0


async def _retry(remote: Remote, options: argparse.Namespace) -> int:
    job = await _order(remote, "POST", options.id, "/retry")
    _say(options, job, f"{job.job_uuid}: {job.status} again, with {job.done} of {job.total} done.")
    return 0


async def _order(remote: Remote, method: str, id_: str, action: str = "") -> JobAnswer:
    from urllib.parse import quote

    from greenroom.protocol.jobs import JobAnswer

    return remote.understood(JobAnswer, await remote.ask(method, f"/jobs/{quote(id_, safe='')}{action}"))


async def _results(remote: Remote, options: argparse.Namespace) -> int:
    from greenroom.cli.jobs_results import download

    flags = [name for name in ("inputs", "bom") if getattr(options, name)]
    return await download(remote, options.id, options.format, options.output, flags)


def _say(options: argparse.Namespace, job: JobAnswer, sentence: str) -> None:
    print(job.model_dump_json(indent=2) if options.json else sentence)


def _work(options: argparse.Namespace) -> int:
    """Raises ConfigError."""
    for name, value in (("GREENROOM_DATA", options.data), ("GREENROOM_ENGINE", options.engine)):
        if value is not None:
            os.environ[name] = str(value)
    from greenroom.work import work

    return work()
