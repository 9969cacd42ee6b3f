"""Instruments of one try: a stopwatch that never runs backwards, a meter per stage, a gauge for downloads."""

from __future__ import annotations

import math

from greenroom.readiness.curves import POINTS, from_marks
from greenroom.readiness.history import StageRecord

RATE_WINDOW_SECONDS = 5.0
RATE_SAMPLE_SECONDS = 0.2
RATE_GRACE_SECONDS = 1.0
RATE_FLOOR = 1.0


class Stopwatch:
    """Seconds that passed, whatever the clock does: a step back counts as none."""

    def __init__(self, now: float) -> None:
        self._seconds = 0.0
        self._last = now

    def at(self, now: float) -> float:
        return self._seconds + max(0.0, now - self._last)

    def move(self, now: float) -> float:
        self._seconds, self._last = self.at(now), now
        return self._seconds


class StageMeter:
    """One stage: its high-water mark of raw progress, and when each 5 % of it was reached."""

    def __init__(self) -> None:
        self.raw = 0.0
        self.started: float | None = None
        self.ended: float | None = None
        self._last = 0.0
        self._max_gap = 0.0
        self._marks = [0.0] * (POINTS + 1)

    def start(self, at: float) -> None:
        if self.started is None:
            self.started = self._last = at

    def advance(self, raw: float, at: float) -> bool:
        """Raise the mark to `raw` at stopwatch time `at`; False when it was there already."""
        if raw <= self.raw or self.started is None:
            return False
        for point in range(math.floor(self.raw * POINTS) + 1, math.floor(raw * POINTS + 1e-9) + 1):
            part = (point / POINTS - self.raw) / (raw - self.raw)
            self._marks[point] = self._last + (at - self._last) * part - self.started
        self._max_gap = max(self._max_gap, at - self._last)
        self.raw, self._last = raw, at
        if raw >= 1:
            self.ended = at
        return True

    def record(self) -> StageRecord:
        """What the finished stage took."""
        seconds = (self.ended or 0.0) - (self.started or 0.0)
        return StageRecord(seconds, from_marks(self._marks, seconds), self._max_gap)


class ByteGauge:
    """How many bytes came, and how fast: an exponentially weighted rate over about five seconds."""

    def __init__(self) -> None:
        self.done = 0.0
        self.total: float | None = None
        self._rate: float | None = None
        self._last: tuple[float, float] | None = None

    def feed(self, done: float, total: float, at: float) -> None:
        """The first step is where counting starts: what a resumed download already had was not fetched now."""
        self.done = max(self.done, done)
        self.total = max(self.total or 0.0, total)
        if self._last is None:
            self._last = (at, self.done)
        elif (seconds := at - self._last[0]) >= RATE_SAMPLE_SECONDS:
            now = (self.done - self._last[1]) / seconds
            weight = 1 - math.exp(-seconds / RATE_WINDOW_SECONDS)
            self._rate = now if self._rate is None else self._rate + weight * (now - self._rate)
            self._last = (at, self.done)

    def rate(self, at: float) -> float | None:
        """Bytes per second; falls while nothing comes; None while unknown."""
        if self._rate is None or self._last is None:
            return None
        silence = max(0.0, at - self._last[0] - RATE_GRACE_SECONDS)
        rate = self._rate * math.exp(-silence / RATE_WINDOW_SECONDS)
        return rate if rate >= RATE_FLOOR else 0.0
