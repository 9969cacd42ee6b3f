"""The table of `greenroom jobs list`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from pydantic import RootModel
from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from greenroom.cli.jobs_reasons import waits
from greenroom.cli.tables import PIPED_COLUMNS, PipeConsole, shortened
from greenroom.protocol.jobs import JobAnswer
from greenroom.words import JobState

_COLOURS = {JobState.COMPLETED: "green", JobState.FAILED: "red", JobState.CANCELLED: "yellow"}
SHOWN_ERROR_CHARACTERS = 200
ID_CELLS = 36
"""An id is of use as a whole only."""


class JobList(RootModel[list[JobAnswer]]):
    """What `GET /jobs` answers."""


def print_jobs(
    jobs: Sequence[JobAnswer],
    skipped: int,
    total: int,
    console: Console | None = None,
    reasons: Mapping[str, str] | None = None,
) -> None:
    """A row for each job; `skipped` stand before the first one, and `total` there are. `reasons`: model → what its
    waiting jobs wait for."""
    console = console or PipeConsole()
    if not console.is_terminal:
        console.width = PIPED_COLUMNS
    if not jobs:
        console.print("There are none." if not total else f"There are {total}, and none of them here.", markup=False)
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("ID", no_wrap=True, min_width=ID_CELLS)
    is_beside = not console.is_terminal and any(job.name for job in jobs)
    if is_beside:
        table.add_column("NAME", no_wrap=True)
    for column in ("STATUS", "MODEL"):
        table.add_column(column, no_wrap=True)
    table.add_column("DONE", justify="right", no_wrap=True)
    table.add_column("CREATED", no_wrap=True)
    table.add_column("REMARK", overflow="fold")
    for job in jobs:
        row = _row(job, (reasons or {}).get(job.model) if waits(job) else None)
        table.add_row(*_named(job, is_beside), *row)
    console.print(table)
    if total > len(jobs):
        console.print(f"{skipped + 1} to {skipped + len(jobs)} of {total}.", markup=False, highlight=False)


def _named(job: JobAnswer, is_beside: bool) -> Iterator[Text]:
    """The name in a column of its own, or where a terminal has no room for one, below the id."""
    name = job.name or ""
    if is_beside:
        yield from (Text(job.job_uuid), Text(shortened(name, ID_CELLS)))
    else:
        yield Text(f"{job.job_uuid}\n{shortened(name, ID_CELLS)}" if name else job.job_uuid)


def _row(job: JobAnswer, reason: str | None) -> Iterator[str]:
    yield f"[{_COLOURS.get(job.status, 'cyan')}]{job.status}[/]"
    yield escape(job.model)
    yield f"{job.done} of {job.total}"
    yield escape(job.created_at.partition(".")[0].replace("T", " ") + "Z")
    yield escape("; ".join(_remarks(job, reason)))


def _remarks(job: JobAnswer, reason: str | None) -> Iterator[str]:
    if reason:
        yield reason
    if job.result_label is not None:
        yield job.result_label if job.result_score is None else f"{job.result_label} ({job.result_score:.2f})"
    if job.cancelling:
        yield "ends at its next chunk"
    elif job.estimated_seconds is not None:
        yield f"about {job.estimated_seconds} s left"
    if job.error is not None:
        yield job.error.message[:SHOWN_ERROR_CHARACTERS]
    if job.retry_at is not None:
        yield f"tried again at {job.retry_at}"
    if job.bad_line_count:
        yield f"{job.bad_line_count} bad line{'' if job.bad_line_count == 1 else 's'}"
