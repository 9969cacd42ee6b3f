"""One load of a scripted model, and how a percentage comes about in it.

The problem: an engine reports steps of stages, and it is the server that makes a percentage of them, by what it
expects each stage to take. The idea: go along the stages in small steps and look, after each, at what the server
shows; stop as soon as it is what was asked for. Where nobody tells what the server shows, a `readiness.Attempt`
with the shipped expectations, which is what a first load is shown by, stands in for it.

The stages begin with `import`, because the server does its own resolving in that stage's shadow: so the resolving,
which no script can hold back, adds nothing to the progress, and a load can stand at 0 %.

A server learns from its loads how time is spread over their steps. After a load in whose middle the clock was moved
by hours, a single small step of the next one can be worth more than one per cent; then `stand_at` says so. Only
the stages behind a percentage differ between loads: after one that took no time at all, each stage counts alike.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence

from greenroom.engine.seam import Report, Step
from greenroom.protocol.snapshot import StageName
from greenroom.readiness.attempt import Attempt
from greenroom.readiness.history import LoadHistory
from greenroom.readiness.plan import Plan
from greenroom.testing.scripted_host import ScriptedHost
from greenroom.words import InputFault, InvalidInputError

HIGHEST_PERCENT = 99
STEPS_OF_A_STAGE = 500


class ScriptedLoad:
    """A load under way. `shown`: what the server shows as its progress now. Make it on the event loop."""

    def __init__(self, stages: Sequence[StageName], report: Report, shown: Callable[[], int] | None) -> None:
        self.stages = tuple(stages)
        self.orders = 0
        """Orders that it was given."""
        self.ended: asyncio.Future[ScriptedHost] = asyncio.get_running_loop().create_future()
        self._report = report
        self._expected = Attempt(Plan.make(self.stages, None, None, LoadHistory()), 0.0)
        self.shown = shown
        self._path = _path(self.stages)

    @property
    def percent(self) -> int:
        """What is shown as its progress."""
        return self._expected.progress if self.shown is None else self.shown()

    def begin(self) -> None:
        """Report the very first step."""
        self.step(self.stages[0], 1 / STEPS_OF_A_STAGE)

    def step(self, stage: StageName, fraction: float) -> None:
        """Report that `fraction` (0-1) of `stage` is done."""
        self._expected.observe(stage, fraction, 0.0)
        self._report(Step(stage, fraction * STEPS_OF_A_STAGE, STEPS_OF_A_STAGE, "tensors"))

    def stand_at(self, percent: int, *, exactly: bool = True) -> None:
        """Go on until `percent` is shown. Raises InvalidInputError when `exactly` that cannot be had."""
        while self.percent < percent and (step := next(self._path, None)):
            self.step(*step)
        if exactly and self.percent != percent:
            reason = "progress never falls within a round, and steps can be worth more than one per cent"
            raise refused("percent", f"{percent} cannot be shown, {self.percent} is: {reason}")


def _path(stages: Sequence[StageName]) -> Iterator[tuple[StageName, float]]:
    """Every small step of a load but the last, after which nothing would be left to do."""
    steps = [(stage, step / STEPS_OF_A_STAGE) for stage in stages for step in range(1, STEPS_OF_A_STAGE + 1)]
    return iter(steps[:-1])


def refused(member: str, detail: str) -> InvalidInputError:
    """The refusal of an order."""
    return InvalidInputError(f"{member}: {detail}", (InputFault(f"/{member}", detail),))
