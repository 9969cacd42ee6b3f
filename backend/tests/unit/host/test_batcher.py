"""The batching policy: nothing is lost, nobody starves, the budget holds."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from greenroom.host.batcher import (
    BACKGROUND_SECONDS,
    PADDING_SHARE,
    PADDING_TOKENS,
    TURNS_BEFORE_BACKGROUND,
    Batcher,
    Piece,
    QueueFullError,
)  # fmt: skip

LENGTHS = st.lists(st.integers(1, 300), min_size=1, max_size=40)


def batcher(max_tokens: int = 512, max_queued: int = 10_000) -> Batcher[None]:
    return Batcher(max_tokens, max_queued)


def submit(line: Batcher[None], call: int, *lengths: int, deadline: float | None = None) -> None:
    line.submit(call, [(length, None) for length in lengths], deadline)


def take_all(line: Batcher[None]) -> list[list[Piece[None]]]:
    batches = []
    while batch := line.take():
        batches.append(batch)
    return batches


@given(st.lists(LENGTHS, min_size=1, max_size=8))
def test_every_text_is_taken_exactly_once(calls: list[list[int]]) -> None:
    line = batcher()
    for call, lengths in enumerate(calls):
        submit(line, call, *lengths)
    taken = [(piece.call, piece.index) for batch in take_all(line) for piece in batch]
    assert sorted(taken) == [(call, index) for call, lengths in enumerate(calls) for index in range(len(lengths))]


@given(LENGTHS)
def test_a_batch_keeps_the_budget_padding_included_unless_it_is_one_long_text(lengths: list[int]) -> None:
    line = batcher(max_tokens=256)
    submit(line, 1, *lengths)
    for batch in take_all(line):
        assert len(batch) == 1 or len(batch) * max(piece.length for piece in batch) <= 256


@given(LENGTHS)
def test_little_of_a_batch_is_padding(lengths: list[int]) -> None:
    line = batcher(max_tokens=4096)
    submit(line, 1, *lengths)
    for batch in take_all(line):
        real = sum(piece.length for piece in batch)
        padding = len(batch) * max(piece.length for piece in batch) - real
        assert padding <= max(PADDING_TOKENS, PADDING_SHARE * real)


@given(st.lists(LENGTHS, min_size=1, max_size=8))
def test_the_oldest_text_is_always_in_the_next_batch(calls: list[list[int]]) -> None:
    line = batcher()
    waiting: list[tuple[int, int]] = []
    for call, lengths in enumerate(calls):
        submit(line, call, *lengths)
        waiting += [(call, index) for index in range(len(lengths))]
    while batch := line.take():
        taken = {(piece.call, piece.index) for piece in batch}
        assert waiting[0] in taken
        waiting = [one for one in waiting if one not in taken]


def test_short_texts_of_many_callers_share_one_batch() -> None:
    line = batcher(max_tokens=4096)
    for call in range(32):
        submit(line, call, 9 + call % 4)
    assert len(line.take()) == 32


def test_a_large_call_leaves_room_between_its_batches_for_a_small_one() -> None:
    line = batcher(max_tokens=100)
    submit(line, 1, *[10] * 30)
    submit(line, 2, 10)
    assert [2 in {piece.call for piece in batch} for batch in take_all(line)].index(True) <= 3


def test_a_call_is_done_with_its_last_text_and_not_before() -> None:
    line = batcher()
    submit(line, 1, 5, 5, 5)
    assert [line.finish(piece) for piece in line.take()] == [False, False, True]
    assert line.idle


def test_a_cancelled_call_leaves_the_line_and_its_running_text_counts_for_nothing() -> None:
    line = batcher(max_tokens=5)
    submit(line, 1, 5, 5)
    [running] = line.take()
    assert line.close(1)
    assert line.queued == 0
    assert not line.finish(running)
    assert not line.close(1)


def test_calls_past_their_deadline_are_closed_and_named() -> None:
    line = batcher()
    submit(line, 1, 5, deadline=10.0)
    submit(line, 2, 5, deadline=20.0)
    submit(line, 3, 5)
    assert line.expire(now=10.0) == [1]
    assert {piece.call for piece in line.take()} == {2, 3}


def test_a_call_that_does_not_fit_is_refused_whole() -> None:
    line = batcher(max_queued=3)
    submit(line, 1, 5, 5)
    with pytest.raises(QueueFullError):
        submit(line, 2, 5, 5)
    assert line.queued == 2
    assert not line.is_open(2)


def test_a_call_number_in_use_and_a_call_without_texts_are_refused() -> None:
    line = batcher()
    submit(line, 1, 5)
    with pytest.raises(ValueError, match="open already"):
        submit(line, 1, 5)
    with pytest.raises(ValueError, match="no texts"):
        submit(line, 2)


# calls for which nobody waits


def behind(line: Batcher[None], call: int, *lengths: int) -> None:
    line.submit(call, [(length, None) for length in lengths], None, background=True)


def test_a_call_for_which_nobody_waits_goes_when_the_line_is_empty_however_early_it_came() -> None:
    line = batcher()
    behind(line, 1, 10, 10)
    submit(line, 2, 10)
    assert [piece.call for piece in line.take()] == [2]
    assert [piece.call for piece in line.take()] == [1, 1]


@given(st.lists(st.tuples(st.booleans(), LENGTHS), min_size=1, max_size=8))
def test_both_lines_are_taken_to_the_end_and_never_in_one_batch(calls: list[tuple[bool, list[int]]]) -> None:
    line = batcher()
    for call, (background, lengths) in enumerate(calls):
        (behind if background else submit)(line, call, *lengths)
    assert line.queued == sum(len(lengths) for _, lengths in calls)
    batches = take_all(line)
    assert all(len({calls[piece.call][0] for piece in batch}) == 1 for batch in batches)
    assert sum(map(len, batches)) == sum(len(lengths) for _, lengths in calls)


def test_it_has_a_turn_even_if_others_never_cease_to_come() -> None:
    line = batcher()
    behind(line, 0, 10, 10)
    taken = []
    for call in range(1, 2 * TURNS_BEFORE_BACKGROUND):
        submit(line, call, 10)
        taken.append(line.take()[0].call)
    assert taken.index(0) == TURNS_BEFORE_BACKGROUND
    assert taken.count(0) == 1


def test_a_batch_for_which_nobody_waits_is_made_as_large_as_lasts_a_moment() -> None:
    line = batcher(max_tokens=4096)
    behind(line, 1, *[16] * 9000)
    submit(line, 2, 16)
    assert not line.is_background(line.take())
    sizes = []
    for seconds_each in (0.001, 0.0001):  # a slow machine, then a quick one
        for _ in range(12):
            batch = line.take()
            assert line.is_background(batch)
            line.took(batch, len(batch) * seconds_each)
        sizes.append(len(batch))
    assert sizes == [pytest.approx(BACKGROUND_SECONDS / 0.001, abs=1), 4096 / 16]


def test_a_closed_call_leaves_the_line_behind_too() -> None:
    line = batcher()
    behind(line, 1, 10)
    assert line.close(1)
    assert (line.queued, line.take()) == (0, [])
