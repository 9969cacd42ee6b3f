"""What a run leaves: lines for a person, JSON for a program, a section of docs/performance.md. Pure.

A section stands between two comments that name its bench, so that a new run replaces the old one and nothing else."""

from __future__ import annotations

import json
import re
import textwrap
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import date
from typing import Any

from bench.harness import Bench, Report, Row, Table, number, spread, verdict
from bench.machine import Machine

HEAD = ("measured", "ours", "opponent", "ratio", "goal", "met")
TITLE = """# Performance

Medians of interleaved rounds, with lowest and highest in brackets; written by `scripts/bench all --write`. Each section
says what was measured, against whom, when, and on which machine. Ratio: ours divided by the opponent's.
"""


@dataclass(frozen=True)
class Run:
    """One bench that was run. `about`: the docstring of its module."""

    bench: Bench
    about: str
    report: Report
    machine: Machine
    day: date
    rounds: int


def as_text(report: Report) -> str:
    """For a terminal."""
    parts = [_aligned(HEAD, [_cells(row) for row in report.rows])] if report.rows else []
    parts += [f"{table.title}\n{_aligned(table.head, table.rows)}" for table in report.tables]
    parts += [f"note: {note}" for note in _notes(report)]
    return "\n\n".join(parts)


def as_json(runs: Sequence[Run]) -> str:
    return json.dumps([_to_dict(run) for run in runs], indent=2, ensure_ascii=False) + "\n"


def as_section(run: Run) -> str:
    """Markdown, between its two comments."""
    name = run.bench.name
    warning = ["**The machine was busy when this was taken: not to be trusted.**"] if run.machine.busy else []
    parts = [
        f"<!-- bench: {name} -->",
        f"## {run.bench.title} (`{name}`)",
        f"{run.day.isoformat()}, {run.rounds} rounds, on {run.machine.text()}.",
        *warning,
        textwrap.dedent(run.about).strip(),
        *([_markdown(HEAD, [_cells(row) for row in run.report.rows])] if run.report.rows else []),
        *(f"{table.title}\n\n{_markdown(table.head, table.rows)}" for table in run.report.tables),
        *("\n".join(f"- {note}" for note in _notes(run.report)),),
        f"<!-- end: {name} -->",
    ]
    return "\n\n".join(part for part in parts if part)


def with_section(page: str, run: Run) -> str:
    """`page` with the section of this bench replaced, or added at the end."""
    section = as_section(run)
    name = re.escape(run.bench.name)
    old = re.compile(rf"<!-- bench: {name} -->.*?<!-- end: {name} -->", re.DOTALL)
    if old.search(page):
        return old.sub(lambda _: section, page, count=1)
    return (page or TITLE).rstrip() + "\n\n" + section + "\n"


def _notes(report: Report) -> list[str]:
    return [*report.notes, *(f"{row.what}: {row.note}" for row in report.rows if row.note)]


def _cells(row: Row) -> tuple[str, ...]:
    unit = f", {row.unit}" if row.unit else ""
    ratio = "–" if row.ratio is None else f"{number(row.ratio)} ×"
    goal = "–" if row.goal is None else row.goal.text(row.unit)
    return (f"{row.what}{unit}", spread(row.ours), spread(row.opponent), ratio, goal, verdict(row))


def _aligned(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [tuple(head), *(tuple(row) for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(head))]
    return "\n".join(
        "  " + "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines
    )


def _markdown(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


def _to_dict(run: Run) -> dict[str, Any]:
    return {
        "bench": run.bench.name,
        "day": run.day.isoformat(),
        "rounds": run.rounds,
        "machine": run.machine.to_dict(),
        "rows": [{**asdict(row), "ratio": row.ratio, "met": row.met} for row in run.report.rows],
        "tables": [_table(table) for table in run.report.tables],
        "notes": list(run.report.notes),
    }


def _table(table: Table) -> dict[str, Any]:
    return {"title": table.title, "head": list(table.head), "rows": [list(row) for row in table.rows]}
