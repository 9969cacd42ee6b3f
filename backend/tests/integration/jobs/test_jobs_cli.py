"""`greenroom jobs …` as its user runs it, against a real server."""

from __future__ import annotations

import contextlib
import json
import os
import pty
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from greenroom.cli.jobs_reasons import NOBODY
from greenroom.testing import GreenroomServer, GreenroomWorker

PATIENCE_SECONDS = 60.0


@pytest.fixture
def server(tmp_path: Path) -> Iterator[GreenroomServer]:
    (tmp_path / "greenroom.toml").write_text(
        f'[models.mood]\nsource = "path:{tmp_path}"\ntask = "classify"\nrequired = true\n'
    )
    with GreenroomServer(folder=tmp_path) as server:
        yield server


class Shell:
    def __init__(self, server: GreenroomServer) -> None:
        self._url = server.url

    def command(self, *arguments: str) -> list[str]:
        return [sys.executable, "-m", "greenroom", "jobs", *arguments, "--url", self._url]

    @contextlib.contextmanager
    def start(self, *arguments: str) -> Iterator[subprocess.Popen[str]]:
        """Killed on leaving, should it still run: a test that fails is not to wait for it."""
        pipe = subprocess.PIPE
        with subprocess.Popen(self.command(*arguments), stdin=pipe, stdout=pipe, stderr=pipe, text=True) as process:
            try:
                yield process
            finally:
                process.kill()

    def run(self, *arguments: str, stdin: str = "") -> tuple[int, str, str]:
        """Exit status, stdout, stderr."""
        done = subprocess.run(
            self.command(*arguments), input=stdin, capture_output=True, text=True, timeout=PATIENCE_SECONDS, check=False
        )
        return done.returncode, done.stdout, done.stderr

    def submit(self, *arguments: str) -> str:
        """The job's id."""
        status, said, error = self.run("submit", *arguments, "--json")
        assert status == 0, error
        return str(json.loads(said)["job_uuid"])


@pytest.fixture
def shell(server: GreenroomServer) -> Shell:
    return Shell(server)


def first_line(process: subprocess.Popen[str]) -> str:
    assert process.stderr is not None
    return process.stderr.readline()


def test_a_file_is_handed_over_before_the_model_is_there_and_followed_to_its_results(
    server: GreenroomServer, shell: Shell, tmp_path: Path
) -> None:
    (tmp_path / "a.csv").write_text("id,remark\n1,a good day\n2\n3,a bad day\n")
    id_ = shell.submit("--file", str(tmp_path / "a.csv"), "--column", "remark")
    with shell.start("watch", id_) as watching:
        assert first_line(watching) == "a.csv: pending, 0 % of 2\n"
        server.control.auto(0.0)
        said, _ = watching.communicate(timeout=PATIENCE_SECONDS)
    assert (watching.returncode, said) == (0, f"{id_} (a.csv): completed, 2 of 2 have results.\n")
    out = tmp_path / "out.csv"
    assert shell.run("results", id_, "--output", str(out)) == (0, f"{out}: 2 of 2 results.\n", "")
    assert [line.split(",")[:2] for line in out.read_text().splitlines()] == [
        ["index", "label"], ["0", "positive"], ["1", "negative"],
    ]  # fmt: skip


def test_what_comes_on_stdin_is_a_file_and_wait_ends_with_its_outcome(server: GreenroomServer, shell: Shell) -> None:
    server.control.auto(0.0)
    status, said, error = shell.run("submit", "-", "--type", "jsonl", "--wait", stdin='"a good day"\n{\n"a bad day"\n')
    assert (status, error.startswith("line 2 is no input: ")) == (0, True), error
    assert said.endswith(": completed, 2 of 2 have results.\n")


def test_who_waits_is_told_that_the_model_has_failed(server: GreenroomServer, shell: Shell) -> None:
    server.control.fail("The disk is full.")
    with shell.start("submit", "a good day", "--wait") as waiting:
        assert [first_line(waiting), first_line(waiting)] == [
            "pending, 0 % of 1\n", "waits for mood, which has failed to load: The disk is full.\n",
        ]  # fmt: skip
        assert "which has failed to load" in shell.run("list")[1]
        waiting.send_signal(signal.SIGINT)


def test_who_waits_is_told_that_nobody_works(tmp_path: Path) -> None:
    (tmp_path / "greenroom.toml").write_text(f'[models.mood]\nsource = "path:{tmp_path}"\ntask = "classify"\n')
    with GreenroomServer(folder=tmp_path, environment={"GREENROOM_WORKER": "off"}) as server:
        shell = Shell(server)
        server.control.auto(0.0)
        with shell.start("submit", "a good day", "--wait") as waiting:
            assert [first_line(waiting), first_line(waiting)] == ["pending, 0 % of 1\n", f"{NOBODY}\n"]
            with GreenroomWorker(folder=tmp_path):
                assert "greenroom_job_workers 1.0" in httpx.get(f"{server.url}/metrics").text
                _, error = waiting.communicate(timeout=PATIENCE_SECONDS)
            assert waiting.returncode == 0, error
        assert "greenroom_job_workers 0.0" in httpx.get(f"{server.url}/metrics").text


def test_ctrl_c_leaves_the_job_running_and_says_so(server: GreenroomServer, shell: Shell) -> None:
    with shell.start("submit", "a good day", "--wait") as waiting:
        first_line(waiting)
        waiting.send_signal(signal.SIGINT)
        _, error = waiting.communicate(timeout=PATIENCE_SECONDS)
    assert waiting.returncode == 130
    said = re.fullmatch(
        r"greenroom: Interrupted. The job goes on. Follow it: greenroom jobs watch ([^ ]+)\. .+\n", error
    )
    assert said, error
    server.control.auto(0.0)
    assert shell.run("watch", said[1])[0] == 0


def test_ctrl_c_is_heard_while_stdin_is_waited_for(shell: Shell) -> None:
    with shell.start("submit", "-", "--key", "mine") as waiting:
        assert waiting.stdin is not None
        waiting.stdin.write("a good day\n")
        waiting.stdin.flush()
        until = time.monotonic() + PATIENCE_SECONDS
        while not _is_connected(waiting.pid):
            assert time.monotonic() < until
            time.sleep(0.01)
        waiting.send_signal(signal.SIGINT)
        _, error = waiting.communicate(timeout=PATIENCE_SECONDS)
    assert (waiting.returncode, "submit it again with --key mine" in error) == (130, True), error


def _is_connected(pid: int) -> bool:
    """Whether it has a connection open: its request is on its way."""
    try:
        links = [os.readlink(link) for link in Path(f"/proc/{pid}/fd").iterdir()]
    except OSError:
        return False
    return sum(link.startswith("socket:") for link in links) >= 3  # two are the event loop's own pair


def test_a_job_is_followed_across_a_restart_of_its_server(server: GreenroomServer, shell: Shell) -> None:
    id_ = shell.submit("a good day")
    with shell.start("watch", id_, "--json") as watching:
        assert watching.stdout is not None
        assert json.loads(watching.stdout.readline())["status"] == "pending"
        server.kill()
        server.start()
        server.control.auto(0.0)
        said, error = watching.communicate(timeout=PATIENCE_SECONDS)
    assert (watching.returncode, json.loads(said.splitlines()[-1])["status"]) == (0, "completed"), error


def test_a_cancelled_job_ends_its_watch_with_4_and_can_be_run_again(server: GreenroomServer, shell: Shell) -> None:
    id_ = shell.submit("a good day")
    with shell.start("watch", id_) as watching:
        first_line(watching)
        assert shell.run("cancel", id_)[:2] == (0, f"{id_}: cancelled; 0 of 1 have results.\n")
        said, _ = watching.communicate(timeout=PATIENCE_SECONDS)
    assert (watching.returncode, said) == (4, f"{id_}: cancelled, 0 of 1 have results.\n")
    assert shell.run("retry", id_)[:2] == (0, f"{id_}: pending again, with 0 of 1 done.\n")
    server.control.auto(0.0)
    assert shell.run("watch", id_)[0] == 0
    assert shell.run("cancel", id_)[0] == 1


def test_the_list_has_a_row_for_each_and_says_where_it_stands(shell: Shell) -> None:
    ids = [shell.submit(f"text {number}") for number in range(3)]
    status, said, _ = shell.run("list", "--limit", "2", "--skip", "1", "--status", "pending")
    assert (status, said.splitlines()[-1]) == (0, "2 to 3 of 3.")
    assert [line.split()[0] for line in said.splitlines()[1:-1]] == [ids[1], ids[0]]


def test_at_a_terminal_a_bar_shows_how_far_it_is(server: GreenroomServer, shell: Shell) -> None:
    id_ = shell.submit("a good day")
    ours, theirs = pty.openpty()
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": "100"}
    with subprocess.Popen(
        shell.command("watch", id_), stdout=subprocess.PIPE, stderr=theirs, env=environment
    ) as watching:
        os.close(theirs)
        shown = b""
        while b"0/1" not in shown:
            shown += os.read(ours, 4096)
        server.control.auto(0.0)
        assert watching.stdout is not None
        assert watching.stdout.read().decode().startswith(f"{id_}: completed")
    os.close(ours)
    assert b"pending" in shown
