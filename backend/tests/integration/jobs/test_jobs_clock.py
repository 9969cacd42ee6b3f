"""The clock of a real server is set by an hour, forward and back, while jobs come in and are worked off."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import httpx

from greenroom.testing import GreenroomServer
from tests.integration.jobs.desk import MODEL
from tests.integration.jobs.test_jobs_killed import Crowd

STEPS = (3600, -3600, -3600, 3600, -3600)


def set_by(server: GreenroomServer, seconds: int) -> None:
    httpx.post(f"{server.url}/test/step?seconds={seconds}").raise_for_status()


def test_every_accepted_job_is_done_once_however_the_clock_is_set(tmp_path: Path) -> None:
    (tmp_path / "greenroom.toml").write_text(
        f'[models.{MODEL}]\nsource = "path:{tmp_path}"\ntask = "classify"\nrequired = true\n'
    )
    with GreenroomServer("tests.integration.jobs.stepped:app", folder=tmp_path) as server:
        server.control.auto(0.0)
        crowd = Crowd(server)
        for seconds in STEPS:
            crowd.round(partial(set_by, server, seconds))
        told = crowd.settled()
        crowd.require_all_done(told)
        assert {job["attempts"] for job in told.values()} == {0}
        assert "job_lease_lost" not in server.log()
