"""The table of `greenroom models list`."""

from __future__ import annotations

from collections.abc import Iterator

from rich.cells import cell_len, set_cell_size
from rich.console import Console
from rich.filesize import decimal
from rich.markup import escape
from rich.table import Table

from greenroom.protocol.answers import ModelReport, ModelsStatus
from greenroom.protocol.snapshot import ModelState, Phase, VersionState
from greenroom.wording import without_button
from greenroom.words import ErrorCode

PIPED_COLUMNS = 240
"""Where nobody is looking, nothing is to be cut off."""
_COLOURS = {Phase.READY: "green", Phase.FAILED: "red"}


def shortened(name: str, most: int) -> str:
    """At most so wide, with its beginning; `most` in cells of a terminal, of which a Chinese character takes two."""
    return name if cell_len(name) <= most else f"{set_cell_size(name, most - 1).rstrip()}…"


class PipeConsole(Console):
    def on_broken_pipe(self) -> None:
        """Rich would end with 1. That nobody reads on is no failure: `greenroom.cli` knows what to do."""
        raise BrokenPipeError


def print_models(status: ModelsStatus, console: Console | None = None) -> None:
    """A row for each model, and a line for each thing about one that somebody may have to do something about."""
    console = console or PipeConsole()
    if not console.is_terminal:
        console.width = PIPED_COLUMNS
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("MODEL", "TASK", "STATE", "VERSION", "STAGE", "PREVIOUS", "COMING"):
        table.add_column(column, no_wrap=True)
    table.add_column("MEMORY", justify="right", no_wrap=True)
    table.add_column("SOURCE", overflow="fold")
    for report in status.models:
        table.add_row(*_row(report))
    console.print(table)
    for report in status.models:
        for remark in _remarks(report):
            console.print(remark, style="yellow", markup=False, highlight=False)


def _row(report: ModelReport) -> Iterator[str]:
    state = report.state
    previous, target = state.previous, state.target
    yield escape(state.name)
    yield state.task
    yield f"[{_COLOURS.get(state.phase, 'cyan')}]{_standing(report)}[/]"
    yield escape(state.version or "-") + (" (pinned)" if report.pinned else "")
    yield escape(report.stage or "-")
    yield escape((previous.version if previous else None) or "-")
    yield escape(_coming(target)) if target else "-"
    yield decimal(report.memory_bytes) if report.memory_bytes else "-"
    yield escape(report.source)


def _coming(target: VersionState) -> str:
    """One that did not come stays there until it is tried again, or another one is named."""
    version = target.version or "?"
    if target.error is None:
        return f"{version} ({target.progress} %)"
    outcome = "refused" if target.error.code is ErrorCode.VERSION_REFUSED else "failed"
    return f"{target.version} {outcome}" if target.version else outcome


def _standing(report: ModelReport) -> str:
    """In a word; for what is under way with its progress."""
    state = report.state
    if state.phase in (Phase.READY, Phase.FAILED):
        return state.phase
    if state.phase is Phase.QUEUED and not state.required:
        return "not loaded"
    return f"{state.phase} {state.progress} %"


def _remarks(report: ModelReport) -> Iterator[str]:
    state = report.state
    if state.error:
        yield f"{state.name}: {_sentence(state.error.message)}{_retried(state)}"
    if report.source_look is not None and report.source_look.error is not None:
        reason = _sentence(report.source_look.error.message)
        yield f"{state.name}: its source gives no answer since {report.source_look.failing_since}. {reason}"
    for refused in report.refused_versions:
        again = f" It is tried again at {refused.retry_at}." if refused.retry_at else ""
        yield f"{state.name}: version {refused.version} was refused. {_sentence(refused.error.message)}{again}"


def _sentence(text: str) -> str:
    text = without_button(text)
    return text if text.endswith((".", "!", "?")) else f"{text}."


def _retried(state: ModelState) -> str:
    return f" It is tried again at {state.retry_at}." if state.retry_at else ""
