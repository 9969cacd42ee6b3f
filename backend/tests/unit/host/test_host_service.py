"""A host's service with a runtime that needs no model: answers, refusals, and one bad input failing alone."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator

import pytest

pytest.importorskip("numpy")

import numpy as np

from greenroom import frames
from greenroom.frames import Encode, Encoded, Failed, Frame, Log
from greenroom.host.service import Link, Service
from tests.unit.host.fake_runtime import DIMENSION, FakeRuntime, vector_of


class Bench:
    """A service and the front's end of its socket."""

    def __init__(self, max_tokens_per_batch: int = 64) -> None:
        self._front, self._host = socket.socketpair()
        self._front.settimeout(10)
        self.runtime = FakeRuntime()
        self.service = Service(Link(self._host), self.runtime, max_tokens_per_batch)

    def finish(self) -> dict[int, Frame]:
        """Serve what was accepted, stop, and return the answers by call."""
        self.service.stop()
        server = threading.Thread(target=self.service.serve, daemon=True)
        server.start()
        server.join(timeout=10)
        assert not server.is_alive()
        self._host.close()
        decoder, answers = frames.Decoder(), {}
        while data := self._front.recv(65536):
            for frame in decoder.feed(data):
                if isinstance(frame.message, Encoded | Failed):
                    answers[frame.message.call] = frame
                else:
                    assert isinstance(frame.message, Log)
        return answers

    def close(self) -> None:
        self._front.close()
        self._host.close()


@pytest.fixture
def bench() -> Iterator[Bench]:
    made = Bench()
    yield made
    made.close()


def code_of(frame: Frame) -> str:
    assert isinstance(frame.message, Failed)
    return frame.message.code


def test_rows_come_in_the_order_asked_though_batches_are_sorted_by_length(bench: Bench) -> None:
    texts = ["a long text", "b", "of middle", "c" * 15, "d", ""]
    bench.service.accept(Encode(1, texts))
    frame = bench.finish()[1]
    rows = np.frombuffer(frame.body, np.float32).reshape(len(texts), DIMENSION)
    np.testing.assert_allclose(rows, [vector_of(text) for text in texts], atol=1e-6)


def test_one_call_over_several_batches_is_joined_again() -> None:
    bench = Bench(max_tokens_per_batch=8)
    bench.service.accept(Encode(1, [f"text {number}" for number in range(10)]))
    answer = bench.finish()[1].message
    bench.close()
    assert len(bench.runtime.batches) == 10
    assert isinstance(answer, Encoded)
    assert answer.tokens == [6] * 10


def test_texts_beyond_the_window_are_named(bench: Bench) -> None:
    bench.service.accept(Encode(1, ["x" * 17, "short", "y" * 40]))
    answer = bench.finish()[1].message
    assert isinstance(answer, Encoded)
    assert answer.truncated == [0, 2]
    assert answer.tokens == [16, 5, 16]


@pytest.mark.parametrize("bad", ["boom", "nan"])
def test_one_bad_input_fails_alone(bench: Bench, bad: str) -> None:
    for call, text in enumerate(["fine", bad, "good"]):
        bench.service.accept(Encode(call, [text]))
    answers = bench.finish()
    assert len(bench.runtime.batches[0]) == 3
    assert code_of(answers[1]) == "prediction-failed"
    assert isinstance(answers[0].message, Encoded)
    assert isinstance(answers[2].message, Encoded)


def test_work_past_its_deadline_is_answered_and_not_done(bench: Bench) -> None:
    bench.service.accept(Encode(1, ["late"], deadline_seconds=0.0))
    bench.service.accept(Encode(2, ["in time"], deadline_seconds=60.0))
    answers = bench.finish()
    assert code_of(answers[1]) == "deadline-exceeded"
    assert bench.runtime.batches == [["in time"]]


def test_cancelled_work_is_dropped_without_an_answer(bench: Bench) -> None:
    bench.service.accept(Encode(1, ["gone"]))
    bench.service.cancel(1)
    bench.service.accept(Encode(2, ["kept"]))
    assert set(bench.finish()) == {2}
    assert bench.runtime.batches == [["kept"]]


def test_a_call_without_texts_is_answered_with_no_rows(bench: Bench) -> None:
    bench.service.accept(Encode(1, []))
    frame = bench.finish()[1]
    assert isinstance(frame.message, Encoded)
    assert frame.body == b""
