"""Which texts go through the model together. Pure: no threads, no clock, no tensors.

The problem: a model is fast on many texts at once and wastes what it spends on padding; callers wait, some with a
deadline, some leave. The idea: texts of all calls stand in one line, in order of arrival. Whenever the model is free,
the next batch forms from the line's first few batches' worth of texts: it always holds the oldest text, so nobody
starves, and grows from there towards the neighbours in length while the padded size stays within the token budget
and padding stays small. No delay is added: the batch forms from what arrived while the last one ran. A large
call is thereby spread over several batches, between which others get their turn.

Calls for which nobody waits (jobs) stand in a line of their own, behind. A batch forms there when the first line is
empty, and never mixes with it: what is added to a batch, all of it waits for. After TURNS_BEFORE_BACKGROUND batches of
the first line the second one has a turn, so that it is slow under load, and not still.

The invariant: each text of an open call is in its line, or in the batch that was last taken, or done. A call that
was closed (done, cancelled, expired, failed) has no text left in the line.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Generic, TypeVar

T = TypeVar("T")

WINDOW_BUDGETS = 4
"""How many budgets' worth of tokens to look at from the head of the line: more is better sorted, and fairer less."""
PADDING_TOKENS = 128
PADDING_SHARE = 0.25
"""A batch may be padded by this share of its real tokens, or by PADDING_TOKENS: about what a forward pass of its own
would cost the next text."""

BACKGROUND_SECONDS = 0.05
"""What a batch for which nobody waits should take, for it keeps those waiting that come meanwhile."""
MIN_BACKGROUND_TOKENS = 256
TURNS_BEFORE_BACKGROUND = 16
"""Batches that go first while a call stands behind."""


class QueueFullError(Exception):
    """The line has no room for all texts of this call."""


@dataclass(frozen=True, slots=True, eq=False)
class Piece(Generic[T]):
    """One text of a call."""

    call: int
    index: int
    """Its place within the call."""
    length: int
    """In tokens, at least 1."""
    payload: T


@dataclass(slots=True)
class _OpenCall:
    remaining: int
    """Texts not yet done."""
    deadline: float | None
    background: bool


class Batcher(Generic[T]):
    """The line, and the calls that stand in it."""

    def __init__(self, max_tokens: int, max_queued: int) -> None:
        """`max_tokens`: budget of one batch, padding included; a longer single text still gets its batch."""
        self._max_tokens = max_tokens
        self._max_queued = max_queued
        self._line: list[Piece[T]] = []
        self._behind: list[Piece[T]] = []
        """The line of calls for which nobody waits."""
        self._behind_tokens: float = min(max_tokens, MIN_BACKGROUND_TOKENS)
        """Budget of its batches."""
        self._passed = 0
        """Batches that went before it since its last turn."""
        self._calls: dict[int, _OpenCall] = {}

    @property
    def queued(self) -> int:
        """Texts in both lines."""
        return len(self._line) + len(self._behind)

    def holds(self, tokens: int) -> bool:
        """Whether the texts in both lines have at least so many tokens."""
        for piece in chain(self._line, self._behind):
            tokens -= piece.length
            if tokens <= 0:
                return True
        return False

    @property
    def idle(self) -> bool:
        """Whether no call is open."""
        return not self._calls

    def is_open(self, call: int) -> bool:
        return call in self._calls

    def submit(
        self, call: int, items: Sequence[tuple[int, T]], deadline: float | None, background: bool = False
    ) -> None:
        """Put the (length, payload) of each text at the end of its line. `deadline` is on the caller's clock.

        Raises QueueFullError (nothing was queued), ValueError for no texts or a call that is open already."""
        if not items or call in self._calls:
            raise ValueError(f"call {call} has no texts or is open already")
        if self.queued + len(items) > self._max_queued:
            raise QueueFullError(f"{self.queued} texts wait already")
        self._calls[call] = _OpenCall(len(items), deadline, background)
        line = self._behind if background else self._line
        line.extend(Piece(call, index, max(1, length), payload) for index, (length, payload) in enumerate(items))

    def close(self, call: int) -> bool:
        """Forget a call and drop what it has in the line. False when it was not open."""
        if self._calls.pop(call, None) is None:
            return False
        self._line = [piece for piece in self._line if piece.call != call]
        self._behind = [piece for piece in self._behind if piece.call != call]
        return True

    def expire(self, now: float) -> list[int]:
        """Close the calls whose deadline has passed, and name them."""
        late = [call for call, state in self._calls.items() if state.deadline is not None and state.deadline <= now]
        for call in late:
            self.close(call)
        return late

    def take(self, takers: int = 1) -> list[Piece[T]]:
        """Take the next batch out of its line, shortest first; empty when both lines are.

        `takers`: how many could take one now, this one included. Each is left its share of the tokens."""
        line = self._next_line()
        if not line:
            return []
        window, oldest = self._window(line), line[0]
        budget = self._behind_tokens if line is self._behind else float(self._max_tokens)
        if takers > 1:
            budget = min(budget, max(oldest.length, sum(piece.length for piece in window) / takers))
        batch = _grow(window, oldest, budget)
        taken = set(map(id, batch))
        line[:] = [piece for piece in line if id(piece) not in taken]
        return batch

    def is_background(self, batch: Sequence[Piece[T]]) -> bool:
        """Whether nobody waits for it, as far as its call is still open."""
        call = self._calls.get(batch[0].call)
        return call is not None and call.background

    def took(self, batch: Sequence[Piece[T]], seconds: float) -> None:
        """A batch for which nobody waits was computed so quickly: make the next one last BACKGROUND_SECONDS."""
        fitting = len(batch) * max(piece.length for piece in batch) * BACKGROUND_SECONDS / max(seconds, 1e-3)
        tokens = (self._behind_tokens + fitting) / 2  # one that was held up by others should not count for much
        self._behind_tokens = min(self._max_tokens, max(MIN_BACKGROUND_TOKENS, tokens))

    def _next_line(self) -> list[Piece[T]]:
        """Whose turn it is."""
        behind = bool(self._behind) and (not self._line or self._passed >= TURNS_BEFORE_BACKGROUND)
        self._passed = 0 if behind or not self._behind else self._passed + 1
        return self._behind if behind else self._line

    def finish(self, piece: Piece[T]) -> bool:
        """Count a text of the taken batch as done; True when it was its call's last, which is then closed."""
        state = self._calls.get(piece.call)
        if state is None:
            return False
        state.remaining -= 1
        if state.remaining == 0:
            del self._calls[piece.call]
        return state.remaining == 0

    def _window(self, line: list[Piece[T]]) -> list[Piece[T]]:
        """The first pieces of a line, as many as may become the next few batches."""
        tokens = 0
        for count, piece in enumerate(line, start=1):
            tokens += piece.length
            if tokens >= WINDOW_BUDGETS * self._max_tokens:
                return line[:count]
        return line


def _grow(window: Iterable[Piece[T]], oldest: Piece[T], max_tokens: float) -> list[Piece[T]]:
    """The longest run around `oldest` in `window` sorted by length that keeps the budget and the padding rule.
    Of the two neighbours, the one that adds less padding joins first."""
    by_length = sorted(window, key=lambda piece: piece.length)
    low = high = next(place for place, piece in enumerate(by_length) if piece is oldest)
    real = longest = oldest.length
    while low > 0 or high + 1 < len(by_length):
        shorter = by_length[low - 1].length if low > 0 else None
        longer = by_length[high + 1].length if high + 1 < len(by_length) else None
        goes_down = longer is None or (
            shorter is not None and longest - shorter <= (longer - longest) * (high - low + 1)
        )
        joined = shorter if goes_down else longer
        assert joined is not None  # noqa: S101 - the loop's condition
        top = max(longest, joined)
        padded = top * (high - low + 2)
        if padded > max_tokens or padded - real - joined > max(PADDING_TOKENS, PADDING_SHARE * (real + joined)):
            break
        low, high = (low - 1, high) if goes_down else (low, high + 1)
        real, longest = real + joined, top
    return by_length[low : high + 1]
