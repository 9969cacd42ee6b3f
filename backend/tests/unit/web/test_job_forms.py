"""Files sent as forms, over HTTP: the same ways and the same refusals as for files that are sent as they are."""

from __future__ import annotations

import contextlib
import json
import sqlite3
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as examples
from hypothesis import strategies as st
from starlette.applications import Starlette

from greenroom.jobs import room
from greenroom.web import uploads
from tests.unit.web.in_process import Answer, AppMaker, ask
from tests.unit.web.test_upload_forms import CSV, field, part, whole

patient = partial(examples, suppress_health_check=[HealthCheck.function_scoped_fixture])
TABLE = b"id,review\n1,good\n"


@pytest.fixture
def app(make_jobs_app: AppMaker) -> Starlette:
    return make_jobs_app(max_text_characters=100, max_upload_bytes=10_000)


def form(app: Starlette, body: bytes, query: str = "", boundary: str = "b-1", **headers: str) -> Answer:
    said = {"content-type": f"multipart/form-data; boundary={boundary}"}
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return ask(app, f"/jobs{query}", "POST", {**said, **named}, body.replace(b"--b-1", b"--" + boundary.encode()))


def file(content: bytes, disposition: str = CSV[0]) -> bytes:
    return part(disposition, content, CSV[1])


def left_files(tmp_path: Path) -> list[str]:
    return sorted(file.suffix for file in (tmp_path / "data" / "jobs").glob("*.*"))


def test_a_form_becomes_a_job_as_its_file_would(app: Starlette, tmp_path: Path) -> None:
    answer = form(app, whole(file(TABLE), field("column", "review"), field("model", "minilm")), "?model=nobody")
    job = json.loads(answer.body)
    assert (answer.status, job["model"], job["total"]) == (202, "minilm", 1)
    (kept,) = (tmp_path / "data" / "jobs").glob("*.*")
    assert (kept.name, kept.read_text()) == (f"{job['job_uuid']}.jsonl", '"good"\n')


def test_what_the_form_does_not_say_the_address_does(app: Starlette) -> None:
    answer = form(app, whole(file(TABLE)), "?model=minilm&column=review&priority=-3")
    assert (answer.status, json.loads(answer.body)["model"]) == (202, "minilm")


@pytest.mark.parametrize(
    ("body", "status", "problem", "words"),
    [
        (whole(file(b"")), 422, "invalid-input", "empty"),
        (whole(file(TABLE)), 422, "invalid-input", "`id`, `review`"),
        (whole(field("model", "nobody"), file(TABLE)), 404, "unknown-model", "nobody"),
        (whole(field("priority", "high"), file(TABLE)), 422, "invalid-input", "priority"),
        (whole(file(b"a" * 10_001)), 413, "payload-too-large", "10 000 bytes"),
        (whole(file(b"a"), *[field("other", "x" * 9_000)] * 10), 413, "payload-too-large", "10 000 bytes"),
        (whole(file(TABLE), file(TABLE)), 422, "invalid-input", "more than one"),
        (whole(field("model", "minilm")), 422, "invalid-input", "no file"),
        (whole(file(TABLE, 'form-data; name="file"; filename="a.zip"')), 415, "unsupported-media-type", ".csv"),
        (file(TABLE), 422, "invalid-input", "last boundary"),
    ],
)
def test_a_form_that_is_no_job_is_refused_and_nothing_stays(
    app: Starlette, tmp_path: Path, body: bytes, status: int, problem: str, words: str
) -> None:
    answer = form(app, body)
    assert (answer.status, answer.problem) == (status, problem)
    assert words in json.loads(answer.body)["detail"]
    assert left_files(tmp_path) == []


def test_a_file_of_just_the_most_bytes_fits_whatever_stands_beside_it(app: Starlette) -> None:
    assert form(app, whole(field("other", "x" * 9_000), file(b"text\n" + b"a\n" * 4997 + b"b"))).status == 202


def test_the_same_file_under_the_same_key_is_one_job_however_it_was_sent(app: Starlette, tmp_path: Path) -> None:
    answers = [form(app, whole(file(TABLE)), "?column=review", name, idempotency_key="k") for name in ("b-1", "other")]
    plain = {"content-type": "text/csv", "idempotency-key": "k"}
    answers.append(ask(app, "/jobs?column=review", "POST", plain, TABLE))
    assert len({answer.headers["location"] for answer in answers}) == 1
    assert left_files(tmp_path) == [".jsonl"]
    other = form(app, whole(file(TABLE + b"2,bad\n")), "?column=review", idempotency_key="k")
    assert other.problem == "idempotency-conflict"


@patient(max_examples=200)
@given(st.binary(max_size=200) | st.lists(st.sampled_from([
    file(b"text\na\n"), file(b"a", 'form-data; name="file"; filename="a.txt"'), field("model", "minilm"), b"--b-1--",
    field("column", "\u00e4"), field("priority", "\u00b2"), b"--b-1\r\n", b"\r\n", b"\xff\x00",
    b"Content-Disposition: ",
]), max_size=6).map(b"".join))  # fmt: skip
def test_no_form_at_all_breaks_the_server(app: Starlette, tmp_path: Path, body: bytes) -> None:
    assert form(app, body).status in (202, 404, 413, 415, 422)
    assert set(left_files(tmp_path)) <= {".jsonl"}


def test_the_contract_describes_the_form(app: Starlette) -> None:
    document = json.loads(ask(app, "/openapi.json").body)
    schema = document["paths"]["/jobs"]["post"]["requestBody"]["content"]["multipart/form-data"]["schema"]
    assert set(schema["properties"]) == {"file", "model", "column", "name", "priority"}
    assert schema["required"] == ["file"]


# room for all files


def test_files_have_so_much_room_and_no_more(make_jobs_app: AppMaker, tmp_path: Path) -> None:
    app = make_jobs_app(max_jobs_bytes=6_000)
    assert form(app, whole(file(b"text\n" + b"a\n" * 500))).status == 202  # 1005 bytes, 2000 as JSON
    full = form(app, whole(file(b"text\n" + b"a\n" * 1500)))  # 3005, and 6000
    assert (full.status, full.problem, full.headers["retry-after"]) == (503, "jobs-unavailable", "60")
    assert "GREENROOM_MAX_JOBS_BYTES" in json.loads(full.body)["detail"]
    assert left_files(tmp_path) == [".jsonl"]
    assert form(app, whole(file(b"text\n" + b"a\n" * 500))).status == 202, "what was refused takes no room"


def test_what_other_processes_put_there_counts(
    make_jobs_app: AppMaker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    app, body = make_jobs_app(max_jobs_bytes=6_000), whole(file(b"text\na\n"))
    assert form(app, body).status == 202
    (tmp_path / "data" / "jobs" / "theirs.jsonl").write_bytes(b"x" * 6_000)
    monkeypatch.setattr(room, "COUNT_SECONDS", 0)
    uploads.uploads_of(app).room._count_at = 0.0
    assert form(app, body).status == 503
    (tmp_path / "data" / "jobs" / "theirs.jsonl").unlink()
    uploads.uploads_of(app).room._count_at = 0.0
    assert form(app, body).status == 202


def test_a_file_that_cannot_fit_is_refused_before_it_comes(make_jobs_app: AppMaker) -> None:
    assert form(make_jobs_app(max_jobs_bytes=100), b"", content_length="101").status == 503


def test_inputs_in_json_need_room_like_files(make_jobs_app: AppMaker, tmp_path: Path) -> None:
    app = make_jobs_app(max_jobs_bytes=100_000)
    long, short = (json.dumps({"inputs": ["x" * 1000] * count}).encode() for count in (60, 20))
    answers = [ask(app, "/jobs", "POST", {"content-type": "application/json"}, body) for body in (long, short, long)]
    assert [answer.status for answer in answers] == [202, 202, 503]
    assert (answers[2].problem, answers[2].headers["retry-after"]) == ("jobs-unavailable", "60")
    assert "GREENROOM_MAX_JOBS_BYTES" in json.loads(answers[2].body)["detail"]
    assert left_files(tmp_path) == [".jsonl"]


def test_results_take_room_too(make_jobs_app: AppMaker, tmp_path: Path) -> None:
    app, body = make_jobs_app(max_jobs_bytes=50_000), whole(file(b"text\na\n"))
    assert form(app, body).status == 202
    with contextlib.closing(sqlite3.connect(tmp_path / "data" / "greenroom.db")) as database:
        database.execute("CREATE TABLE results AS SELECT zeroblob(60000)")
        database.commit()
        app.state.jobs.room._count_at = 0.0
        assert form(app, body).status == 503
        database.execute("DROP TABLE results")
        database.commit()
    app.state.jobs.room._count_at = 0.0
    assert form(app, body).status == 202, "what the database keeps free is room"


def test_lines_that_are_no_inputs_let_others_have_their_turn(app: Starlette, monkeypatch: pytest.MonkeyPatch) -> None:
    turns: list[float] = []
    monkeypatch.setattr(uploads, "time", SimpleNamespace(sleep=turns.append))
    bad = b"[1]\n" * (5 * uploads.LINES_PER_TURN)
    assert ask(app, "/jobs", "POST", {"content-type": "application/jsonl"}, b'"good"\n' + bad).status == 202
    assert turns == [0] * 5
