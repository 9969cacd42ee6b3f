"""Which texts are suspects, and which are refused."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from greenroom.serving.suspects import Key, Suspects, key_of

A, B, C = b"a", b"b", b"c"


def suspects(max_suspects: int = 100, max_refused: int = 100) -> Suspects:
    return Suspects(max_suspects, max_refused)


def guilty(record: Suspects, key: Key) -> None:
    """Let `key` end two hosts."""
    record.died([key])
    record.died([key])
    assert key.hex() in record.refused


def test_one_death_makes_suspects_and_refuses_nobody() -> None:
    record = suspects()
    assert record.died([A, B]) is None
    assert (record.is_suspect(A), record.is_suspect(B), record.refused) == (True, True, ())


def test_a_text_alone_at_its_first_death_is_a_suspect_only() -> None:
    record = suspects()
    record.died([A])
    assert record.is_suspect(A)
    assert record.refused_among([A]) == []


def test_a_suspect_that_dies_alone_is_refused_and_found_in_any_call() -> None:
    record = suspects()
    record.died([A, B])
    assert record.died([A, A]) == A.hex()
    assert record.refused_among([B, A, C, A]) == [1, 3]
    assert record.is_suspect(B)
    assert not record.is_suspect(A)


def test_a_suspect_that_dies_in_company_is_not_refused() -> None:
    record = suspects()
    record.died([A, B])
    assert record.died([A, B]) is None
    assert record.died([A, C]) is None


def test_who_is_answered_is_cleared_and_starts_anew() -> None:
    record = suspects()
    record.died([A])
    record.cleared(A)
    assert not record
    assert record.died([A]) is None


def test_forgiving_forgets_everything_and_says_how_much() -> None:
    record = suspects()
    guilty(record, A)
    record.died([B])
    assert record.forgive() == 1
    assert not record
    assert record.refused_among([A]) == []


def test_the_oldest_leave_when_there_is_no_more_room() -> None:
    record = suspects(max_suspects=2, max_refused=2)
    record.died([A, B, C])
    assert [record.is_suspect(key) for key in (A, B, C)] == [False, True, True]
    for key in (A, B, C):
        guilty(record, key)
    assert record.refused == (B.hex(), C.hex())


def test_a_refused_text_that_is_still_asked_for_is_kept_longest() -> None:
    record = suspects(max_refused=2)
    guilty(record, A)
    guilty(record, B)
    record.refused_among([A])
    guilty(record, C)
    assert record.refused_among([A, B, C]) == [0, 2]


def test_a_text_is_known_by_its_version_and_every_character() -> None:
    keys = {
        key_of("1", "x"),
        key_of("2", "x"),
        key_of("1", "x "),
        key_of("1", ""),
        key_of("1", "\ud800"),
        key_of("", "1x"),
    }
    assert len(keys) == 6
    assert all(len(key) == 32 for key in keys)


POISON = frozenset({0, 1})
CALLS = st.lists(st.lists(st.integers(0, 12), min_size=1, max_size=6), min_size=1, max_size=40)


@given(CALLS)
def test_no_innocent_is_refused_and_no_poison_kills_more_than_twice(calls: list[list[int]]) -> None:
    """A world in which texts 0 and 1 kill: suspects go alone, the rest of each call in one company."""
    record = suspects()
    deaths = dict.fromkeys(POISON, 0)

    def give(*texts: int) -> bool:
        killers = POISON.intersection(texts)
        for killer in killers:
            deaths[killer] += 1
        if killers:
            record.died([bytes([text]) for text in texts])
        else:
            for text in texts:
                record.cleared(bytes([text]))
        return not killers

    for call in calls:
        while not record.refused_among(keys := [bytes([text]) for text in call]):
            alone = [text for text, key in zip(call, keys, strict=True) if record.is_suspect(key)]
            if all(give(text) for text in alone) and give(*(set(call) - set(alone) or {alone[0]})):
                break
    assert {int(key, 16) for key in record.refused} <= POISON
    assert all(count <= 2 for count in deaths.values())
