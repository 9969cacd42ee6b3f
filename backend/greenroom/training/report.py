"""What a person sees of a training: its steps while it goes on, then its figures. Plain lines where nobody watches."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich import box
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table

from greenroom.frames import StageStep
from greenroom.lesson import Figures, Learnt

if TYPE_CHECKING:
    from collections.abc import Callable

_STEPS = {
    "resolve": "Verifying the encoder",
    "download": "Fetching the encoder",
    "weights": "Loading the encoder",
    "encode": "Reading the texts",
    "fit": "Fitting",
}
_PLAIN_WIDTH = 100


def console(to_errors: bool = False) -> Console:
    """Never narrower than a table when its output goes to a file."""
    made = Console(stderr=to_errors, highlight=False)
    return made if made.is_terminal else Console(stderr=to_errors, highlight=False, width=_PLAIN_WIDTH)


@contextmanager
def progress_shown(screen: Console) -> Iterator[Callable[[StageStep], None]]:
    """Gives what takes each step. At a terminal a bar for each stage, else a line when a stage is through."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=screen, disable=not screen.is_terminal) as bars:
        tasks: dict[str, TaskID] = {}

        def take(step: StageStep) -> None:
            if step.stage not in tasks:
                tasks[step.stage] = bars.add_task(_STEPS.get(step.stage, step.stage))
            bars.update(tasks[step.stage], completed=int(step.done), total=int(step.total))
            if not screen.is_terminal and step.done == step.total:
                screen.print(f"{_STEPS.get(step.stage, step.stage)}: {step.total:.0f} {step.unit}")

        yield take


def show(screen: Console, learnt: Learnt) -> None:
    """Figures and confusion matrix of the held-out texts, and of the test where there is one."""
    for title, figures in (("Held-out texts", learnt.held_out), ("Test file", learnt.test)):
        if figures is not None:
            screen.print()
            screen.print(_summary(title, figures))
            screen.print(_confusion(learnt.labels, figures, screen.is_terminal))


def _summary(title: str, figures: Figures) -> str:
    return (
        f"{title}: {figures.rows} rows, accuracy {figures.accuracy:.3f}, macro F1 {figures.macro_f1:.3f}, "
        f"log loss {figures.log_loss:.3f}, calibration error {figures.calibration_error:.3f}"
    )


def _confusion(labels: list[str], figures: Figures, at_terminal: bool) -> Table:
    table = Table(box=box.ROUNDED if at_terminal else box.ASCII2)
    table.add_column("is \\ judged")
    for label in (*labels, "recall"):
        table.add_column(label, justify="right")
    for label, row in zip(labels, figures.confusion, strict=True):
        table.add_row(label, *map(str, row), f"{figures.recall[label]:.2f}")
    table.add_row("precision", *(f"{figures.precision[label]:.2f}" for label in labels), "")
    return table
