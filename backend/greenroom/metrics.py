"""What the server counts about itself: plain numbers, written where things happen and read by `web.metrics`.

Nothing here knows Prometheus. Its client takes tens of milliseconds to import, which is not to be paid before the
server listens, and an observation in the path of a call should cost no more than an addition: so these are integers
in dictionaries, and the page is made of them when somebody asks for it. There is one event loop and thus no lock.

Bound: models are those that are configured, outcomes and codes are closed sets, and of the versions of a model the
`VERSIONS_KEPT` that came to serve last have a latency. What a model is like right now (its memory, its phase) is not
counted here but looked up when asked.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from greenroom.words import ErrorCode

BOUNDS_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
"""Upper bounds of the latency's buckets; a last one has none."""
USUAL_UPDATE_ERRORS = (ErrorCode.SOURCE_UNREACHABLE, ErrorCode.VERSION_REFUSED, ErrorCode.LOAD_FAILED)
VERSIONS_KEPT = 2
"""The one that serves and the one before, which still answers for a moment."""
ANSWERED = "ok"
"""The outcome of a call that got its answer; of any other it is the error's code."""


@dataclass
class Latency:
    """How long the answered calls of one version took."""

    buckets: list[int] = field(default_factory=lambda: [0] * (len(BOUNDS_SECONDS) + 1))
    """Calls in each bucket, not cumulative."""
    seconds_sum: float = 0.0


@dataclass
class Total:
    """Of durations: how many, and how long together."""

    count: int = 0
    seconds_sum: float = 0.0

    def add(self, seconds: float) -> None:
        self.count += 1
        self.seconds_sum += seconds


class Metrics:
    """The numbers of one server life. `models`: the names of all that are configured; each begins at 0."""

    def __init__(self, models: Iterable[str]) -> None:
        self.models = tuple(models)
        self.loads: Counter[str] = Counter()
        self.load_seconds: dict[tuple[str, ...], Total] = {}
        """By model and stage."""
        self.swaps: Counter[str] = Counter()
        self.rollbacks: Counter[tuple[str, bool]] = Counter()
        """By model, and whether it was automatic."""
        self.update_errors: Counter[tuple[str, ...]] = Counter(
            {(name, str(code)): 0 for name in self.models for code in USUAL_UPDATE_ERRORS}
        )
        """By model and error code; there from the start, so that the first one is seen to be an increase."""
        self.evictions: Counter[str] = Counter()
        self.cache_hits: Counter[str] = Counter()
        self.cache_misses: Counter[str] = Counter()
        self.calls: Counter[tuple[str, ...]] = Counter()
        """By model and outcome."""
        self.latency: dict[str, dict[str, Latency]] = {name: {} for name in self.models}
        """By model and version; the version that came to serve last stands last."""
        self.eta_errors: dict[str, float] = {}
        self.job_waits = Total()
        self.job_runs: dict[str, Total] = {}
        """By the state in which they ended."""
        self.job_faults: Counter[tuple[str, ...]] = Counter()
        """Attempts at jobs that ended badly, by error code."""
        self.job_leases_lost = 0

    def loaded(self, model: str, seconds_by_stage: Mapping[str, float], eta_error: float | None = None) -> None:
        """A version became ready, to serve at once or to take over. `eta_error`: how far the estimate was off,
        |estimated - taken| / taken."""
        self.loads[model] += 1
        if eta_error is not None:
            self.eta_errors[model] = eta_error
        for stage, seconds in seconds_by_stage.items():
            self.load_seconds.setdefault((model, str(stage)), Total()).add(seconds)

    def swapped(self, model: str, version: str) -> None:
        """`version` took over from another one."""
        self.swaps[model] += 1
        self._serves(model, version)

    def rolled_back(self, model: str, automatic: bool) -> None:
        """`automatic`: because too many of the new version's calls failed, and not because somebody asked for it."""
        self.rollbacks[model, automatic] += 1

    def update_failed(self, model: str, code: str) -> None:
        """A look at the source, or the taking over of what it named, failed; what served goes on serving."""
        self.update_errors[model, str(code)] += 1

    def evicted(self, model: str) -> None:
        """It left memory for another one."""
        self.evictions[model] += 1

    def cache_hit(self, model: str) -> None:
        """A call found its model in memory."""
        self.cache_hits[model] += 1

    def cache_miss(self, model: str) -> None:
        """A call found its model not in memory, and had it loaded; those that came meanwhile do not count."""
        self.cache_misses[model] += 1

    def answered(self, model: str, version: str, seconds: float, outcome: str = ANSWERED) -> None:
        """A call ended after `seconds`, waiting included. `outcome`: `ANSWERED`, or the code of the error."""
        self.calls[model, outcome] += 1
        if outcome != ANSWERED:
            return
        versions = self.latency[model]
        if version not in versions:
            self._serves(model, version)
        latency = versions[version]
        latency.buckets[bisect_left(BOUNDS_SECONDS, seconds)] += 1
        latency.seconds_sum += seconds

    def job_begun(self, waited_seconds: float) -> None:
        """A job was claimed for the first time."""
        self.job_waits.add(waited_seconds)

    def job_ended(self, state: str, seconds: float) -> None:
        """Completed or failed, `seconds` after it was first claimed."""
        self.job_runs.setdefault(str(state), Total()).add(seconds)

    def job_failed_once(self, code: str) -> None:
        """An attempt at a job ended badly."""
        self.job_faults[(str(code),)] += 1

    def _serves(self, model: str, version: str) -> None:
        """Put `version` last, and forget the versions that nobody calls any more."""
        versions = self.latency[model]
        versions[version] = versions.pop(version) if version in versions else Latency()
        for old in list(versions)[:-VERSIONS_KEPT]:
            del versions[old]
