"""Why a job waits, from the command line: its model, or that nobody works."""

from __future__ import annotations

import pytest

from greenroom.cli import jobs_reasons, jobs_watch
from greenroom.cli.jobs_reasons import NOBODY
from greenroom.cli.main import run
from greenroom.protocol.jobs import JobAnswer
from greenroom.protocol.snapshot import ModelError, ModelState
from greenroom.words import ErrorCode
from tests.unit.cli.answering import Answering, Reply, answering, says
from tests.unit.cli.made import job_answer, model_state, server_status

ID = job_answer().job_uuid
ERROR = ModelError(code=next(iter(ErrorCode)), message="It is not there. Press Try again.", temporary=False)
FAILED = model_state("mood", "failed", 0).model_copy(update={"error": ERROR})
LOADING = model_state("mood", "loading", 40)


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    for module, pause in (
        (jobs_watch, "LOOK_SECONDS"), (jobs_reasons, "LOOK_SECONDS"), (jobs_reasons, "FIRST_LOOK_SECONDS"),
    ):  # fmt: skip
        monkeypatch.setattr(module, pause, 0.0)


def told(state: ModelState, workers: int | None = 1, job: JobAnswer | None = None) -> dict[str, Reply]:
    gauge = "" if workers is None else f"greenroom_job_workers {workers}.0\n"
    page = f"# HELP greenroom_job_workers 0\n{gauge}greenroom_jobs 7.0\n".encode()
    return {
        "GET /jobs": lambda: (200, b"[" + (job or job_answer()).to_json() + b"]"),
        "GET /status": says(server_status(state)),
        "GET /metrics": lambda: (200, page),
    }


def asked(server: Answering, path: str) -> int:
    return sum(call.startswith(f"GET {path}") for call in server.asked)


@pytest.mark.parametrize(
    ("state", "workers", "reason"),
    [
        (FAILED, 1, "waits for mood, which has failed to load: It is not there. Try again."),
        (LOADING, 1, "waits for mood (loading 40 %)"),
        (LOADING, None, "waits for mood (loading 40 %)"),
        (LOADING, 0, NOBODY),
        (model_state("mood"), 0, NOBODY),
    ],
)
def test_the_list_and_whoever_watches_are_told_what_a_job_waits_for(
    capsys: pytest.CaptureFixture[str], state: ModelState, workers: int, reason: str
) -> None:
    with answering(told(state, workers)) as server:
        server.replies[f"GET /ws/jobs/{ID}"] = lambda: (426, b"")
        server.replies[f"GET /jobs/{ID}"] = lambda: (200, standing(server).to_json())
        assert run(["jobs", "watch", ID, "--url", server.url]) == 0
        assert capsys.readouterr().err.splitlines()[:2] == ["pending, 0 % of 10", reason]
        assert run(["jobs", "list", "--url", server.url]) == 0
    assert reason in capsys.readouterr().out


def standing(server: Answering) -> JobAnswer:
    """Completed once the reason has been asked for a second time: by then it was told."""
    return job_answer(status="completed" if asked(server, "/metrics") > 1 else "pending")


@pytest.mark.parametrize(
    ("state", "job"),
    [
        (model_state("mood"), job_answer()),
        (model_state("mood", "queued", 0, required=False), job_answer()),
        (LOADING, job_answer(status="processing")),
        (LOADING, job_answer(retry_at="2026-11-21T15:00:00.000Z")),
    ],
)
def test_a_job_that_waits_for_its_turn_or_says_itself_what_for_has_no_other_reason(
    capsys: pytest.CaptureFixture[str], state: ModelState, job: JobAnswer
) -> None:
    with answering(told(state, job=job)) as server:
        assert run(["jobs", "list", "--url", server.url]) == 0
    assert "waits" not in capsys.readouterr().out


def test_a_server_that_does_not_say_why_keeps_nobody_from_looking(capsys: pytest.CaptureFixture[str]) -> None:
    replies = told(LOADING) | {"GET /metrics": lambda: (500, b"")}
    with answering(replies) as server:
        assert run(["jobs", "list", "--url", server.url]) == 0
    said = capsys.readouterr()
    assert (ID in said.out, said.err) == (True, "")


def test_programs_that_watch_are_told_of_the_job_alone(capsys: pytest.CaptureFixture[str]) -> None:
    with answering(told(LOADING)) as server:
        server.replies[f"GET /ws/jobs/{ID}"] = lambda: (426, b"")
        server.replies[f"GET /jobs/{ID}"] = lambda: (200, standing(server).to_json())
        assert run(["jobs", "watch", ID, "--json", "--url", server.url]) == 0
    assert "waits" not in "".join(capsys.readouterr())
