"""Jobs from the command line: what is sent, what is said, and the exit status."""

from __future__ import annotations

import io
import json
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from rich.console import Console

from greenroom.cli import jobs_submit, jobs_watch
from greenroom.cli.jobs import FORMATS, MAX_PRIORITY, STATES
from greenroom.cli.jobs_table import print_jobs
from greenroom.cli.jobs_watch import outcome, standing
from greenroom.cli.main import run
from greenroom.jobs.formats import ResultFormat
from greenroom.protocol import jobs as protocol
from greenroom.protocol.jobs import JobAnswer
from greenroom.protocol.problems import Problem
from greenroom.words import JobState
from tests.unit.cli.answering import Reply, answering, says
from tests.unit.cli.made import job_answer

ID = job_answer().job_uuid
ERROR = {"code": "prediction-failed", "message": "It ended three times."}


def problem(title: str, detail: str, status: int) -> Reply:
    told = Problem(type="/problems/x", title=title, status=status, detail=detail, instance="/", request_id="1")
    return says(told, status)


def dies() -> tuple[int, bytes]:
    raise ConnectionResetError


def test_the_words_that_are_known_before_anything_is_imported_are_the_servers() -> None:
    assert (tuple(JobState), tuple(ResultFormat), protocol.MAX_PRIORITY) == (STATES, FORMATS, MAX_PRIORITY)


@pytest.mark.parametrize(
    ("command", "call", "body"),
    [
        (["one text"], "POST /jobs?priority=0", {"text": "one text"}),
        (["one", "two"], "POST /jobs?priority=0", {"inputs": ["one", "two"]}),
        (["one", "--model", "mood", "--priority=-3"], "POST /jobs?model=mood&priority=-3", {"text": "one"}),
    ],
)
def test_texts_are_handed_over_and_the_job_is_named(
    capsys: pytest.CaptureFixture[str], command: list[str], call: str, body: object
) -> None:
    with answering({"POST /jobs": says(job_answer(), 202)}) as server:
        assert run(["jobs", "submit", *command, "--url", server.url]) == 0
    assert (server.asked, json.loads(server.bodies[0])) == ([call], body)
    assert capsys.readouterr().out == f"{ID}: 10 inputs for mood, pending.\n"


@pytest.mark.parametrize("name", ["a.txt", "a.csv", "a.tsv", "a.jsonl", "a.ndjson", "a.TXT"])
def test_a_file_is_sent_as_it_is(tmp_path: Path, name: str) -> None:
    content = "ä line\n".encode() * 20_000
    (tmp_path / name).write_bytes(content)
    with answering({"POST /jobs": says(job_answer(), 202)}) as server:
        assert run(["jobs", "submit", "--file", name, "--column", "remark", "--url", server.url]) == 0
    assert (server.bodies, server.asked) == ([content], [f"POST /jobs?column=remark&name={name}&priority=0"])


@pytest.mark.parametrize(
    ("command", "query"),
    [
        (["text", "--name", "März"], "name=M%C3%A4rz"),
        (["--file", "folder/\udcff.txt"], "name=%EF%BF%BD.txt"),
        (["--file", "folder/\udcff.txt", "--name", "mine"], "name=mine"),
    ],
)
def test_a_job_is_called_as_somebody_says_or_as_its_file(tmp_path: Path, command: list[str], query: str) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "\udcff.txt").write_text("a")
    with answering({"POST /jobs": says(job_answer(), 202)}) as server:
        assert run(["jobs", "submit", *command, "--url", server.url]) == 0
    assert server.asked == [f"POST /jobs?{query}&priority=0"]


def test_a_name_stands_beside_the_id(capsys: pytest.CaptureFixture[str]) -> None:
    named = job_answer(name="[red]a.csv", status="completed", done=10)
    with answering({"POST /jobs": says(named, 202)}) as server:
        assert run(["jobs", "submit", "a", "--url", server.url]) == 0
    assert capsys.readouterr().out == f"{ID} ([red]a.csv): 10 inputs for mood, completed.\n"
    assert outcome(named) == f"{ID} ([red]a.csv): completed, 10 of 10 have results."
    assert standing(named) == "[red]a.csv: completed, 0 % of 10"
    shown = table(named, job_answer())
    assert f"{ID}  [red]a.csv  completed  mood" in shown
    assert f"{ID}              pending    mood" in shown


def test_a_terminal_has_the_name_below_the_id() -> None:
    out = io.StringIO()
    print_jobs([job_answer(name="[red]" + "x" * 40)], 0, 1, Console(file=out, width=100, force_terminal=True))
    lines = [line.strip() for line in out.getvalue().splitlines()]
    assert (lines[1].startswith(ID), lines[2]) == (True, "[red]" + "x" * 30 + "…")


def test_a_name_is_shown_as_it_is_and_no_wider_than_there_is_room_for() -> None:
    shown = table(job_answer(name="a:100:b:warning:.csv"), job_answer(name="x" * 200))
    assert f"{ID}  a:100:b:warning:.csv  " in shown
    assert f"{ID}  {'x' * 35}…  pending" in shown
    out = io.StringIO()
    print_jobs([job_answer(name="評価" * 40)], 0, 1, Console(file=out, width=80, force_terminal=True))
    lines = [line.strip() for line in out.getvalue().splitlines()]
    assert (lines[1].startswith(f"{ID} "), "評価" in lines[2], len(lines[2]) <= 18) == (True, True, True)


def test_a_name_that_the_terminal_cannot_write_ends_no_command(monkeypatch: pytest.MonkeyPatch) -> None:
    out = io.BytesIO()
    monkeypatch.setattr("sys.stdout", io.TextIOWrapper(out, encoding="ascii", write_through=True))
    with answering({"POST /jobs": says(job_answer(name="März.csv"), 202)}) as server:
        assert run(["jobs", "submit", "a", "--url", server.url]) == 0
    assert out.getvalue().startswith(f"{ID} (M\\xe4rz.csv): ".encode())


def test_lines_that_are_no_inputs_are_named_beside_the_answer(capsys: pytest.CaptureFixture[str]) -> None:
    bad = tuple({"line": line, "message": "is empty"} for line in range(1, 8))
    with answering({"POST /jobs": says(job_answer(bad_lines=bad, bad_line_count=7), 202)}) as server:
        assert run(["jobs", "submit", "a", "--url", server.url]) == 0
    said = capsys.readouterr().err.splitlines()
    assert (said[0], said[-1], len(said)) == (
        "line 1 is no input: is empty", "2 more lines are no input. All others were taken.", 6,
    )  # fmt: skip


def test_a_lost_answer_is_asked_for_again_under_the_same_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs_submit, "AGAIN_SECONDS", 0.0)
    answers: list[Reply] = [dies, dies, says(job_answer(), 202)]
    with answering({"POST /jobs": lambda: answers.pop(0)()}) as server:
        assert run(["jobs", "submit", "a", "--url", server.url]) == 0
    assert (len(server.keys), len(set(server.keys)), None in server.keys) == (3, 1, False)


def test_two_submissions_have_keys_of_their_own_unless_one_is_given() -> None:
    with answering({"POST /jobs": says(job_answer(), 202)}) as server:
        for option in ([], [], ["--key", "mine"]):
            assert run(["jobs", "submit", "a", "--url", server.url, *option]) == 0
    assert (len(set(server.keys)), server.keys[2]) == (3, "mine")


def test_a_server_that_does_not_come_back_leaves_the_key_to_try_again_with(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(jobs_submit, "AGAIN_SECONDS", 0.0)
    monkeypatch.setattr(jobs_submit, "PATIENCE_SECONDS", 0.0)
    with answering({"POST /jobs": dies}) as server:
        assert run(["jobs", "submit", "a", "--url", server.url]) == 3
    said = capsys.readouterr().err
    assert f"submit it again with --key {server.keys[0]}, and there will be one." in said


@pytest.mark.parametrize(
    ("command", "sentence"),
    [
        (["submit"], "Texts, --file or - for stdin: one of them is needed."),
        (["submit", "a", "--file", "a.txt"], "Texts, --file or - for stdin: one of them is needed."),
        (["submit", "a", "--column", "b"], "--type and --column are for files and stdin."),
        (["submit", "--file", "a.pdf"], "a.pdf: is it text, CSV or JSON Lines? Say so with --type."),
        (["submit", "--file", "gone.txt"], "gone.txt cannot be read: No such file or directory."),
    ],
)
def test_a_command_that_cannot_be_meant_ends_with_2(
    capsys: pytest.CaptureFixture[str], command: list[str], sentence: str
) -> None:
    assert run(["jobs", *command]) == 2
    assert capsys.readouterr().err == f"greenroom: {sentence}\n"


@pytest.mark.parametrize(
    "command", ["list --limit 0", "list --limit 101", "list --status done", "submit a --priority 11", "watch", "cancel"]
)
def test_what_no_server_takes_is_refused_before_one_is_asked(command: str) -> None:
    with pytest.raises(SystemExit) as ended:
        run(["jobs", *command.split()])
    assert ended.value.code == 2


def test_a_refusal_is_said_once_and_ends_with_1(capsys: pytest.CaptureFixture[str]) -> None:
    refusal = problem("Job not found", "Job not found: it never was.", 404)
    with answering({f"DELETE /jobs/{ID}": refusal}) as server:
        assert run(["jobs", "cancel", ID, "--url", server.url]) == 1
    assert capsys.readouterr().err == "greenroom: Job not found: it never was.\n"


@pytest.mark.parametrize("command", ["submit a", "list", f"watch {ID}", f"cancel {ID}", f"retry {ID}", f"results {ID}"])
def test_where_nobody_answers_every_command_ends_with_3(capsys: pytest.CaptureFixture[str], command: str) -> None:
    with socket.socket() as taken:  # bound, and nobody listens
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
        assert run(["jobs", *command.split(), "--url", url]) == 3
    assert capsys.readouterr().err.startswith(f"greenroom: No server answers at {url}. Start one")


@pytest.mark.parametrize(
    ("call", "command", "answer", "sentence"),
    [
        ("DELETE", "cancel", job_answer(status="cancelled", done=3), f"{ID}: cancelled; 3 of 10 have results."),
        (
            "DELETE", "cancel", job_answer(status="processing", cancelling=True, done=3),
            f"{ID}: it ends at its next chunk; 3 of 10 have results.",
        ),
        ("POST", "retry", job_answer(done=3), f"{ID}: pending again, with 3 of 10 done."),
    ],
)  # fmt: skip
def test_what_became_of_it_is_said_in_a_sentence_or_as_json(
    capsys: pytest.CaptureFixture[str], call: str, command: str, answer: JobAnswer, sentence: str
) -> None:
    path = f"{call} /jobs/{ID}{'/retry' if command == 'retry' else ''}"
    with answering({path: says(answer, 202)}) as server:
        assert run(["jobs", command, ID, "--url", server.url]) == 0
        assert capsys.readouterr().out == f"{sentence}\n"
        assert run(["jobs", command, ID, "--url", server.url, "--json"]) == 0
        assert JobAnswer.model_validate_json(capsys.readouterr().out) == answer


def test_the_list_asks_for_what_is_wanted_and_is_json_for_programs(capsys: pytest.CaptureFixture[str]) -> None:
    jobs = b"[" + job_answer().to_json() + b"]"
    with answering({"GET /jobs": lambda: (200, jobs)}) as server:
        options = ["--status", "failed,completed", "--limit", "5", "--skip", "2", "--json"]
        assert run(["jobs", "list", *options, "--url", server.url]) == 0
    assert server.asked == ["GET /jobs?skip=2&limit=5&status=failed%2Ccompleted"]
    assert [job["job_uuid"] for job in json.loads(capsys.readouterr().out)] == [ID]


def table(*jobs: JobAnswer, skipped: int = 0, total: int | None = None) -> str:
    out = io.StringIO()
    print_jobs(jobs, skipped, len(jobs) if total is None else total, Console(file=out, width=200))
    return out.getvalue()


def test_a_row_says_how_a_job_stands_and_what_is_the_matter() -> None:
    shown = table(
        job_answer(status="failed", done=4, error=ERROR, bad_line_count=2),
        job_answer(status="completed", total=1, done=1, result_label="[good]", result_score=0.95),
        skipped=10, total=30,
    )  # fmt: skip
    assert "4 of 10  2026-11-21 15:00:00Z  It ended three times.; 2 bad lines" in shown
    assert "[good] (0.95)" in shown
    assert shown.endswith("11 to 12 of 30.\n")


@pytest.mark.parametrize(("total", "sentence"), [(0, "There are none."), (7, "There are 7, and none of them here.")])
def test_a_list_without_rows_says_so(total: int, sentence: str) -> None:
    assert table(total=total).strip() == sentence


@pytest.mark.parametrize(
    ("job", "line"),
    [
        (job_answer(), "pending, 0 % of 10"),
        (
            job_answer(status="processing", progress=40, estimated_seconds=7),
            "processing, 40 % of 10, about 7 s left",
        ),
        (
            job_answer(status="processing", progress=40, estimated_seconds=57),
            "processing, 40 % of 10, about 60 s left",
        ),
        (
            job_answer(status="processing", progress=1, estimated_seconds=600),
            "processing, 1 % of 10, about 10 min left",
        ),
        (
            job_answer(status="processing", progress=1, estimated_seconds=9000),
            "processing, 1 % of 10, about 2.5 h left",
        ),
        (job_answer(status="processing", cancelling=True), "processing, ends at its next chunk, 0 % of 10"),
        (job_answer(retry_at="15:00"), "pending, tried again at 15:00, 0 % of 10"),
    ],
)  # fmt: skip
def test_a_line_says_how_far_it_is_and_how_long_still(job: JobAnswer, line: str) -> None:
    assert standing(job) == line


@pytest.mark.parametrize(
    ("job", "sentence"),
    [
        (job_answer(status="completed", done=10), f"{ID}: completed, 10 of 10 have results."),
        (
            job_answer(status="completed", total=1, done=1, result_label="good", result_score=0.95033),
            f"{ID}: completed, 1 of 1 have results: good (0.9503).",
        ),
        (job_answer(status="failed", error=ERROR), f"{ID}: failed, 0 of 10 have results. It ended three times."),
    ],
)  # fmt: skip
def test_the_end_is_said_in_a_sentence(job: JobAnswer, sentence: str) -> None:
    assert outcome(job) == sentence


@pytest.mark.parametrize(("state", "status"), [("completed", 0), ("failed", 1), ("cancelled", 4)])
def test_without_sockets_a_job_is_followed_by_asking_and_the_exit_status_is_its_end(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], state: str, status: int
) -> None:
    monkeypatch.setattr(jobs_watch, "LOOK_SECONDS", 0.0)
    told = [job_answer(), job_answer(status="processing", progress=50), job_answer(status=state)]
    replies: dict[str, Reply] = {
        f"GET /jobs/{ID}": lambda: (200, told.pop(0).to_json()),
        f"GET /ws/jobs/{ID}": lambda: (426, b""),
    }
    with answering(replies) as server:
        assert run(["jobs", "watch", ID, "--url", server.url]) == status
    assert [call for call in server.asked if "/ws/" in call] == [f"GET /ws/jobs/{ID}"], "one refusal is enough"
    assert capsys.readouterr().err.splitlines()[:2] == ["pending, 0 % of 10", "processing, 50 % of 10"]


def test_a_server_that_dies_meanwhile_is_waited_for(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(jobs_watch, "LOOK_SECONDS", 0.0)
    told: list[Reply] = [says(job_answer()), dies, dies, says(job_answer(status="completed", done=10))]
    with answering({f"GET /jobs/{ID}": lambda: told.pop(0)(), f"GET /ws/jobs/{ID}": dies}) as server:
        assert run(["jobs", "watch", ID, "--url", server.url, "--json"]) == 0
    assert [json.loads(line)["status"] for line in capsys.readouterr().out.splitlines()] == ["pending", "completed"]


def test_a_server_that_stays_away_is_given_up_and_the_job_is_said_to_go_on(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(jobs_watch, "LOOK_SECONDS", 0.0)
    monkeypatch.setattr(jobs_watch, "PATIENCE_SECONDS", 0.0)
    told: list[Reply] = [says(job_answer()), dies]
    with answering({f"GET /jobs/{ID}": lambda: told.pop(0)(), f"GET /ws/jobs/{ID}": dies}) as server:
        assert run(["jobs", "watch", ID, "--url", server.url]) == 3
    assert f"The job goes on. Follow it: greenroom jobs watch {ID}." in capsys.readouterr().err


def rows() -> tuple[int, bytes]:
    return 200, b"rows"


def results(status: str = "completed", body: Reply = rows) -> dict[str, Reply]:
    return {f"GET /jobs/{ID}": says(job_answer(status=status, done=4)), f"GET /jobs/{ID}/results": body}


@pytest.mark.parametrize(
    ("options", "format_"),
    [
        ([], "json"), (["--format", "csv"], "csv"), (["--output", "a.jsonl"], "jsonl"), (["--output", "a.txt"], "json"),
        (["--output", "a.csv", "--format", "json"], "json"),
        (["--inputs"], "json&inputs=true"), (["--format", "csv", "--inputs", "--bom"], "csv&inputs=true&bom=true"),
    ],
)  # fmt: skip
def test_results_come_in_the_format_that_is_meant(options: list[str], format_: str) -> None:
    with answering(results()) as server:
        assert run(["jobs", "results", ID, *options, "--url", server.url]) == 0
    assert server.asked[-1] == f"GET /jobs/{ID}/results?format={format_}"


@pytest.mark.parametrize("status", ["pending", "processing", "failed", "cancelled"])
def test_results_so_far_are_said_to_be_no_more_than_that(
    tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes], status: str
) -> None:
    file = tmp_path / "a.json"
    with answering(results(status)) as server:
        for output in ([], ["--output", str(file)]):
            assert run(["jobs", "results", ID, *output, "--url", server.url]) == 5
            said = capfdbinary.readouterr()
            assert said.err.decode() == f"The job is {status}: results of 4 of 10 inputs so far.\n"
            assert (file.read_bytes() if output else said.out) == b"rows"


def test_a_file_of_results_is_whole_or_what_it_was(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "a.json"
    file.write_text("what it was")
    with answering(results(body=dies)) as server:
        assert run(["jobs", "results", ID, "--output", str(file), "--url", server.url]) == 3
        assert [path.name for path in tmp_path.iterdir()] == ["a.json"]
        assert file.read_text() == "what it was"
        server.replies |= results()
        assert run(["jobs", "results", ID, "--output", str(file), "--url", server.url]) == 0
    assert file.read_text() == "rows"
    assert capsys.readouterr().out == f"{file}: 4 of 10 results.\n"


def test_a_place_that_cannot_be_written_to_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    with answering(results()) as server:
        assert run(["jobs", "results", ID, "--output", "no/a.json", "--url", server.url]) == 2
    assert capsys.readouterr().err == "greenroom: no/a.json cannot be written: No such file or directory.\n"


def test_who_reads_no_further_than_the_first_rows_is_told_no_more() -> None:
    with answering(results(body=lambda: (200, b"row\n" * 200_000))) as server:
        command = [sys.executable, "-m", "greenroom", "jobs", "results", ID, "--url", server.url]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as reading:
            assert reading.stdout is not None
            assert reading.stderr is not None
            reading.stdout.close()
            assert reading.stderr.read() == b""
    assert reading.returncode == 0
