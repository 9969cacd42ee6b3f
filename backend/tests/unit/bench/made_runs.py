"""Runs made up for tests of what is printed and kept."""

from __future__ import annotations

from datetime import date

from bench.document import Run
from bench.harness import Bench, Goal, Plan, Report, Row, Table, at_most
from bench.machine import Machine

MACHINE = Machine("Some CPU", 2, 7.7, "Linux 6.1", "3.11.7", "2.13.0", 0.1)


def made_report(seconds: tuple[float, ...] = (0.2, 0.3, 0.4), goal: Goal | None = None) -> Report:
    return Report(
        rows=[Row("first answer", "s", seconds, (3.0, 3.2, 2.9), goal or at_most(0.5))],
        notes=["a note"],
        tables=[Table("A table", ("who", "how much"), [("front", "40")])],
    )


def made_run(name: str = "start", report: Report | None = None, load: float = 0.1) -> Run:
    def measure(plan: Plan) -> Report:
        return made_report()

    machine = Machine(MACHINE.cpu, 2, 7.7, MACHINE.kernel, "3.11.7", "2.13.0", load)
    return Run(
        Bench(name, f"The {name}", measure), "What it does.\n", report or made_report(), machine, date(2026, 1, 2), 5
    )
