"""`WS /ws/init/{client_id}`: frames and close codes.

The server speaks first (`hello`, then a snapshot) and needs no reply.
"""

from __future__ import annotations

from enum import IntEnum, StrEnum
from typing import Annotated, Literal

from pydantic import Field

from greenroom.protocol.base import PROTOCOL_VERSION, Message
from greenroom.protocol.snapshot import InitState, ModelError, Phase
from greenroom.words import ErrorCode


class CloseCode(IntEnum):
    """Why a socket ended. 1005 and 1006 are never sent; a client sees them."""

    FINISHED = 1000
    GOING_AWAY = 1001
    NO_STATUS = 1005
    LOST = 1006
    INTERNAL_ERROR = 1011
    SERVICE_RESTART = 1012
    TRY_AGAIN_LATER = 1013
    MALFORMED = 4400
    NOT_AUTHORISED = 4401
    TOO_BIG = 4413
    TOO_MANY = 4429
    TOO_SLOW = 4490


class Verdict(StrEnum):
    """What a client does after a close."""

    STOP = "stop"
    """Finished: do nothing."""
    RECONNECT = "reconnect"
    """Come back with backoff and jitter."""
    RECONNECT_LATER = "reconnect_later"
    """Come back after a longer delay."""
    FAIL = "fail"
    """Stop, and tell a person."""


CLOSE_VERDICTS: dict[CloseCode, Verdict] = {
    CloseCode.FINISHED: Verdict.STOP,
    CloseCode.GOING_AWAY: Verdict.RECONNECT,
    CloseCode.NO_STATUS: Verdict.RECONNECT,
    CloseCode.LOST: Verdict.RECONNECT,
    CloseCode.INTERNAL_ERROR: Verdict.RECONNECT,
    CloseCode.SERVICE_RESTART: Verdict.RECONNECT,
    CloseCode.TRY_AGAIN_LATER: Verdict.RECONNECT,
    CloseCode.MALFORMED: Verdict.FAIL,
    CloseCode.NOT_AUTHORISED: Verdict.FAIL,
    CloseCode.TOO_BIG: Verdict.FAIL,
    CloseCode.TOO_MANY: Verdict.RECONNECT_LATER,
    CloseCode.TOO_SLOW: Verdict.RECONNECT_LATER,
}
"""A code that is not listed means `reconnect`."""


class Hello(Message):
    """First frame."""

    type: Literal["hello"] = "hello"
    protocol: int = PROTOCOL_VERSION
    server: str
    """`greenroom/<version>`."""
    phase: Literal[Phase.CONNECTING] = Phase.CONNECTING
    ready: Literal[False] = False
    epoch: str
    heartbeat_ms: Annotated[int, Field(gt=0)]
    """A frame comes at least this often."""
    max_message_bytes: Annotated[int, Field(gt=0)]
    """Longest message the server reads."""


class EventName(StrEnum):
    SWAPPED = "model.swapped"
    ROLLED_BACK = "model.rolled_back"
    FAILED = "model.failed"
    RECOVERED = "model.recovered"


class Event(Message):
    """Something happened: a prompt to look, never the state. `seq` is the first snapshot that shows it."""

    type: Literal["event"] = "event"
    name: EventName
    model: str
    version: str | None
    """The version it happened to, or that serves from now on."""
    previous_version: str | None = None
    space: str | None = None
    """The embedding space from now on, when it became another one: vectors from before are not to be compared."""
    error: ModelError | None = None
    seq: Annotated[int, Field(ge=1)]


class Ping(Message):
    """Sent when `heartbeat_ms` passed without another frame."""

    type: Literal["ping"] = "ping"
    at: str


class Draining(Message):
    """The server is about to stop; come back after this delay."""

    type: Literal["draining"] = "draining"
    reconnect_in_ms: Annotated[int, Field(ge=0)]


class ErrorFrame(Message):
    """Sent right before a close that a person should understand."""

    type: Literal["error"] = "error"
    code: ErrorCode
    message: str


ServerFrame = Annotated[Hello | InitState | Event | Ping | Draining | ErrorFrame, Field(discriminator="type")]


class Pong(Message):
    """The only client frame with a meaning, and it is ignored: anything a client sends shows that it lives."""

    type: Literal["pong"] = "pong"
