"""The example of a client, as a stranger would run it."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from greenroom.testing import GreenroomServer

EXAMPLE = Path(__file__).parents[4] / "examples/client_example.py"
PATIENCE_SECONDS = 60.0


@pytest.fixture
def server(tmp_path: Path) -> Iterator[GreenroomServer]:
    (tmp_path / "greenroom.toml").write_text(
        f'[models.mood]\nsource = "path:{tmp_path}"\ntask = "classify"\nrequired = true\n'
    )
    with GreenroomServer(folder=tmp_path) as server:
        yield server


def started(server: GreenroomServer) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-u", str(EXAMPLE), server.url], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )


def test_it_waits_predicts_submits_follows_and_shows_results(server: GreenroomServer) -> None:
    server.control.freeze(60)
    with started(server) as example:
        assert example.stdout is not None
        assert [example.stdout.readline() for _ in range(2)][1].startswith("   loading 60 %")
        server.control.auto(0.0)
        said, _ = example.communicate(timeout=PATIENCE_SECONDS)
    assert example.returncode == 0, said
    lines = said.splitlines()
    assert "   All systems ready" in lines
    assert any(line.startswith("   completed: 3 of 3") for line in lines)
    assert [line.rpartition(":")[0] for line in lines[-3:]] == [
        "   'What a lovely day.'", "   'I want my money back.'", "   'It arrived on Tuesday.'",
    ]  # fmt: skip


def test_where_every_prediction_is_a_job_it_follows_that_one_too(tmp_path: Path) -> None:
    """`USE_BACKGROUND_INFERENCE`: a 202 comes where an answer is expected."""
    (tmp_path / "greenroom.toml").write_text(f'[models.mood]\nsource = "path:{tmp_path}"\ntask = "classify"\n')
    with GreenroomServer(folder=tmp_path, environment={"USE_BACKGROUND_INFERENCE": "true"}) as server:
        server.control.auto(0.0)
        with started(server) as example:
            said, _ = example.communicate(timeout=PATIENCE_SECONDS)
    assert example.returncode == 0, said
    assert re.search(r"   completed: 1 of 1\n   \w+ \(\d\.\d\d\), by mood \w", said), said


def test_a_call_that_is_told_to_come_back_does_so(tmp_path: Path) -> None:
    """Of a model that is loaded when somebody first calls it."""
    (tmp_path / "greenroom.toml").write_text(
        f'[models.vectors]\nsource = "path:{tmp_path}"\nrequired = true\n'
        f'[models.mood]\nsource = "path:{tmp_path}"\ntask = "classify"\nrequired = false\n'
    )
    with GreenroomServer(folder=tmp_path, environment={"GREENROOM_MAX_WAIT_SECONDS": "0"}) as server:
        server.control.become_ready("vectors")
        with started(server) as example:
            assert example.stdout is not None
            assert [example.stdout.readline() for _ in range(4)][3].startswith("   Not yet: ")
            server.control.auto(0.0, "mood")
            said, _ = example.communicate(timeout=PATIENCE_SECONDS)
    assert (example.returncode, ", by mood " in said) == (0, True), said


def test_a_model_that_failed_for_good_ends_it_with_the_reason(server: GreenroomServer) -> None:
    server.control.fail("The disk is full.")
    with started(server) as example:
        said, _ = example.communicate(timeout=PATIENCE_SECONDS)
    assert example.returncode == 1
    assert said.splitlines()[-1] == "   It will not get ready by itself: The disk is full."
