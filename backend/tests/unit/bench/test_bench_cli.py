from __future__ import annotations

import json
from pathlib import Path

import pytest

from bench import cli
from bench.harness import Bench, Plan, Report
from tests.unit.bench.made_runs import made_report


@pytest.fixture
def page(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Two benches, of which one breaks, and a page of their own."""

    def broken(plan: Plan) -> Report:
        raise RuntimeError("no such port")

    benches = {
        "bad": (Bench("bad", "Breaks", broken), "Never works."),
        "good": (Bench("good", "Works", lambda plan: made_report()), "Always works."),
    }
    monkeypatch.setattr(cli, "find_benches", lambda: benches)
    monkeypatch.setattr(cli, "PAGE", tmp_path / "performance.md")
    return tmp_path / "performance.md"


def test_every_bench_of_the_package_is_found_with_what_it_says() -> None:
    benches = cli.find_benches()
    assert {"start", "health", "cold", "memory", "predict", "profile", "eta"} <= set(benches)
    assert all(about.strip() for _, about in benches.values())


def test_without_a_name_the_benches_are_listed(page: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run([]) == 0
    assert "good         Works. Always works." in capsys.readouterr().out


def test_an_unknown_name_is_refused(page: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["nope"]) == 2
    assert "bad, good" in capsys.readouterr().err


def test_one_bench_that_breaks_does_not_stop_the_others(page: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = page.with_suffix(".json")
    assert cli.run(["all", "--write", "--json", str(file)]) == 1
    said = capsys.readouterr()
    assert "no such port" in said.err
    assert "first answer, s" in said.out
    assert [run["bench"] for run in json.loads(file.read_text())] == ["good"]
    assert "bench: good" in page.read_text()


def test_nothing_is_written_unasked(page: Path) -> None:
    assert cli.run(["good"]) == 0
    assert not page.exists()


def test_a_try_at_a_part_of_the_size_is_never_written_down(page: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        cli.run(["good", "--scale", "0.5", "--write"])
    assert "leave out --scale" in capsys.readouterr().err
    assert not page.exists()


def test_a_bench_is_told_at_what_scale_it_is_tried(page: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plans: list[Plan] = []

    def measure(plan: Plan) -> Report:
        plans.append(plan)
        return made_report()

    monkeypatch.setattr(cli, "find_benches", lambda: {"one": (Bench("one", "One", measure), "One.")})
    cli.run(["one"])
    cli.run(["one", "--scale", "0.1"])
    assert [plan.scaled(50, least=10) for plan in plans] == [50, 10]
