"""A host at work: one thread listens, one computes.

The listening thread reads frames, tokenises calls as they come (the tokenizer works outside the GIL) and puts them
in line; the main thread owns the model and takes batches from the line. The listening thread also is what ends the
process when the front is gone: at end of file it exits, however busy the model may be. And it answers the front's
pings, so that a busy host is told from a stopped one; the `rounds` in its answer tell a busy model from a stuck one.

Every call is answered exactly once, also when it was cancelled, and not before the last batch with a text of it is
over: so the front knows at any moment which texts are in here. What bounds our memory: the front, which lets in
`max_queued_texts` texts, and MAX_QUEUED_TEXTS should it ever fail to; a batch is bounded by its token budget.
"""

from __future__ import annotations

import contextlib
import os
import queue
import socket
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from greenroom import frames
from greenroom.frames import AnyMessage, Cancel, Dropped, Encode, Encoded, Failed, Load, Log, Ping, Pong, Stop
from greenroom.host.batcher import Batcher, Piece, QueueFullError
from greenroom.host.runtime import Runtime, Tokens
from greenroom.words import ErrorCode

MAX_QUEUED_TEXTS = 1 << 17
"""The front holds callers back long before; this bounds what a front gone mad can do."""
_RECEIVE_BYTES = 256 * 1024
_FAILED = "the model failed on this input"


class Link:
    """The socket to the front, written to from any thread."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._lock = threading.Lock()

    def send(self, message: AnyMessage, body: bytes | memoryview = b"") -> None:
        self.send_frames(frames.encode(message, body))

    def send_frames(self, data: bytes) -> None:
        """Send frames that are encoded already: several in one write wake the front once."""
        with self._lock, contextlib.suppress(BrokenPipeError, ConnectionResetError):  # the listener sees the end
            self._connection.sendall(data)

    def log(self, level: str, text: str) -> None:
        self.send(Log(level, text))

    def receive(self) -> bytes:
        """What has arrived; empty at the end."""
        try:
            return self._connection.recv(_RECEIVE_BYTES)
        except ConnectionResetError:
            return b""


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
            case Ping():
                self.link.send(Pong(0 if self.service is None else self.service.rounds))
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
    """Answers calls with a runtime that is ready."""

    def __init__(self, link: Link, runtime: Runtime, max_tokens_per_batch: int) -> None:
        self._link = link
        self._runtime = runtime
        self._batcher: Batcher[Tokens] = Batcher(max_tokens_per_batch, MAX_QUEUED_TEXTS)
        self._answers: dict[int, _Answer] = {}
        self._stopping = False
        self._changed = threading.Condition()
        self._computing: set[int] = set()
        """Calls with a text in the batch that the model has now."""
        self._left: list[int] = []
        """Those of them whose callers left: to be answered after the batch."""
        self.rounds = 0
        """Batches that the model is through with."""

    # on the listening thread

    def accept(self, message: Encode) -> None:
        """Tokenise a call and put it in line, or answer at once why not."""
        arrived = time.monotonic()
        deadline = None if message.deadline_seconds is None else arrived + message.deadline_seconds
        if not message.texts:
            self._link.send(Encoded(message.call, self._runtime.dimension, []))
            return
        try:
            tokens = self._runtime.tokenise(message.texts)
            with self._changed:
                self._batcher.submit(message.call, [(len(one.ids), one) for one in tokens], deadline)
                self._answers[message.call] = self._blank(len(tokens))
                self._changed.notify()
        except QueueFullError as error:
            self._link.send(Failed(message.call, ErrorCode.OVERLOADED, str(error)))
        except Exception as error:
            self._close(message.call)
            self._tell_failed(message.call, error)

    def cancel(self, call: int) -> None:
        """Drop what has not started of a call; say so as soon as none of it is computed any more."""
        if not self._close(call):
            return
        with self._changed:
            if call in self._computing:
                self._left.append(call)
                return
        self._link.send(Dropped(call))

    def stop(self) -> None:
        with self._changed:
            self._stopping = True
            self._changed.notify()

    def _close(self, call: int) -> bool:
        """Forget an open call; False when it was not open, which means that it was answered."""
        with self._changed:
            self._answers.pop(call, None)
            return self._batcher.close(call)

    def _blank(self, texts: int) -> _Answer:
        return _Answer(np.empty((texts, self._runtime.dimension), np.float32), [0] * texts, [])

    # on the main thread

    def serve(self) -> None:
        """Compute batch after batch; return when asked to stop and nothing is left."""
        while True:
            with self._changed:
                while not (late := self._expire()) and not (batch := self._batcher.take()):
                    if self._stopping and self._batcher.idle:
                        return
                    self._changed.wait()
                self._computing = set() if late else {piece.call for piece in batch}
            for call in late:
                self._link.send(Failed(call, ErrorCode.DEADLINE_EXCEEDED, "the deadline passed before its turn"))
            if not late:
                self._compute(batch)
                self._round_over()

    def _round_over(self) -> None:
        with self._changed:
            self.rounds += 1
            self._computing.clear()
            left, self._left = self._left, []
        for call in left:
            self._link.send(Dropped(call))

    def _expire(self) -> list[int]:
        late = self._batcher.expire(time.monotonic())
        for call in late:
            self._answers.pop(call, None)
        return late

    def _compute(self, batch: Sequence[Piece[Tokens]]) -> None:
        """Embed a batch. When that fails, each call's share alone, so that one bad input fails alone; when memory ran
        out over one call's share, its halves, down to the single text."""
        try:
            vectors = self._embed(batch)
        except Exception as error:
            shares = _shares(batch, error)
            if len(shares) == 1:
                self._fail(batch[0].call, error)
        else:
            shares = []
            self._link.send_frames(b"".join(self._complete(batch, vectors)))
        if len(shares) > 1:  # outside the handler, whose traceback holds the failed batch's memory
            for share in shares:
                self._compute(share)

    def _embed(self, batch: Sequence[Piece[Tokens]]) -> NDArray[np.float32]:
        vectors = self._runtime.embed([piece.payload for piece in batch])
        if not np.all(np.isfinite(vectors)):
            raise ArithmeticError("the model answered with numbers that are not finite")
        return vectors

    def _complete(self, batch: Sequence[Piece[Tokens]], vectors: NDArray[np.float32]) -> Iterator[bytes]:
        """Take a batch's vectors in; a frame for each call that has all its own now."""
        with self._changed:
            taken = [(piece.call, self._put(piece, vector)) for piece, vector in zip(batch, vectors, strict=True)]
        for call, answer in taken:
            if answer is not None:
                header = Encoded(call, self._runtime.dimension, answer.tokens, sorted(answer.truncated))
                yield frames.encode(header, answer.vectors.data)

    def _put(self, piece: Piece[Tokens], vector: NDArray[np.float32]) -> _Answer | None:
        """Take one vector in; the answer to its call when it was the last one. The lock is held."""
        answer = self._answers.get(piece.call)
        if answer is None or not self._batcher.is_open(piece.call):
            return None
        answer.vectors[piece.index] = vector
        answer.tokens[piece.index] = len(piece.payload.ids)
        if piece.payload.truncated:
            answer.truncated.append(piece.index)
        return self._answers.pop(piece.call) if self._batcher.finish(piece) else None

    def _fail(self, call: int, error: Exception) -> None:
        if self._close(call):
            self._tell_failed(call, error)

    def _tell_failed(self, call: int, error: Exception) -> None:
        self._link.log("error", f"a prediction failed: {type(error).__name__}: {error}")
        kind = "there is not enough memory for this input" if _is_out_of_memory(error) else _FAILED
        self._link.send(Failed(call, ErrorCode.PREDICTION_FAILED, f"{kind} ({type(error).__name__})"))


def _shares(batch: Sequence[Piece[Tokens]], error: Exception) -> list[Sequence[Piece[Tokens]]]:
    """What to try one after another instead of a batch that failed; one share: there is nothing else to try."""
    calls = dict.fromkeys(piece.call for piece in batch)
    if len(calls) > 1:
        return [[piece for piece in batch if piece.call == call] for call in calls]
    if _is_out_of_memory(error) and len(batch) > 1:
        middle = len(batch) // 2
        return [batch[:middle], batch[middle:]]
    return [batch]


def _is_out_of_memory(error: Exception) -> bool:
    """Python's own, torch.OutOfMemoryError on a GPU, and the RuntimeError of torch's allocator on the CPU."""
    return (
        isinstance(error, MemoryError)
        or type(error).__name__ == "OutOfMemoryError"
        or (isinstance(error, RuntimeError) and "can't allocate memory" in str(error))
    )
