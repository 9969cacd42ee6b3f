"""The phases of one model as a table: every legal (state, event) and the state after it. Whatever is not in the
table is refused with `PhaseError` and changes nothing. `docs/readiness.md` shows `diagram()`.

`waiting` and `queued` are both shown as phase `queued`: in the first no try is under way, in the second one has
begun and nothing of it has been measured yet.
"""

from __future__ import annotations

from enum import StrEnum

from greenroom.protocol.snapshot import Phase, StageName
from greenroom.words import GreenroomError


class State(StrEnum):
    WAITING = "waiting"
    QUEUED = "queued"
    DOWNLOADING = "downloading"
    LOADING = "loading"
    FINALIZING = "finalizing"
    READY = "ready"
    FAILED = "failed"


class Event(StrEnum):
    BEGIN = "begin"
    MEASURE = "measure"
    """A step that moves no phase."""
    DOWNLOAD = "download"
    LOAD = "load"
    FINALIZE = "finalize"
    READY = "ready"
    INTERRUPT = "interrupted"
    FAIL = "failed"
    LOSE = "lost"
    SWAP = "swapped"


class PhaseError(GreenroomError):
    """An event that cannot happen in this state; a bug in the caller. Nothing was changed."""

    def __init__(self, name: str, state: State, event: Event) -> None:
        super().__init__(f"{name} is {state}: '{event}' cannot happen now.")
        self.state = state
        self.event = event


ACTIVE = frozenset({State.QUEUED, State.DOWNLOADING, State.LOADING, State.FINALIZING})
"""States in which a try is under way."""

_ENDS = {Event.READY: State.READY, Event.INTERRUPT: State.WAITING, Event.FAIL: State.FAILED}

TABLE: dict[State, dict[Event, State]] = {
    State.WAITING: {
        Event.BEGIN: State.QUEUED,
        Event.INTERRUPT: State.WAITING,
        Event.FAIL: State.FAILED,
    },
    State.QUEUED: {
        Event.MEASURE: State.QUEUED,
        Event.DOWNLOAD: State.DOWNLOADING,
        Event.LOAD: State.LOADING,
        Event.FINALIZE: State.FINALIZING,
        **_ENDS,
    },
    State.DOWNLOADING: {
        Event.MEASURE: State.DOWNLOADING,
        Event.DOWNLOAD: State.DOWNLOADING,
        Event.LOAD: State.LOADING,
        Event.FINALIZE: State.FINALIZING,
        **_ENDS,
    },
    State.LOADING: {
        Event.MEASURE: State.LOADING,
        Event.DOWNLOAD: State.LOADING,
        Event.LOAD: State.LOADING,
        Event.FINALIZE: State.FINALIZING,
        **_ENDS,
    },
    State.FINALIZING: {
        Event.MEASURE: State.FINALIZING,
        Event.DOWNLOAD: State.FINALIZING,
        Event.LOAD: State.FINALIZING,
        Event.FINALIZE: State.FINALIZING,
        **_ENDS,
    },
    State.READY: {Event.LOSE: State.WAITING, Event.SWAP: State.READY},
    State.FAILED: {Event.BEGIN: State.QUEUED},
}


def after(name: str, state: State, event: Event) -> State:
    """The state of model `name` after `event`. Raises PhaseError where the table has none."""
    following = TABLE[state].get(event)
    if following is None:
        raise PhaseError(name, state, event)
    return following


def phase_of(state: State) -> Phase:
    return Phase.QUEUED if state is State.WAITING else Phase(state.value)


def event_of(stage: StageName, download_pending: bool) -> Event:
    """What a step of `stage` means for the phase. While a download is unfinished, whatever runs beside it (the
    shared import) or before it (resolving) moves nothing."""
    match stage:
        case StageName.DOWNLOAD:
            return Event.DOWNLOAD
        case StageName.RESOLVE | StageName.IMPORT:
            return Event.MEASURE if download_pending else Event.LOAD
        case StageName.WEIGHTS:
            return Event.LOAD
        case StageName.WARMUP | StageName.CHECK:
            return Event.FINALIZE


def diagram() -> str:
    """The table as a Mermaid state diagram, steps that stay where they are left out."""
    lines = ["stateDiagram-v2", "    [*] --> waiting"]
    for state, row in TABLE.items():
        targets: dict[State, list[str]] = {}
        for event, following in row.items():
            targets.setdefault(following, []).append(event.value)
        lines += [
            f"    {state} --> {following}: {', '.join(events)}"
            for following, events in targets.items()
            if following is not state
        ]
    return "\n".join(lines)
