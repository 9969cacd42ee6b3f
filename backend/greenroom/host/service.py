"""A host at work: one thread listens, one computes.

The listening thread reads frames, tokenises calls as they come (the tokenizer works outside the GIL) and puts them
in line; the main thread owns the model and takes batches from the line. The listening thread also is what ends the
process when the front is gone: at end of file it exits, however busy the model may be.
"""

from __future__ import annotations

import contextlib
import os
import queue
import socket
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from greenroom import frames
from greenroom.frames import AnyMessage, Cancel, Encode, Encoded, Failed, Load, Log, Stop
from greenroom.host.batcher import Batcher, Piece, QueueFullError
from greenroom.host.runtime import Runtime, Tokens
from greenroom.words import ErrorCode

MAX_QUEUED_TEXTS = 1 << 17
"""The front holds callers back long before; this bounds what a front gone mad can do."""
_RECEIVE_BYTES = 256 * 1024


class Link:
    """The socket to the front, written to from any thread."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._lock = threading.Lock()

    def send(self, message: AnyMessage, body: bytes | memoryview = b"") -> None:
        data = frames.encode(message, body)
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
            self._fail(message.call, error)

    def cancel(self, call: int) -> None:
        with self._changed:
            self._batcher.close(call)
            self._answers.pop(call, None)

    def stop(self) -> None:
        with self._changed:
            self._stopping = True
            self._changed.notify()

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
            for call in late:
                self._link.send(Failed(call, ErrorCode.DEADLINE_EXCEEDED, "the deadline passed before its turn"))
            if not late:
                self._compute(batch)

    def _expire(self) -> list[int]:
        late = self._batcher.expire(time.monotonic())
        for call in late:
            self._answers.pop(call, None)
        return late

    def _compute(self, batch: Sequence[Piece[Tokens]]) -> None:
        """Embed a batch; when that fails, each call's share alone, so that one bad input fails alone."""
        try:
            vectors = self._embed(batch)
        except Exception as error:
            calls = dict.fromkeys(piece.call for piece in batch)
            if len(calls) == 1:
                self._fail(batch[0].call, error)
                return
            for call in calls:
                self._compute([piece for piece in batch if piece.call == call])
            return
        for piece, vector in zip(batch, vectors, strict=True):
            self._put(piece, vector)

    def _embed(self, batch: Sequence[Piece[Tokens]]) -> NDArray[np.float32]:
        vectors = self._runtime.embed([piece.payload for piece in batch])
        if not np.all(np.isfinite(vectors)):
            raise ArithmeticError("the model answered with numbers that are not finite")
        return vectors

    def _put(self, piece: Piece[Tokens], vector: NDArray[np.float32]) -> None:
        with self._changed:
            answer = self._answers.get(piece.call)
            if answer is None or not self._batcher.is_open(piece.call):
                return
            answer.vectors[piece.index] = vector
            answer.tokens[piece.index] = len(piece.payload.ids)
            if piece.payload.truncated:
                answer.truncated.append(piece.index)
            complete = self._batcher.finish(piece)
            if complete:
                del self._answers[piece.call]
        if complete:
            header = Encoded(piece.call, self._runtime.dimension, answer.tokens, sorted(answer.truncated))
            self._link.send(header, answer.vectors.data)

    def _fail(self, call: int, error: Exception) -> None:
        self.cancel(call)
        self._link.log("error", f"a prediction failed: {type(error).__name__}: {error}")
        self._link.send(
            Failed(call, ErrorCode.PREDICTION_FAILED, f"the model failed on this input ({type(error).__name__})")
        )
