"""The seam: five calls that every engine answers. `LocalEngine` runs hosts on this machine,
`greenroom.testing.ScriptedEngine` plays them from a script; engines over many machines come behind the same calls.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from greenroom.protocol.snapshot import StageName
from greenroom.words import ModelSpec, ModelVersion


@dataclass(frozen=True)
class Step:
    """A measured step of a load: `done` of `total` units of `stage` are through."""

    stage: StageName
    done: float
    total: float
    unit: str
    """"bytes", "tensors", "passes" or "modules"."""


Report = Callable[[Step], None]
"""Takes the steps of one load, on the event loop, in the order they happened."""


@dataclass(frozen=True)
class HostInfo:
    """What a ready host says of itself."""

    pid: int
    dimension: int
    max_tokens: int
    device: str
    dtype: str
    verdicts: Mapping[str, bool] = field(default_factory=dict)
    """dtype → outcome of the check against float32, to be remembered for this version on this machine."""
    classes: tuple[str, ...] = ()
    """Of a classifier, in the order of its columns in `Vectors`; `dimension` is how many there are."""
    columns: Mapping[str, str] = field(default_factory=dict)
    """Of a tabular model: column name → "number" or "text", in the order of training."""


@dataclass(frozen=True)
class HostExit:
    """How a host ended, in words for people (`"killed by SIGKILL"`)."""

    reason: str
    expected: bool
    """Whether we asked it to."""
    unanswered: tuple[str, ...] = ()
    """The texts, each once, that it had been given and had not answered for, those of callers who left included."""


@dataclass(frozen=True)
class Vectors:
    """A row for each text: float32, C order, shape (texts, dimension). An encoder's are of unit length; a
    classifier's are a probability for each class and sum to 1."""

    data: bytes
    dimension: int
    tokens: tuple[int, ...]
    """Tokens read per text, after cutting."""
    truncated: tuple[int, ...]
    """Indices of the texts that were longer than the model's window."""


class Host(Protocol):
    """One child process that holds one version and is ready to answer."""

    @property
    def info(self) -> HostInfo: ...

    @property
    def exited(self) -> asyncio.Future[HostExit]:
        """Done when the host has ended. Await it through `asyncio.shield`."""

    async def embed(self, texts: Sequence[str], deadline_seconds: float | None, background: bool = False) -> Vectors:
        """The rows of `texts`; a tabular model's texts are JSON objects. Cancelling drops the work that has not
        started. `background`: nobody waits for it, and other calls go first.

        Raises OverloadedError (queue full), DeadlineExceededError, PredictionError, HostLostError."""

    async def drained(self) -> None:
        """Return when it owes no answer, not even to callers who left, or has ended."""

    def memory_bytes(self) -> int | None:
        """Resident memory, shared pages included; None when unknown."""

    def private_bytes(self) -> int | None:
        """What of it would be free without this host; None when unknown."""

    async def close(self, grace_seconds: float = 5.0) -> None:
        """Let it finish what is queued, then end it; kill it when the grace is over."""


class Engine(Protocol):
    """Makes hosts."""

    async def start(self) -> None:
        """Begin whatever takes long beside the caller. Returns at once."""

    async def close(self) -> None:
        """End every host and helper process that this engine started."""

    def stages(self, spec: ModelSpec) -> tuple[StageName, ...]:
        """The stages that the next load of `spec` will go through here; `import` is missing once it is done."""

    async def load(
        self,
        spec: ModelSpec,
        version: ModelVersion,
        verdicts: Mapping[str, bool],
        report: Report,
        background: bool = False,
    ) -> Host:
        """Load `version` in a new host and return it once it is ready. Cancelling kills the host.
        `background`: another version serves meanwhile and is not to be slowed.

        `import` steps are reported from whenever the shared import stands. Raises LoadError, HostLostError."""

    async def imported(self, spec: ModelSpec, report: Report) -> None:
        """Report the shared runtime import's steps and return when it is complete (at once if it already is).
        Run beside the resolving of a version, so that the two overlap in the snapshot as they do in time."""
