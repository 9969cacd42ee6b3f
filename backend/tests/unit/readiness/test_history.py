"""What earlier loads taught, and that damage costs only precision."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from greenroom.protocol.snapshot import StageName
from greenroom.readiness.curves import IDENTITY, IMPORT, calibrated, from_marks, is_curve, middle
from greenroom.readiness.history import (
    DIGESTS,
    LOADS_PER_DIGEST,
    LoadHistory,
    LoadRecord,
    Sample,
    StageRecord,
    decoded,
    encoded,
    eta_error,
)
from greenroom.readiness.plan import Plan
from tests.unit.readiness.loads import FIRST, Play, one, version

WEIGHTS, CHECK = StageName.WEIGHTS, StageName.CHECK


def record(seconds: float, *stages: StageName, digest: str = "1" * 64) -> LoadRecord:
    measured = {stage: StageRecord(seconds, IDENTITY, 0.1) for stage in stages}
    return LoadRecord(digest, measured, seconds * len(stages))


def test_a_record_survives_being_kept() -> None:
    load = Play(one()).run()
    assert decoded(encoded(load)) == load


def test_a_load_is_recorded_as_it_was() -> None:
    load = Play(one(), 2.0).run()
    assert tuple(load.stages) == FIRST
    assert load.total_seconds == pytest.approx(10.2)
    assert load.stages[StageName.IMPORT].seconds == pytest.approx(8.0)
    assert load.stages[StageName.IMPORT].max_gap == pytest.approx(0.8)
    assert load.stages[StageName.IMPORT].curve == pytest.approx(IDENTITY)
    assert load.stages[WEIGHTS].seconds == pytest.approx(0.8)
    deciles = [sample.progress // 10 for sample in load.predictions]
    assert deciles == sorted(set(deciles))
    assert len(deciles) >= 8


def test_a_clock_that_was_set_back_counts_as_standing_still() -> None:
    readiness = one()
    readiness.begin("minilm", FIRST, 100.0)
    readiness.resolved("minilm", version(), 40.0)
    readiness.step("minilm", StageName.IMPORT, 5, 10, "modules", 42.0)
    load = readiness.ready("minilm", 43.0)
    assert load.total_seconds == 3.0
    assert load.stages[StageName.IMPORT].seconds == 3.0


@pytest.mark.parametrize("raw", [b"", b"null", b"{}", b"[", b"[[[[", b'"x"', b"[1]", b"\xff\xfe", b"[" * 5000])
def test_a_record_that_makes_no_sense_is_none(raw: bytes) -> None:
    assert decoded(raw) is None


@given(st.binary())
def test_no_record_can_raise(raw: bytes) -> None:
    decoded(raw)


@pytest.mark.parametrize(
    ("path", "value"),
    [(("total_seconds",), -1), (("stages", "import", "curve"), [0, 1]), (("stages", "import", "curve", 3), 0.9),
     (("stages", "import", "seconds"), None), (("digest",), 5), (("predictions",), "x"), (("stages",), {"x": 1})],
)  # fmt: skip
def test_a_damaged_record_is_none(path: tuple[str | int, ...], value: object) -> None:
    content = json.loads(encoded(Play(one()).run()))
    place = content
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    assert decoded(json.dumps(content).encode()) is None


def test_only_the_newest_loads_and_versions_are_kept() -> None:
    history = LoadHistory()
    for seconds in range(LOADS_PER_DIGEST + 3):
        history.add(record(seconds, WEIGHTS))
    assert [load.total_seconds for load in history.loads("1" * 64)] == list(range(3, LOADS_PER_DIGEST + 3))
    for number in range(DIGESTS):
        history.add(record(1, WEIGHTS, digest=f"{number:064d}"))
    assert history.loads("1" * 64) == ()
    assert len(history.loads(f"{0:064d}")) == 1


def test_a_load_without_a_version_is_not_kept() -> None:
    history = LoadHistory()
    history.add(record(1, WEIGHTS, digest=""))
    assert history.loads("") == ()


def test_loads_through_the_same_stages_come_first() -> None:
    history = LoadHistory()
    history.add(record(8, WEIGHTS, CHECK))
    history.add(record(1, WEIGHTS))
    digest = "1" * 64
    assert [found.seconds for found in history.stage_records(digest, WEIGHTS, (WEIGHTS,))] == [1]
    assert [found.seconds for found in history.stage_records(digest, WEIGHTS, (WEIGHTS, CHECK))] == [8]
    assert [found.seconds for found in history.stage_records(digest, WEIGHTS, FIRST)] == [8, 1]


def test_the_expected_time_is_the_median_of_the_kept_loads() -> None:
    history = LoadHistory()
    for seconds in (1.0, 50.0, 2.0):
        history.add(record(seconds, WEIGHTS))
    assert Plan.make((WEIGHTS,), version(), None, history).stages[WEIGHTS].seconds == 2.0


def test_eta_error_is_the_median_miss_after_a_fifth_of_the_way() -> None:
    samples = (Sample(0.5, 10, 99.0), Sample(2.0, 20, 9.0), Sample(5.0, 50, 5.0), Sample(8.0, 80, 4.0))
    assert eta_error(LoadRecord("1", {}, 10.0, samples)) == pytest.approx(0.1)
    assert eta_error(LoadRecord("1", {}, 10.0, samples[:1])) is None
    assert eta_error(LoadRecord("1", {}, 0.0, samples)) is None


def test_shipped_and_learned_curves_are_curves() -> None:
    assert is_curve(IDENTITY)
    assert is_curve(IMPORT)
    assert is_curve(middle([IDENTITY, IMPORT, IMPORT]))
    assert from_marks([0.0] * 21, 0.0) == IDENTITY


@given(st.floats(0, 1), st.floats(0, 1))
def test_calibration_is_monotone_between_its_ends(one_raw: float, other_raw: float) -> None:
    low, high = sorted((one_raw, other_raw))
    assert 0 <= calibrated(IMPORT, low) <= calibrated(IMPORT, high) + 1e-12
    assert (calibrated(IMPORT, 0), calibrated(IMPORT, 1)) == (0, 1)
    assert calibrated(IDENTITY, low) == pytest.approx(low)


def test_shares_follow_the_critical_path() -> None:
    stages = tuple(StageName)
    plan = Plan.make(stages, version(), 200_000_000, LoadHistory())
    shares = plan.shares()
    assert sum(shares.values()) == pytest.approx(1, abs=1e-9)
    assert plan.total == pytest.approx(0.15 + 10 + 0.4 + 0.4 + 0.3)
    overlapping = shares[StageName.RESOLVE] + shares[StageName.DOWNLOAD] + shares[StageName.IMPORT]
    assert overlapping == pytest.approx(10.15 / 11.25, abs=2e-4)
    assert shares[StageName.IMPORT] / shares[StageName.DOWNLOAD] == pytest.approx(0.4, abs=1e-3)
