"""A host's service with a runtime that needs no model: answers, refusals, and one bad input failing alone."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator, Sequence

import pytest

pytest.importorskip("numpy")

import numpy as np
from numpy.typing import NDArray

from greenroom import frames
from greenroom.frames import AnyMessage, Dropped, Encode, Encoded, Failed, Frame, Log, Ping, Pong
from greenroom.host import parts, service
from greenroom.host.link import Link
from greenroom.host.runtime import Tokens, UnreadableInputError
from greenroom.host.service import Listener, Service
from tests.unit.host.fake_runtime import DIMENSION, FakeRuntime, vector_of


class Bench:
    """A service and the front's end of its socket."""

    def __init__(self, runtime: FakeRuntime | None = None, max_tokens_per_batch: int = 64) -> None:
        self._front, self._host = socket.socketpair()
        self._front.settimeout(10)
        self.runtime = runtime or FakeRuntime()
        self.link = Link(self._host)
        self.service = Service(self.link, self.runtime, max_tokens_per_batch)

    def finish(self) -> dict[int, Frame]:
        """Serve what was accepted, stop, and return the answers by call."""
        return self.finish_and(lambda: None)

    def serve(self) -> None:
        """Serve what was accepted, and stop."""
        self.service.stop()
        server = threading.Thread(target=self.service.serve, daemon=True)
        server.start()
        server.join(timeout=10)
        assert not server.is_alive()

    def hang_up(self) -> None:
        self._host.close()

    def finish_and(self, afterwards: Callable[[], None]) -> dict[int, Frame]:
        self.serve()
        afterwards()
        self.hang_up()
        answers: dict[int, Frame] = {}
        for frame in self.sent():
            if isinstance(frame.message, Encoded | Failed | Dropped):
                assert frame.message.call not in answers, "answered twice"
                answers[frame.message.call] = frame
            else:
                assert isinstance(frame.message, Log)
        return answers

    def sent(self) -> Iterator[Frame]:
        decoder = frames.Decoder()
        while data := self._front.recv(65536):
            yield from decoder.feed(data)

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


def test_cancelled_work_is_dropped_and_said_to_be(bench: Bench) -> None:
    bench.service.accept(Encode(1, ["gone"]))
    bench.service.cancel(1)
    bench.service.accept(Encode(2, ["kept"]))
    answers = bench.finish()
    assert isinstance(answers[1].message, Dropped)
    assert isinstance(answers[2].message, Encoded)
    assert bench.runtime.batches == [["kept"]]


def test_a_call_cancelled_while_it_is_computed_is_answered_after_its_batch(bench: Bench) -> None:
    order: list[str] = []
    service, embed = bench.service, bench.runtime.embed

    def cancelled_meanwhile(batch: Sequence[Tokens], alone: bool = True) -> NDArray[np.float32]:
        service.cancel(1)
        order.append("computed")
        return embed(batch)

    send = Link.send

    def noted(link: Link, message: AnyMessage, body: bytes | memoryview = b"") -> None:
        order.append(type(message).__name__)
        send(link, message, body)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(bench.runtime, "embed", cancelled_meanwhile)
        patch.setattr(Link, "send", noted)
        service.accept(Encode(1, ["gone"]))
        answers = bench.finish()
    assert isinstance(answers[1].message, Dropped)
    assert order == ["computed", "Dropped"]


@pytest.mark.parametrize("text", ["boom", "fine"])
def test_cancelling_what_is_answered_says_nothing_more(bench: Bench, text: str) -> None:
    bench.service.accept(Encode(1, [text]))
    answers = bench.finish_and(lambda: bench.service.cancel(1))
    assert list(answers) == [1]


def test_a_text_that_cannot_be_tokenised_is_answered(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(texts: Sequence[str]) -> list[Tokens]:
        raise ValueError(texts)

    monkeypatch.setattr(bench.runtime, "tokenise", broken)
    bench.service.accept(Encode(1, ["text"]))
    assert code_of(bench.finish()[1]) == "prediction-failed"


def test_a_batch_too_large_for_memory_is_halved_until_it_fits(bench: Bench) -> None:
    bench.runtime.room = 2
    bench.service.accept(Encode(1, ["a", "b", "c", "d", "e"]))
    bench.service.accept(Encode(2, ["f"]))
    answers = bench.finish()
    assert all(isinstance(answers[call].message, Encoded) for call in (1, 2))
    assert [len(batch) for batch in bench.runtime.batches] == [6, 5, 2, 3, 1, 2, 1]
    rows = np.frombuffer(answers[1].body, np.float32).reshape(5, DIMENSION)
    np.testing.assert_allclose(rows, [vector_of(text) for text in "abcde"], atol=1e-6)


def test_a_text_too_large_for_memory_fails_its_own_call_in_words(bench: Bench) -> None:
    bench.runtime.room = 0
    bench.service.accept(Encode(1, ["a", "b"]))
    failed = bench.finish()[1].message
    assert isinstance(failed, Failed)
    assert (failed.code, failed.reason) == (
        "prediction-failed",
        "there is not enough memory for this input (MemoryError)",
    )


def test_a_ping_is_answered_while_loading_and_while_the_model_computes(bench: Bench) -> None:
    listener = Listener(bench.link)
    listener._handle(Ping())
    listener.service = bench.service
    bench.service.accept(Encode(1, ["text"]))
    bench.service.accept(Encode(2, ["text"]))
    with pytest.MonkeyPatch.context() as patch:
        embed = bench.runtime.embed

        def pinged(batch: Sequence[Tokens], alone: bool = True) -> NDArray[np.float32]:
            listener._handle(Ping())
            return embed(batch)

        patch.setattr(bench.runtime, "embed", pinged)
        bench.serve()
    listener._handle(Ping())
    bench.hang_up()
    assert [frame.message.rounds for frame in bench.sent() if isinstance(frame.message, Pong)] == [0, 0, 1]


def test_a_call_without_texts_is_answered_with_no_rows(bench: Bench) -> None:
    bench.service.accept(Encode(1, []))
    frame = bench.finish()[1]
    assert isinstance(frame.message, Encoded)
    assert frame.body == b""


class Typist(FakeRuntime):
    """Notes in which parts texts are tokenised, and asks for the rounds meanwhile."""

    def __init__(self) -> None:
        super().__init__()
        self.parts: list[list[str]] = []
        self.rounds: Callable[[], int] = lambda: 0
        self.rounds_seen: list[int] = []

    def tokenise(self, texts: Sequence[str]) -> list[Tokens]:
        self.parts.append(list(texts))
        self.rounds_seen.append(self.rounds())
        return super().tokenise(texts)


def test_a_large_call_is_tokenised_in_parts_with_signs_of_life_between(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parts, "SLICE_CHARACTERS", 10)
    monkeypatch.setattr(service, "SIGN_SECONDS", 0.0)
    bench = Bench(runtime := Typist())
    runtime.rounds = lambda: bench.service.rounds
    texts = ["four", "more", "words", "a text longer than any part", "x", ""]
    bench.service.accept(Encode(1, texts))
    assert runtime.parts == [["four", "more"], ["words"], ["a text longer than any part"], ["x", ""]]
    assert runtime.rounds_seen == [0, 1, 2, 3]
    bench.serve()
    bench.hang_up()
    *signs, answer = (frame.message for frame in bench.sent())
    assert signs == [Pong(0), Pong(1), Pong(2), Pong(3)]
    assert isinstance(answer, Encoded)
    assert len(answer.tokens) == len(texts)
    bench.close()


def test_small_calls_give_no_sign_of_life_but_their_answers(bench: Bench) -> None:
    bench.service.accept(Encode(1, ["a"]))
    bench.service.accept(Encode(2, ["b"]))
    bench.finish()  # which knows answers and log lines only


def test_a_failure_tells_neither_caller_nor_log_the_errors_own_words(bench: Bench) -> None:
    bench.service.accept(Encode(1, ["secret boom"]))
    bench.serve()
    bench.hang_up()
    words = [message.text if isinstance(message := frame.message, Log) else str(message) for frame in bench.sent()]
    assert len(words) == 2
    assert all("RuntimeError" in one and "boom" not in one for one in words)


class Picky(FakeRuntime):
    """Cannot read a text with "blot" when it tokenises, nor one with "smudge" when it computes."""

    def tokenise(self, texts: Sequence[str]) -> list[Tokens]:
        for index, text in enumerate(texts):
            if "blot" in text:
                raise UnreadableInputError("too blurred", index)
        return super().tokenise(texts)

    def embed(self, batch: Sequence[Tokens], alone: bool = True) -> NDArray[np.float32]:
        if any("smudge" in one.text for one in batch):
            raise UnreadableInputError("too blurred")
        return super().embed(batch, alone)


@pytest.mark.parametrize("bad", ["blot", "smudge"])
def test_an_input_that_cannot_be_read_is_named_and_fails_its_own_call_alone(
    bad: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parts, "SLICE_CHARACTERS", 12)
    bench = Bench(Picky())
    bench.service.accept(Encode(1, ["clear", "clear", "clear", bad, "clear"]))
    bench.service.accept(Encode(2, ["clear"]))
    answers = bench.finish()
    bench.close()
    assert answers[1].message == Failed(1, "invalid-input", "input 3: too blurred")
    assert isinstance(answers[2].message, Encoded)
