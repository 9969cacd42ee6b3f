"""A host at work: one thread listens, the others compute.

The listening thread reads frames, tokenises calls as they come (the tokenizer works outside the GIL) and puts them
in line; the computing threads, as many as the runtime allows and the main thread among them, take batches from the
line and share one model. The listening thread also is what ends the process when the front is gone: at end of file it
exits, however busy the model may be. And it answers the front's pings, so that a busy host is told from a stopped one;
the `rounds` in its answer tell a busy model from one in which any of the threads is stuck.
Tokenising a large call takes longer than the front is patient, so it is done in slices, and between them the thread
says unasked that it lives: a ping may stand behind this call or the next ten.

Every call is answered exactly once, also when it was cancelled, and not before the last batch with a text of it is
over: so the front knows at any moment which texts are in here. What bounds our memory: the front, which lets in
`max_queued_texts` texts, and MAX_QUEUED_TEXTS should it ever fail to; a batch is bounded by its token budget.
"""

from __future__ import annotations

import contextlib
import os
import queue
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from greenroom import frames
from greenroom.frames import AnyMessage, Cancel, Dropped, Encode, Encoded, Failed, Load, Ping, Pong, Stop
from greenroom.host.batcher import Batcher, Piece, QueueFullError
from greenroom.host.link import Link
from greenroom.host.parts import is_out_of_memory, shares_of, slices_of
from greenroom.host.runtime import Runtime, Tokens, UnreadableInputError
from greenroom.words import ErrorCode

MAX_QUEUED_TEXTS = 1 << 17
"""The front holds callers back long before; this bounds what a front gone mad can do."""
SIGN_SECONDS = 1.0
"""So long after the last sign of life the next one is due while calls are tokenised."""
TOKENS_BESIDE = 192
"""A batch of so many tokens is worth computing beside another one. Smaller ones cost more a text (`docs/adr/0008`), and
wait until more have come, or nothing is computed any more."""
_FAILED = "the model failed on this input"


@dataclass(slots=True)
class _Answer:
    """The rows of a call that are there so far."""

    vectors: NDArray[np.float32]
    tokens: list[int]
    truncated: list[int]


class Listener:
    """Takes the front's frames in: the load to do, then calls into the line."""

    def __init__(self, link: Link) -> None:
        self.link = link
        self.loads: queue.SimpleQueue[Load] = queue.SimpleQueue()
        self.service: Service | None = None

    def start(self) -> None:
        threading.Thread(target=self._listen, name="listener", daemon=True).start()

    def _listen(self) -> None:
        try:
            decoder = frames.Decoder()
            while data := self.link.receive():
                for frame in decoder.feed(data):
                    self._handle(frame.message)
        finally:
            os._exit(0)  # the front is gone or makes no sense: whatever the model is doing, nobody wants it

    def _handle(self, message: AnyMessage) -> None:
        match message:
            case Ping() if self.service is None:
                self.link.send(Pong())
            case Ping() if self.service is not None:
                self.service.tell_alive()
            case Load():
                self.loads.put(message)
            case Encode() if self.service is None:
                self.link.send(Failed(message.call, ErrorCode.NOT_READY, "the model is still loading"))
            case Encode() if self.service is not None:
                self.service.accept(message)
            case Cancel() if self.service is not None:
                self.service.cancel(message.call)
            case Stop():
                if self.service is None:
                    os._exit(0)
                self.service.stop()
            case _:
                self.link.log("warning", f"unexpected {type(message).__name__}")


class Service:
    """Answers calls with a runtime that is ready.

    As many threads compute as the runtime allows (`Runtime.workers`), each a batch of its own. Whoever takes a batch
    leaves the idle ones their share of the line. A call may therefore have texts in several batches at a time."""

    def __init__(
        self, link: Link, runtime: Runtime, max_tokens_per_batch: int, tokens_beside: int = TOKENS_BESIDE
    ) -> None:
        self._link = link
        self._runtime = runtime
        self._tokens_beside = tokens_beside
        self._batcher: Batcher[Tokens] = Batcher(max_tokens_per_batch, MAX_QUEUED_TEXTS)
        self._answers: dict[int, _Answer] = {}
        self._stopping = False
        self._changed = threading.RLock()
        self._idle: list[threading.Condition] = []
        """Of the threads that wait for a batch; the last is woken first. The main thread is always the last: alone, it
        computes with all cores, which is quicker for a single caller than any other thread can be (`Runtime.embed`)."""
        self._waking = 0
        """Threads that were woken and have not looked yet."""
        self._taken = 0
        """Batches taken so far, which numbers them; the steps of tokenising count, too: what follows them is late for a
        good reason."""
        self._last_sign = time.monotonic()
        self._computing: dict[int, frozenset[int]] = {}
        """Number of each batch that is being computed → the calls that have a text in it."""
        self._last_words: dict[int, AnyMessage] = {}
        """What to answer to calls that are closed, but still have a text in one of those batches."""

    @property
    def rounds(self) -> int:
        """Rises as long as no thread is stuck: the number of the oldest batch that is being computed."""
        with self._changed:
            return min(self._computing, default=self._taken)

    # on the listening thread

    def accept(self, message: Encode) -> None:
        """Tokenise a call and put it in line, or answer at once why not."""
        arrived = time.monotonic()
        deadline = None if message.deadline_seconds is None else arrived + message.deadline_seconds
        if not message.texts:
            self._link.send(Encoded(message.call, self._runtime.dimension, []))
            return
        try:
            tokens = self._tokenise(message.texts)
            with self._changed:
                pieces = [(len(one.ids), one) for one in tokens]
                self._batcher.submit(message.call, pieces, deadline, message.background)
                self._answers[message.call] = self._blank(len(tokens))
                self._wake_one()
        except QueueFullError as error:
            self._link.send(Failed(message.call, ErrorCode.OVERLOADED, str(error)))
        except Exception as error:
            with self._changed:
                self._batcher.close(message.call)
            self._link.send(self._failure(message.call, error))

    def _tokenise(self, texts: Sequence[str]) -> list[Tokens]:
        tokens: list[Tokens] = []
        for part in slices_of(texts):
            if tokens:
                with self._changed:
                    self._taken += 1
            tokens += self._read(part, len(tokens))
            if time.monotonic() - self._last_sign >= SIGN_SECONDS:
                self.tell_alive()
        return tokens

    def _read(self, part: Sequence[str], before: int) -> list[Tokens]:
        try:
            return self._runtime.tokenise(part)
        except UnreadableInputError as error:
            raise UnreadableInputError(str(error), None if error.index is None else before + error.index) from error

    def tell_alive(self) -> None:
        self._last_sign = time.monotonic()
        self._link.send(Pong(self.rounds))

    def cancel(self, call: int) -> None:
        """Drop what has not started of a call; say so as soon as none of it is computed any more."""
        self._end(call, Dropped(call))

    def stop(self) -> None:
        with self._changed:
            self._stopping = True
            self._wake_all()

    def _blank(self, texts: int) -> _Answer:
        return _Answer(np.empty((texts, self._runtime.dimension), np.float32), [0] * texts, [])

    # on the computing threads, of which the main thread is one

    def serve(self) -> None:
        """Compute batch after batch; return when asked to stop and nothing is left."""
        others = [
            threading.Thread(target=self._work_or_die, name=f"worker {n}") for n in range(1, self._runtime.workers)
        ]
        for thread in others:
            thread.start()
        self._work()
        for thread in others:
            thread.join()

    def _work_or_die(self) -> None:
        """A host with a thread fewer than it should have would be slow for ever: better another host."""
        try:
            self._work()
        except BaseException:
            sys.excepthook(*sys.exc_info())
            os._exit(1)

    def _work(self) -> None:
        turn = threading.Condition(self._changed)
        while (batch := self._next_batch(turn)) is not None:
            number, pieces = batch
            with self._paced(pieces):
                self._compute(pieces)
            self._batch_over(number)

    @contextlib.contextmanager
    def _paced(self, pieces: Sequence[Piece[Tokens]]) -> Iterator[None]:
        """Tell the batcher how long a batch took for which nobody waits. Takes the lock."""
        with self._changed:
            background = self._batcher.is_background(pieces)
        begun = time.monotonic()
        yield
        if background:
            with self._changed:
                self._batcher.took(pieces, time.monotonic() - begun)

    def _next_batch(self, turn: threading.Condition) -> tuple[int, Sequence[Piece[Tokens]]] | None:
        """Wait for a batch and take it; None when asked to stop and nothing is left. `turn`: the thread's own."""
        while True:
            with self._changed:
                words = self._expire()
                if not words and self._is_worth_it() and (pieces := self._batcher.take(self._takers())):
                    return self._begin(pieces), pieces
                if not words and self._stopping and self._batcher.idle:
                    self._wake_all()
                    return None
                if not words:
                    self._idle.insert(len(self._idle) if _on_main_thread() else 0, turn)
                    turn.wait()
                    self._waking -= 1
            self._send(words)

    def _is_worth_it(self) -> bool:
        """Whether another thread should compute now what is in the line."""
        return not self._computing or self._batcher.holds(self._tokens_beside)

    def _takers(self) -> int:
        """Between how many threads the line is to be shared: those that are free, if it is worth it for each."""
        takers = 1 + len(self._idle) + self._waking
        while takers > 1 and not self._batcher.holds(takers * self._tokens_beside):
            takers -= 1
        return takers

    def _wake_one(self) -> None:
        if self._idle and self._is_worth_it():
            self._waking += 1
            self._idle.pop().notify()

    def _wake_all(self) -> None:
        while self._idle:
            self._waking += 1
            self._idle.pop().notify()

    def _begin(self, pieces: Sequence[Piece[Tokens]]) -> int:
        """The lock is held, here and wherever nothing else is said below."""
        number, self._taken = self._taken, self._taken + 1
        self._computing[number] = frozenset(piece.call for piece in pieces)
        if self._batcher.queued:
            self._wake_one()
        return number

    def _batch_over(self, number: int) -> None:
        """Takes the lock."""
        with self._changed:
            calls = self._computing.pop(number)
            over = [call for call in calls if call in self._last_words and not self._is_computed(call)]
            words = [self._last_words.pop(call) for call in over]
        self._send(words)

    def _is_computed(self, call: int) -> bool:
        return any(call in calls for calls in self._computing.values())

    def _expire(self) -> list[AnyMessage]:
        """Close the calls whose deadline has passed; what to tell those of which nothing is computed."""
        late = self._batcher.expire(time.monotonic())
        reason = "the deadline passed before its turn"
        words = (self._close(call, Failed(call, ErrorCode.DEADLINE_EXCEEDED, reason)) for call in late)
        return [word for word in words if word is not None]

    def _close(self, call: int, word: AnyMessage) -> AnyMessage | None:
        """Forget a call that is closed; its last `word` unless a text of it is being computed: then it comes later."""
        self._answers.pop(call, None)
        if not self._is_computed(call):
            return word
        self._last_words[call] = word
        return None

    def _end(self, call: int, word: AnyMessage) -> None:
        """Close a call with this last word, unless it was answered already. Takes the lock."""
        with self._changed:
            told = self._close(call, word) if self._batcher.close(call) else None
        if told is not None:
            self._send([told])

    def _send(self, messages: Sequence[AnyMessage]) -> None:
        """Without the lock: the front may be slow to read."""
        for message in messages:
            self._link.send(message)

    def _compute(self, batch: Sequence[Piece[Tokens]]) -> None:
        """Embed a batch. When that fails, each call's share alone, so that one bad input fails alone; when memory ran
        out over one call's share, or one of its inputs cannot be read, its halves, down to the single text. Takes the
        lock."""
        try:
            vectors = self._embed(batch)
        except Exception as error:
            shares = shares_of(batch, error)
            if len(shares) == 1:
                self._end(batch[0].call, self._failure(batch[0].call, error, batch[0].index))
        else:
            shares = []
            self._link.send_frames(b"".join(self._complete(batch, vectors)))
        if len(shares) > 1:  # outside the handler, whose traceback holds the failed batch's memory
            for share in shares:
                self._compute(share)

    def _embed(self, batch: Sequence[Piece[Tokens]]) -> NDArray[np.float32]:
        vectors = self._runtime.embed([piece.payload for piece in batch], self._is_alone())
        if not np.all(np.isfinite(vectors)):
            raise ArithmeticError("the model answered with numbers that are not finite")
        return vectors

    def _is_alone(self) -> bool:
        """Whether the main thread computes and nobody else does, or will in a moment. Takes the lock."""
        with self._changed:
            others = len(self._computing) - 1 + (self._waking if self._batcher.queued else 0)
            return _on_main_thread() and not others

    def _complete(self, batch: Sequence[Piece[Tokens]], vectors: NDArray[np.float32]) -> Iterator[bytes]:
        """Take a batch's vectors in; a frame for each call that has all its own now. Takes the lock."""
        with self._changed:
            taken = [(piece.call, self._put(piece, vector)) for piece, vector in zip(batch, vectors, strict=True)]
        for call, answer in taken:
            if answer is not None:
                header = Encoded(call, self._runtime.dimension, answer.tokens, sorted(answer.truncated))
                yield frames.encode(header, answer.vectors.data)

    def _put(self, piece: Piece[Tokens], vector: NDArray[np.float32]) -> _Answer | None:
        """Take one vector in; the answer to its call when it was the last one."""
        answer = self._answers.get(piece.call)
        if answer is None or not self._batcher.is_open(piece.call):
            return None
        answer.vectors[piece.index] = vector
        answer.tokens[piece.index] = len(piece.payload.ids)
        if piece.payload.truncated:
            answer.truncated.append(piece.index)
        return self._answers.pop(piece.call) if self._batcher.finish(piece) else None

    def _failure(self, call: int, error: Exception, index: int | None = None) -> Failed:
        """What to tell the caller, and the log: neither gets a library's own words, which may quote the input."""
        if isinstance(error, UnreadableInputError):
            place = index if error.index is None else error.index
            return Failed(call, ErrorCode.INVALID_INPUT, f"input {place}: {error}")
        self._link.log("error", f"a prediction failed: {type(error).__name__}")
        kind = "there is not enough memory for this input" if is_out_of_memory(error) else _FAILED
        return Failed(call, ErrorCode.PREDICTION_FAILED, f"{kind} ({type(error).__name__})")


def _on_main_thread() -> bool:
    return threading.current_thread() is threading.main_thread()
