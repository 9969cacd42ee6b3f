"""A service whose runtime lets two threads compute at a time."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence

import pytest

pytest.importorskip("numpy")

import numpy as np
from numpy.typing import NDArray

from greenroom import frames
from greenroom.frames import AnyMessage, Dropped, Encode, Encoded, Failed
from greenroom.host.link import Link
from greenroom.host.runtime import Tokens
from greenroom.host.service import Service
from tests.unit.host.fake_runtime import DIMENSION, FakeRuntime, vector_of

DEADLINE = 10.0


class HeldRuntime(FakeRuntime):
    """Each batch waits until the test lets it through."""

    def __init__(self, workers: int = 2) -> None:
        super().__init__()
        self.workers = workers
        self.inside = threading.Semaphore(0)
        """Released by each batch that begins."""
        self.alone: list[bool] = []
        self.gates: dict[str, threading.Event] = {}
        """By the first text of a batch; absent: it passes."""

    def embed(self, batch: Sequence[Tokens], alone: bool = True) -> NDArray[np.float32]:
        self.alone.append(alone)
        self.inside.release()
        for one in batch:
            if gate := self.gates.get(one.text):
                assert gate.wait(DEADLINE)
        return super().embed(batch)

    def hold(self, *texts: str) -> list[threading.Event]:
        events = [threading.Event() for _ in texts]
        self.gates |= zip(texts, events, strict=True)
        return events

    def await_batches(self, count: int) -> None:
        for _ in range(count):
            assert self.inside.acquire(timeout=DEADLINE)


class Stage:
    def __init__(self, runtime: HeldRuntime, tokens_beside: int = 1) -> None:
        self._front, host = socket.socketpair()
        self._front.settimeout(DEADLINE)
        self._decoder = frames.Decoder()
        self._arrived: list[frames.Frame] = []
        self.runtime = runtime
        self.service = Service(Link(host), runtime, max_tokens_per_batch=1000, tokens_beside=tokens_beside)
        self._host = host
        self.server = threading.Thread(target=self.service.serve, daemon=True)

    def start(self) -> None:
        """Serve, and wait until every thread waits for work."""
        self.server.start()
        self.await_idle()

    def await_idle(self) -> None:
        self._await(lambda: len(self.service._idle) == self.runtime.workers)

    def answer(self) -> AnyMessage:
        return self.frame().message

    def frame(self) -> frames.Frame:
        while not self._arrived:
            self._arrived += self._decoder.feed(self._front.recv(65536))
        return self._arrived.pop(0)

    def await_round(self, number: int) -> None:
        self._await(lambda: self.service.rounds >= number)

    def _await(self, condition: Callable[[], bool]) -> None:
        until = time.monotonic() + DEADLINE
        while not condition():
            assert time.monotonic() < until
            time.sleep(0.001)

    def silent(self) -> bool:
        """Whether nothing has been answered so far."""
        self._front.setblocking(False)
        try:
            return not self._arrived and not self._front.recv(1, socket.MSG_PEEK)
        except BlockingIOError:
            return True
        finally:
            self._front.settimeout(DEADLINE)

    def close(self) -> None:
        for gate in self.runtime.gates.values():
            gate.set()
        self.service.stop()
        if self.server.ident is not None:
            self.server.join(DEADLINE)
            assert not self.server.is_alive()
        self._front.close()
        self._host.close()


@pytest.fixture
def stage() -> Iterator[Stage]:
    made = Stage(HeldRuntime())
    yield made
    made.close()


def test_two_batches_are_computed_at_a_time(stage: Stage) -> None:
    first, second = stage.runtime.hold("one", "two")
    stage.start()
    stage.service.accept(Encode(1, ["one"]))
    stage.service.accept(Encode(2, ["two"]))
    stage.runtime.await_batches(2)
    second.set()
    assert stage.answer() == Encoded(2, DIMENSION, [3])
    first.set()
    assert stage.answer() == Encoded(1, DIMENSION, [3])


def test_one_large_call_is_shared_between_idle_threads_and_joined_again(stage: Stage) -> None:
    texts = [f"text {number}" for number in range(10)]
    gates = stage.runtime.hold(texts[0], texts[9])
    stage.start()
    stage.service.accept(Encode(1, texts))
    stage.runtime.await_batches(2)
    for gate in gates:
        gate.set()
    rows = np.frombuffer(stage.frame().body, np.float32).reshape(len(texts), DIMENSION)
    np.testing.assert_allclose(rows, [vector_of(text) for text in texts], atol=1e-6)
    assert sorted(map(len, stage.runtime.batches)) == [5, 5]


def test_only_the_main_thread_is_told_that_it_is_alone_and_only_while_it_is() -> None:
    stage = Stage(HeldRuntime())
    told: list[AnyMessage] = []

    def ask() -> None:
        (gate,) = stage.runtime.hold("held")
        stage.await_idle()
        stage.service.accept(Encode(1, ["alone"]))
        told.append(stage.answer())
        stage.await_idle()
        stage.service.accept(Encode(2, ["held"]))
        stage.runtime.await_batches(2)
        stage.service.accept(Encode(3, ["beside"]))
        told.append(stage.answer())
        gate.set()
        told.append(stage.answer())
        stage.service.stop()

    asking = threading.Thread(target=ask)
    asking.start()
    stage.service.serve()  # on the main thread, as in a host
    asking.join(DEADLINE)
    stage.close()
    assert len(told) == 3
    assert stage.runtime.alone == [True, True, False]


def test_a_call_that_is_cancelled_in_two_batches_is_dropped_after_both(stage: Stage) -> None:
    first, second = stage.runtime.hold("text 0", "text 1")
    stage.start()
    stage.service.accept(Encode(1, ["text 0", "text 1"]))
    stage.runtime.await_batches(2)
    stage.service.cancel(1)
    first.set()
    stage.await_round(1)
    assert stage.silent()
    second.set()
    assert stage.answer() == Dropped(1)


def test_a_call_that_fails_in_one_batch_is_answered_after_the_other(stage: Stage) -> None:
    fails, goes_on = stage.runtime.hold("boom 0", "text 1")
    stage.start()
    stage.service.accept(Encode(1, ["boom 0", "text 1"]))
    stage.runtime.await_batches(2)
    fails.set()
    stage.await_round(1)
    assert isinstance(stage.answer(), frames.Log)
    assert stage.silent()
    goes_on.set()
    answer = stage.answer()
    assert isinstance(answer, Failed)
    assert answer.call == 1


def test_a_call_whose_deadline_passes_in_a_batch_is_answered_after_it(stage: Stage) -> None:
    (gate,) = stage.runtime.hold("late")
    stage.start()
    stage.service.accept(Encode(1, ["late"], deadline_seconds=0.05))
    stage.runtime.await_batches(1)
    for call in range(2, 100):  # each wakes the other thread, which looks for what is late
        stage.service.accept(Encode(call, ["text"]))
        assert stage.answer() == Encoded(call, DIMENSION, [4])
    gate.set()
    answer = stage.answer()
    assert (answer.call if isinstance(answer, Failed | Encoded) else None) == 1


def test_a_stuck_thread_is_seen_though_the_other_one_goes_on(stage: Stage) -> None:
    stage.runtime.hold("stuck")
    stage.start()
    stage.service.accept(Encode(1, ["stuck"]))
    stage.runtime.await_batches(1)
    for call in range(2, 10):
        stage.service.accept(Encode(call, ["text"]))
        assert stage.answer() == Encoded(call, DIMENSION, [4])
    assert stage.service.rounds == 0


def test_a_stop_waits_for_every_thread(stage: Stage) -> None:
    first, second = stage.runtime.hold("one", "two")
    stage.start()
    stage.service.accept(Encode(1, ["one"]))
    stage.service.accept(Encode(2, ["two"]))
    stage.runtime.await_batches(2)
    stage.service.stop()
    first.set()
    assert stage.answer() == Encoded(1, DIMENSION, [3])
    assert stage.server.is_alive()
    second.set()
    assert stage.answer() == Encoded(2, DIMENSION, [3])
    stage.server.join(DEADLINE)
    assert not stage.server.is_alive()


def test_little_work_waits_for_the_batch_before_it_and_then_goes_together() -> None:
    stage = Stage(HeldRuntime(), tokens_beside=10)
    (gate,) = stage.runtime.hold("first")
    stage.start()
    stage.service.accept(Encode(1, ["first"]))
    stage.runtime.await_batches(1)
    stage.service.accept(Encode(2, ["four"]))
    stage.service.accept(Encode(3, ["five"]))
    gate.set()
    answered = {answer.call for answer in (stage.answer() for _ in range(3)) if isinstance(answer, Encoded)}
    stage.close()
    assert answered == {1, 2, 3}
    assert [len(batch) for batch in stage.runtime.batches] == [1, 2]


def test_work_that_has_become_enough_does_not_wait() -> None:
    stage = Stage(HeldRuntime(), tokens_beside=10)
    (gate,) = stage.runtime.hold("first")
    stage.start()
    stage.service.accept(Encode(1, ["first"]))
    stage.runtime.await_batches(1)
    for call in range(2, 5):
        stage.service.accept(Encode(call, ["four"]))
    stage.runtime.await_batches(1)
    assert {answer.call for answer in (stage.answer() for _ in range(3)) if isinstance(answer, Encoded)} == {2, 3, 4}
    gate.set()
    assert stage.answer() == Encoded(1, DIMENSION, [5])
    stage.close()
