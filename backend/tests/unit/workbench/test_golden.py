from __future__ import annotations

import asyncio
import json
import math
import re
from array import array
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.workbench.made_golden import FakeEmbedder, pair
from workbench.golden import (
    MAX_PAIRS,
    MAX_VERSIONS_KEPT,
    PAIRS_FILE,
    Closest,
    GoldenPair,
    GoldenPairs,
    cosine,
    load_pairs,
    rank,
    rows,
)

HALF = math.sqrt(0.5)
PAIRS = (pair("a"), pair("b"), pair("c"))
VECTORS = {"request a": (1.0, 0.0), "request b": (0.0, 1.0), "request c": (-1.0, 0.0), "new": (HALF, HALF)}

angles = st.floats(0, 2 * math.pi)


def row(*numbers: float) -> memoryview[float]:
    return rows(array("f", numbers).tobytes(), len(numbers))[0]


def ids(closest: Closest) -> list[str]:
    return [match.pair.id for match in closest.matches]


def test_rows_are_cut_in_c_order() -> None:
    data = array("f", [1, 2, 3, 4, 5, 6]).tobytes()
    assert [list(r) for r in rows(data, 3)] == [[1, 2, 3], [4, 5, 6]]


@given(angles, angles)
def test_cosine_of_unit_rows_is_the_cosine_of_their_angle(a: float, b: float) -> None:
    measured = cosine(row(math.cos(a), math.sin(a)), row(math.cos(b), math.sin(b)))
    assert -1 <= measured <= 1
    assert measured == pytest.approx(math.cos(a - b), abs=1e-6)


@given(st.lists(angles, min_size=1, max_size=12), angles, st.integers(1, 15))
def test_matches_come_best_first_and_at_most_k(pair_angles: list[float], asked: float, k: int) -> None:
    pairs = [pair(f"{index:02}") for index in range(len(pair_angles))]
    vectors = [row(math.cos(a), math.sin(a)) for a in pair_angles]
    matches = rank(pairs, vectors, row(math.cos(asked), math.sin(asked)), k)
    keys = [(-match.score, match.pair.id) for match in matches]
    assert keys == sorted(keys)
    assert len(matches) == min(k, len(pairs))
    rest = {p.id for p in pairs} - {match.pair.id for match in matches}
    scores = {match.pair.id: match.score for match in rank(pairs, vectors, row(math.cos(asked), math.sin(asked)), 99)}
    assert all(scores[name] <= matches[-1].score for name in rest)


def test_ties_are_broken_by_id_whatever_the_order_of_the_file() -> None:
    for pairs in ([pair("b"), pair("a"), pair("c")], [pair("c"), pair("b"), pair("a")]):
        matches = rank(pairs, [row(1.0, 0.0)] * 3, row(1.0, 0.0), 3)
        assert [match.pair.id for match in matches] == ["a", "b", "c"]


def test_a_row_for_each_pair_is_required() -> None:
    with pytest.raises(ValueError, match="shorter"):
        rank(PAIRS, [row(1.0)], row(1.0), 1)


def test_the_closest_pairs_are_found_and_the_version_is_told() -> None:
    embedder = FakeEmbedder({**VECTORS, "new": (0.6, 0.8)})
    closest = asyncio.run(GoldenPairs(PAIRS, "minilm").closest(embedder, "new", 2))
    assert [(match.pair.id, match.score) for match in closest.matches] == [("b", 0.8), ("a", 0.6)]
    assert (closest.version, closest.truncated, closest.max_tokens) == ("aaaa1111", False, 256)


def test_a_text_that_was_cut_is_said_to_be_cut() -> None:
    embedder = FakeEmbedder(VECTORS)
    embedder.truncated = (0,)
    assert asyncio.run(GoldenPairs(PAIRS, "minilm").closest(embedder, "new", 1)).truncated


def test_a_pair_that_was_cut_does_not_mark_the_text() -> None:
    embedder = FakeEmbedder(VECTORS)
    embedder.truncated = (1,)
    assert not asyncio.run(GoldenPairs(PAIRS, "minilm").closest(embedder, "new", 1)).truncated


def test_pairs_are_embedded_once_per_version_in_one_call() -> None:
    async def scenario() -> list[list[str]]:
        embedder, golden = FakeEmbedder(VECTORS), GoldenPairs(PAIRS, "minilm")
        for _ in range(3):
            await golden.closest(embedder, "new", 1)
        return embedder.calls

    assert asyncio.run(scenario()) == [["new"], [p.request for p in PAIRS], ["new"], ["new"]]


def test_many_callers_share_one_embedding_of_the_pairs() -> None:
    async def scenario() -> int:
        embedder, golden = FakeEmbedder(VECTORS), GoldenPairs(PAIRS, "minilm")
        await asyncio.gather(*(golden.closest(embedder, "new", 1) for _ in range(20)))
        return sum(len(texts) > 1 for texts in embedder.calls)

    assert asyncio.run(scenario()) == 1


def test_a_caller_who_leaves_takes_nobody_else_along() -> None:
    async def scenario() -> tuple[Closest, int]:
        embedder, golden = FakeEmbedder(VECTORS), GoldenPairs(PAIRS, "minilm")
        embedder.gate.clear()
        first = asyncio.create_task(golden.closest(embedder, "new", 1))
        second = asyncio.create_task(golden.closest(embedder, "new", 1))
        await embedder.held.wait()
        first.cancel()
        await asyncio.gather(first, return_exceptions=True)
        embedder.gate.set()
        return await second, sum(len(texts) > 1 for texts in embedder.calls)

    closest, flights = asyncio.run(scenario())
    assert (ids(closest), flights) == (["a"], 1)


def test_a_failure_reaches_its_callers_and_the_next_call_tries_again() -> None:
    async def scenario() -> Closest:
        embedder, golden = FakeEmbedder(VECTORS), GoldenPairs(PAIRS, "minilm")
        embedder.error = RuntimeError("host lost")
        outcomes = await asyncio.gather(*(golden.closest(embedder, "new", 1) for _ in range(2)), return_exceptions=True)
        assert [str(outcome) for outcome in outcomes] == ["host lost", "host lost"]
        assert golden.kept == {}
        embedder.error = None
        return await golden.closest(embedder, "new", 1)

    assert ids(asyncio.run(scenario())) == ["a"]


def test_vectors_of_two_versions_are_never_compared() -> None:
    async def scenario() -> tuple[Closest, FakeEmbedder, GoldenPairs]:
        embedder, golden = FakeEmbedder(VECTORS, ["old", "new version"]), GoldenPairs(PAIRS, "minilm")
        return await golden.closest(embedder, "new", 1), embedder, golden

    closest, embedder, golden = asyncio.run(scenario())
    assert closest.version == "new vers"
    assert embedder.calls[-1] == ["new", *(p.request for p in PAIRS)]
    assert set(golden.kept) == {"new version"}
    assert [list(vector) for vector in golden.kept["new version"]] == [list(VECTORS[p.request]) for p in PAIRS]


def test_a_version_that_comes_back_is_not_embedded_again_and_old_ones_are_dropped() -> None:
    async def scenario() -> tuple[list[int], set[str]]:
        golden, flights = GoldenPairs(PAIRS, "minilm"), []
        for digest in ("v1", "v2", "v1", "v3"):
            embedder = FakeEmbedder(VECTORS, [digest])
            await golden.closest(embedder, "new", 1)
            flights.append(sum(len(texts) > 1 for texts in embedder.calls))
        return flights, set(golden.kept)

    flights, kept = asyncio.run(scenario())
    assert flights == [1, 1, 0, 1]
    assert "v3" in kept
    assert len(kept) == MAX_VERSIONS_KEPT


def test_the_shipped_pairs_are_valid_varied_and_fit_one_call() -> None:
    pairs = load_pairs(PAIRS_FILE)
    assert 24 <= len(pairs) <= MAX_PAIRS
    assert len({p.trade for p in pairs}) >= 8
    assert len({p.request for p in pairs}) == len(pairs)


@pytest.mark.parametrize("shipped", load_pairs(PAIRS_FILE), ids=lambda p: p.id)
def test_each_shipped_pair_is_a_request_and_a_whole_reply(shipped: GoldenPair) -> None:
    assert re.fullmatch(r"[a-z]+(-[a-z]+)+", shipped.id)
    assert 150 <= len(shipped.request) <= 600
    assert 600 <= len(shipped.response) <= 2000
    headings = ["Scope", "Assumptions", "Open questions", "Price structure", "Timing"]
    lines = shipped.response.splitlines()
    assert [line for line in lines if line in headings] == headings
    assert all(line in headings or line == "" or line[:2] in {"- ", "1.", "2.", "3.", "4."} for line in lines)


def test_a_file_with_an_id_twice_without_pairs_or_with_too_many_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "pairs.jsonl"
    line = json.dumps(pair("a").model_dump())
    file.write_text(f"{line}\n{line}\n")
    with pytest.raises(ValueError, match="an id twice"):
        load_pairs(file)
    file.write_text("\n")
    with pytest.raises(ValueError, match="0 pairs"):
        load_pairs(file)
    file.write_text("".join(json.dumps(pair(str(index)).model_dump()) + "\n" for index in range(MAX_PAIRS + 1)))
    with pytest.raises(ValueError, match="64 pairs"):
        load_pairs(file)


def test_a_line_with_an_unknown_member_or_without_one_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "pairs.jsonl"
    for wrong in ({**pair("a").model_dump(), "price": 1}, {"id": "a"}):
        file.write_text(json.dumps(wrong))
        with pytest.raises(ValueError, match="validation error"):
            load_pairs(file)
