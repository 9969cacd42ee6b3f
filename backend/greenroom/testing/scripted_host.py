"""The host of a scripted engine: lives in the same process, answers from a hash of the words, dies when told to."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Collection, Sequence

from greenroom.engine.seam import HostExit, HostInfo, Vectors
from greenroom.testing.vectors import bag_of_words, sentiment, words_of
from greenroom.words import DeadlineExceededError, HostLostError

MAX_WORDS = 256
"""Where a text is cut; words play the part of tokens."""
FIRST_PID = 4_194_305
"""Above the highest process id that Linux gives out: a test that kills it hits nothing."""


class Gate:
    """Lets calls pass while open, which it is at first."""

    def __init__(self) -> None:
        self._opened = asyncio.Event()
        self._opened.set()

    @property
    def is_open(self) -> bool:
        return self._opened.is_set()

    def open(self) -> None:
        self._opened.set()

    def close(self) -> None:
        self._opened.clear()

    async def passed(self) -> None:
        """Wait until it is open."""
        await self._opened.wait()


class ScriptedHost:
    """A `Host`. Make it on the event loop."""

    def __init__(
        self, info: HostInfo, gate: Gate, memory: Callable[[], int | None], poison: Collection[str] = ()
    ) -> None:
        """`poison`: texts that end the host once they pass the gate."""
        self._info = info
        self._gate = gate
        self._memory = memory
        self._poison = poison
        self._unanswered: Counter[str] = Counter()
        self._drained = asyncio.Event()
        self._exited: asyncio.Future[HostExit] = asyncio.get_running_loop().create_future()
        self.held = 0
        """Calls that wait at the gate."""

    @property
    def info(self) -> HostInfo:
        return self._info

    @property
    def exited(self) -> asyncio.Future[HostExit]:
        return self._exited

    async def embed(self, texts: Sequence[str], deadline_seconds: float | None, background: bool = False) -> Vectors:
        """Bags of words, or a mood, once the gate is open. Raises DeadlineExceededError, HostLostError."""
        self._require_alive()
        self._unanswered.update(texts)
        try:
            if not self._gate.is_open:
                await self._wait_at_gate(deadline_seconds)
            if any(text in self._poison for text in texts):
                self.end("killed by SIGSEGV", expected=False)
            self._require_alive()
        finally:
            self._unanswered -= Counter(texts)
            if not self._unanswered:
                self._drained.set()
        counts = [len(words_of(text)) for text in texts]
        return Vectors(
            data=b"".join(map(self._row, texts)),
            dimension=self._info.dimension,
            tokens=tuple(min(count, MAX_WORDS) for count in counts),
            truncated=tuple(index for index, count in enumerate(counts) if count > MAX_WORDS),
        )

    def _row(self, text: str) -> bytes:
        classes = len(self._info.classes)
        return sentiment(text, classes, MAX_WORDS) if classes else bag_of_words(text, MAX_WORDS)

    def _require_alive(self) -> None:
        """Raises HostLostError."""
        if self._exited.done():
            raise HostLostError(f"the model's process ended: {self._exited.result().reason}")

    async def _wait_at_gate(self, deadline_seconds: float | None) -> None:
        self.held += 1
        passed = asyncio.ensure_future(self._gate.passed())
        try:
            done, _ = await asyncio.wait(
                (passed, self._exited), timeout=deadline_seconds, return_when=asyncio.FIRST_COMPLETED
            )
        finally:
            self.held -= 1
            passed.cancel()
        if not done:
            raise DeadlineExceededError("The script holds this call, and its deadline is over.")

    async def drained(self) -> None:
        """When no call waits at the gate; one that its caller leaves is gone from here, too."""
        while self._unanswered and not self._exited.done():
            self._drained.clear()
            await self._drained.wait()

    def memory_bytes(self) -> int | None:
        return self._memory()

    def private_bytes(self) -> int | None:
        return self._memory()

    async def close(self, grace_seconds: float = 5.0) -> None:
        """End at once: calls at the gate are lost."""
        self.end("ended as asked", expected=True)

    def end(self, reason: str, *, expected: bool) -> None:
        """Be gone. Does nothing the second time."""
        if not self._exited.done():
            self._exited.set_result(HostExit(reason, expected, tuple(self._unanswered)))
            self._drained.set()
