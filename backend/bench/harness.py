"""What every bench shares: interleaved rounds, medians, ratios, goals. Pure, but for the calls it is given.

The problem: a machine drifts (heat, neighbours, caches), and a single figure hides it. The idea: ours and the
opponent take turns, and who begins alternates too, so that a drift hits both; what is shown is the median of at least
five rounds with its lowest and highest. A round may give several figures at once; each becomes a row.

A bench is a module of this package with a `BENCH = Bench("name", "title", measure)`. Its docstring says what is
measured, how, against whom, and why that opponent is fair. `measure` is given a `Plan` and returns a `Report`:

    def measure(plan: Plan) -> Report:
        taken = interleave({"ours": ours, "opponent": theirs}, plan)
        return Report([Row("first answer", "s", taken["ours"]["first"], taken["opponent"]["first"], at_most(0.5))])
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

DEFAULT_ROUNDS = 5

Measurement = Mapping[str, float]
"""The figures of one round, by name."""
Side = Callable[[], Measurement]
Taken = Mapping[str, Mapping[str, list[float]]]
"""Side → figure → its value in each round."""


def _silent(line: str) -> None:
    """Tells nobody."""


@dataclass(frozen=True)
class Plan:
    """How much to measure. `say`: takes a line about how far it is. `scale` (0–1]: of the full size, in benches whose
    one round takes minutes; below 1 to see whether it works, never for figures."""

    rounds: int = DEFAULT_ROUNDS
    warmups: int = 1
    say: Callable[[str], None] = _silent
    scale: float = 1.0

    def scaled(self, full: float, least: float = 1) -> float:
        """`full` at this plan's scale, and no less than `least`."""
        return max(least, full * self.scale)


@dataclass(frozen=True)
class Goal:
    """What a row is held to. `subject`: our figure, ours divided by the opponent's, or ours minus the opponent's.
    `judged`: the median of the rounds, or for a promise without exceptions the worst of them."""

    limit: float
    direction: Literal["at most", "at least"]
    subject: Literal["ours", "ratio", "difference"] = "ours"
    judged: Literal["median", "worst"] = "median"

    def text(self, unit: str) -> str:
        sign = "≤" if self.direction == "at most" else "≥"
        match self.subject:
            case "ours":
                text = f"{sign} {number(self.limit)} {unit}"
            case "ratio":
                text = f"{sign} {number(self.limit)} ×"
            case "difference":
                text = f"{sign} opponent + {number(self.limit)} {unit}"
        return text + (" (worst)" if self.judged == "worst" else "")


def at_most(limit: float) -> Goal:
    """The median is `limit` or less."""
    return Goal(limit, "at most")


def at_least(limit: float) -> Goal:
    """The median is `limit` or more."""
    return Goal(limit, "at least")


def never_above(limit: float) -> Goal:
    """No round goes beyond `limit`."""
    return Goal(limit, "at most", judged="worst")


def ratio_at_most(limit: float) -> Goal:
    """Ours / opponent, of medians, is `limit` or less."""
    return Goal(limit, "at most", "ratio")


def ratio_at_least(limit: float) -> Goal:
    """Ours / opponent, of medians, is `limit` or more."""
    return Goal(limit, "at least", "ratio")


def at_most_above_opponent(limit: float) -> Goal:
    """Ours − opponent, of medians, is `limit` or less."""
    return Goal(limit, "at most", "difference")


@dataclass(frozen=True)
class Row:
    """One figure: its value in each round of ours, and of the opponent where there is one. `note` says what the
    reader needs to know about this row (the opponent's name, say)."""

    what: str
    unit: str
    ours: Sequence[float]
    opponent: Sequence[float] = ()
    goal: Goal | None = None
    note: str = ""

    @property
    def ratio(self) -> float | None:
        """Ours / opponent, of medians; None without an opponent or when the opponent's is 0."""
        if not self.ours or not self.opponent or statistics.median(self.opponent) == 0:
            return None
        return statistics.median(self.ours) / statistics.median(self.opponent)

    @property
    def met(self) -> bool | None:
        """Whether the goal was met; None without a goal or without the figures to judge it by."""
        subject = self._subject()
        if self.goal is None or subject is None:
            return None
        return subject <= self.goal.limit if self.goal.direction == "at most" else subject >= self.goal.limit

    def _subject(self) -> float | None:
        if self.goal is None or not self.ours:
            return None
        if self.goal.subject == "ratio":
            return self.ratio
        if self.goal.subject == "difference":
            return statistics.median(self.ours) - statistics.median(self.opponent) if self.opponent else None
        if self.goal.judged == "worst":
            return max(self.ours) if self.goal.direction == "at most" else min(self.ours)
        return statistics.median(self.ours)


@dataclass(frozen=True)
class Table:
    """Further figures that no goal holds, as text: a profile, a breakdown."""

    title: str
    head: Sequence[str]
    rows: Sequence[Sequence[str]]


@dataclass(frozen=True)
class Report:
    """What a bench found. `notes`: sentences that belong to the figures (which dtype, which share of the processor)."""

    rows: Sequence[Row]
    notes: Sequence[str] = ()
    tables: Sequence[Table] = field(default=())


@dataclass(frozen=True)
class Bench:
    """`name` is what people type, `title` what the section in docs/performance.md is called."""

    name: str
    title: str
    measure: Callable[[Plan], Report]


def interleave(sides: Mapping[str, Side], plan: Plan) -> Taken:
    """Run every side once a round, `plan.rounds` rounds after `plan.warmups` that do not count. The order turns round
    with each round. Raises what a side raises."""
    order = list(sides)
    taken: dict[str, dict[str, list[float]]] = {name: {} for name in sides}
    for turn in range(-plan.warmups, plan.rounds):
        for name in order if turn % 2 == 0 else reversed(order):
            plan.say(f"{'warm-up' if turn < 0 else f'round {turn + 1} of {plan.rounds}'}: {name}")
            figures = sides[name]()
            if turn >= 0:
                for figure, value in figures.items():
                    taken[name].setdefault(figure, []).append(value)
    return taken


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that at least `share` (0–1] of all are not above (nearest rank: one that was really seen).

    Raises ValueError for no values."""
    if not values:
        raise ValueError("no values")
    return sorted(values)[max(0, math.ceil(share * len(values)) - 1)]


def number(value: float) -> str:
    """Three significant digits, without an exponent."""
    if value == 0 or not math.isfinite(value):
        return f"{value:g}"
    digits = max(0, 2 - math.floor(math.log10(abs(value))))
    text = f"{value:,.{digits}f}".replace(",", " ")
    return text.rstrip("0").rstrip(".") if "." in text else text


def spread(values: Sequence[float]) -> str:
    """Median, and lowest to highest: "0.41 (0.39–0.44)"."""
    if not values:
        return "–"
    median = number(statistics.median(values))
    return median if len(values) == 1 else f"{median} ({number(min(values))}–{number(max(values))})"


def verdict(row: Row) -> str:
    """ "yes", "no", or "–" where there is nothing to judge."""
    return {True: "yes", False: "no", None: "–"}[row.met]
