"""A ready host on this machine, as `engine.seam.Host`.

Every call that was sent is owed an answer until the host has given one, also when its caller has left: only then is
its place free and its text out of the host. That bounds everything on the way: at most `max_queued_texts` texts (or one
larger call) are in the link's write buffer, the sockets and the host together, however fast callers come and go before
a host that has stopped reading. `drain` slows callers down meanwhile, within their deadline.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import structlog

from greenroom.engine.link import HostLink
from greenroom.engine.processes import HostProcess, exit_reason, private_bytes, resident_bytes
from greenroom.engine.seam import HostExit, HostInfo, Vectors
from greenroom.engine.watch import Watch
from greenroom.engine.zygote import level_number
from greenroom.frames import Cancel, Dropped, Encode, Encoded, Failed, Frame, FrameError, Log, Stop
from greenroom.words import (
    DeadlineExceededError,
    ErrorCode,
    GreenroomError,
    HostLostError,
    InvalidInputError,
    OverloadedError,
    PayloadTooLargeError,
    PredictionError,
)

MAX_RETRY_AFTER_SECONDS = 60
BACKGROUND_BATCH_SECONDS = 30.0
"""What a batch may take when nobody waits for it, as for callers with the default deadline."""
log = structlog.get_logger("greenroom.host")


@dataclass
class Pace:
    """Texts answered per second since the line last was empty. Pure: time is an argument."""

    busy_since: float = 0.0
    answered: int = 0

    def begin(self, now: float) -> None:
        self.busy_since, self.answered = now, 0

    def seconds_for(self, texts: int, now: float) -> int:
        """Whole seconds that `texts` will take at this pace, between 1 and MAX_RETRY_AFTER_SECONDS."""
        if self.answered == 0 or now <= self.busy_since:
            return 1
        seconds = texts * (now - self.busy_since) / self.answered
        return max(1, min(MAX_RETRY_AFTER_SECONDS, math.ceil(seconds)))


class _Owed(NamedTuple):
    """A call in the host. The answer's future is done when its caller left."""

    texts: tuple[str, ...]
    answer: asyncio.Future[Vectors]
    deadline_seconds: float | None
    background: bool = False


class LocalHost:
    """Sends calls to one host process and matches the answers."""

    def __init__(
        self, name: str, info: HostInfo, process: HostProcess, link: HostLink, watch: Watch, max_queued_texts: int
    ) -> None:
        """`watch` is over when the host is."""
        self._info = info
        self._watch = watch
        watch.owes = self._owes
        self._process = process
        self._link = link
        self._max_queued_texts = max_queued_texts
        self._log = log.bind(model=name, pid=info.pid)
        self._owed: dict[int, _Owed] = {}
        """Calls that the host has and has not answered, those of callers who left included."""
        self._next_call = 1
        self._queued = 0
        """Their texts."""
        self._drained: asyncio.Future[None] | None = None
        self._pace = Pace()
        self._gone = False
        self._asked = False
        self._exited: asyncio.Future[HostExit] = asyncio.get_running_loop().create_future()
        self._listening = asyncio.create_task(self._listen(), name=f"host {name} {info.pid}")

    @property
    def info(self) -> HostInfo:
        return self._info

    @property
    def exited(self) -> asyncio.Future[HostExit]:
        return self._exited

    async def embed(self, texts: Sequence[str], deadline_seconds: float | None, background: bool = False) -> Vectors:
        self._admit(len(texts))
        call, self._next_call = self._next_call, self._next_call + 1
        answer: asyncio.Future[Vectors] = asyncio.get_running_loop().create_future()
        try:
            async with asyncio.timeout(deadline_seconds):
                self._send(call, _Owed(tuple(texts), answer, deadline_seconds, background))
                await self._link.drain()
                vectors = await answer
        except TimeoutError:
            raise DeadlineExceededError("the model did not answer before the deadline") from None
        finally:
            if call in self._owed:
                answer.cancel()
                self._link.send(Cancel(call))
        self._pace.answered += len(texts)
        return vectors

    async def drained(self) -> None:
        while self._owed and not self._exited.done():
            if self._drained is None:
                self._drained = asyncio.get_running_loop().create_future()
            await asyncio.shield(self._drained)

    def memory_bytes(self) -> int | None:
        return None if self._gone else resident_bytes(self._process.pid)

    def private_bytes(self) -> int | None:
        return None if self._gone else private_bytes(self._process.pid)

    async def close(self, grace_seconds: float = 5.0) -> None:
        """Stop it, and kill it when it has not ended after `grace_seconds`. Returns when it has ended."""
        self._asked = True
        self._link.send(Stop())
        await asyncio.wait([self._listening], timeout=grace_seconds)
        if not self._listening.done():
            self._process.kill()
            await asyncio.wait([self._listening], timeout=grace_seconds + 1)
        if not self._listening.done():  # a process that not even SIGKILL ends hangs in the kernel: let go of it
            self._link.close()
            await asyncio.wait([self._listening])

    def _send(self, call: int, owed: _Owed) -> None:
        """Raises PayloadTooLargeError."""
        try:
            self._link.send(Encode(call, list(owed.texts), owed.deadline_seconds, owed.background))
        except FrameError as error:
            raise PayloadTooLargeError("This is more text than one call can carry. Send fewer texts.") from error
        self._owed[call] = owed
        self._queued += len(owed.texts)

    def _owes(self) -> tuple[bool, float]:
        """Whether calls are owed an answer, and the longest of their deadlines: what came before says nothing. That of
        a call for which nobody waits is long because it stands behind others, not because its batches are."""
        deadlines = (owed.deadline_seconds for owed in self._owed.values() if not owed.background)
        longest = max((math.inf if one is None else one for one in deadlines), default=BACKGROUND_BATCH_SECONDS)
        return bool(self._owed), longest

    def _admit(self, texts: int) -> None:
        """Raises HostLostError, OverloadedError."""
        if self._gone:
            raise HostLostError("the model's process has ended")
        now = time.monotonic()
        if self._queued == 0:
            self._pace.begin(now)
        elif self._queued + texts > self._max_queued_texts:
            wait = self._pace.seconds_for(self._queued, now)
            raise OverloadedError(f"{self._queued} texts wait for this model already", wait)

    async def _listen(self) -> None:
        """Take answers in until the host ends, then tell everyone who waits, whatever breaks on the way."""
        reason = "ended, and how could not be seen"
        try:
            await self._take_in()
            reason = await exit_reason(self._process, self._asked, self._watch.reason)
        finally:
            self._tell_end(reason)

    async def _take_in(self) -> None:
        """Handle what arrives until the host ends. A bug of ours ends it: nobody would hear its answers any more."""
        try:
            async for frame in self._link.frames():
                self._handle(frame)
        except FrameError as error:
            self._process.kill()
            self._log.error("host_link_broke", error=str(error))
        except Exception:
            self._process.kill()
            self._log.exception("host_link_broke")
        finally:
            self._gone = True
            self._link.close()
            self._watch.stop()

    def _tell_end(self, reason: str) -> None:
        unanswered = dict.fromkeys(text for owed in self._owed.values() for text in owed.texts)
        self._exited.set_result(HostExit(reason, self._asked, tuple(unanswered)))
        for owed in self._owed.values():
            if not owed.answer.done():
                owed.answer.set_exception(HostLostError(f"the model's process ended: {reason}"))
        self._tell_drained()

    def _handle(self, frame: Frame) -> None:
        match frame.message:
            case Encoded(call, dimension, tokens, truncated):
                self._settle(call, Vectors(frame.body, dimension, tuple(tokens), tuple(truncated)))
            case Failed(call, code, reason):
                self._settle(call, _error(code, reason))
            case Dropped(call):
                self._settle(call, _error(ErrorCode.DEADLINE_EXCEEDED, "the call was cancelled"))
            case Log(level, text):
                self._log.log(level_number(level), "host_log", text=text)
            case message:
                self._log.warning("unexpected_frame", kind=type(message).__name__)

    def _settle(self, call: int, outcome: Vectors | GreenroomError) -> None:
        owed = self._owed.pop(call, None)
        if owed is None:
            return
        self._queued -= len(owed.texts)
        if not self._owed:
            self._tell_drained()
        if owed.answer.done():  # its caller left
            return
        if isinstance(outcome, Vectors):
            owed.answer.set_result(outcome)
        else:
            owed.answer.set_exception(outcome)

    def _tell_drained(self) -> None:
        drained, self._drained = self._drained, None
        if drained is not None:
            drained.set_result(None)


def _error(code: str, reason: str) -> GreenroomError:
    """The exception for a host's refusal."""
    match code:
        case ErrorCode.DEADLINE_EXCEEDED:
            return DeadlineExceededError(reason)
        case ErrorCode.OVERLOADED:
            return OverloadedError(reason)
        case ErrorCode.INVALID_INPUT:
            return InvalidInputError(reason)
        case _:
            return PredictionError(reason)
