"""Jobs over HTTP, on a queue in memory and without a worker: what is accepted, and what is refused in which words."""

from __future__ import annotations

import errno
import json
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as examples
from hypothesis import strategies as st
from starlette.applications import Starlette

from greenroom.errors import JobsUnavailableError
from greenroom.jobs.seam import Job
from greenroom.testing.memory_queue import MemoryQueue
from greenroom.web import uploads
from tests.unit.web.in_process import Answer, AppMaker, ask

JSON, TEXT, CSV = ({"content-type": kind} for kind in ("application/json", "text/plain; charset=UTF-8", "text/csv"))
patient = partial(examples, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture
def app(make_jobs_app: AppMaker) -> Starlette:
    return make_jobs_app(max_text_characters=100, max_upload_bytes=10_000)


def post(app: Starlette, body: object, path: str = "/jobs", **headers: str) -> Answer:
    sent = {**JSON, **{name.replace("_", "-"): value for name, value in headers.items()}}
    return ask(app, path, "POST", sent, json.dumps(body).encode())


def send(app: Starlette, content: bytes, kind: dict[str, str] = TEXT, query: str = "", **headers: str) -> Answer:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return ask(app, f"/jobs{query}", "POST", {**kind, **named}, content)


def left_files(tmp_path: Path) -> list[str]:
    return sorted(file.suffix for file in (tmp_path / "data" / "jobs").glob("*.*"))


# submitting


def test_a_job_is_accepted_with_its_address_while_models_load(app: Starlette) -> None:
    answer = post(app, {"text": "good"})
    job = json.loads(answer.body)
    assert (answer.status, answer.headers["location"]) == (202, f"/jobs/{job['job_uuid']}")
    told = {name: job[name] for name in ("status", "progress", "result_label", "total", "model")}
    assert told == {"status": "pending", "progress": 0, "result_label": None, "total": 1, "model": "sentiment"}
    assert json.loads(ask(app, answer.headers["location"]).body) == job


@pytest.mark.parametrize(
    ("body", "status", "pointers"),
    [
        ({}, 422, [""]),
        ({"text": "a", "inputs": ["b"]}, 422, ["/inputs"]),
        ({"inputs": []}, 422, ["/inputs"]),
        ({"text": ""}, 422, ["/text"]),
        ({"text": "x" * 101}, 422, ["/text"]),
        ({"inputs": ["a", " "]}, 422, ["/inputs/1"]),
        ({"inputs": [{"a": 1}]}, 422, ["/inputs/0"]),
        ({"inputs": ["a"], "model": "remarks"}, 422, ["/inputs/0"]),
        ({"inputs": ["a"] * 10_001}, 422, ["/inputs"]),
        ({"text": "a", "priority": 11}, 422, ["/priority"]),
        ({"text": "a", "model": "nobody"}, 404, []),
    ],
)
def test_what_is_no_job_is_refused_with_its_place(
    app: Starlette, body: object, status: int, pointers: list[str]
) -> None:
    answer = post(app, body)
    assert answer.status == status
    assert [fault["pointer"] for fault in json.loads(answer.body)["errors"]] == pointers


@pytest.mark.parametrize(
    ("body", "detail"),
    [
        ({"text": "x" * 1234}, "The text has 1 234 characters; at most 100 are allowed."),
        ({"text": " "}, "The text has nothing but blanks."),
        ({"inputs": ["a", "", "x" * 101]}, "Input 2 is empty."),
        ({"inputs": ["x" * 101]}, "Input 1 has 101 characters; at most 100 are allowed."),
        ({"inputs": [{"a": 1}]}, "Input 1 is a row, and the model reads texts."),
        ({"text": "a", "model": "remarks"}, "The text is no row, and the model reads rows: column name \u2192 value."),
        ({"inputs": ["a"] * 10_001}, "At most 10 000 inputs are allowed; send more of them as a file."),
    ],
)
def test_what_is_wrong_is_said_in_words_for_whoever_wrote_it(app: Starlette, body: object, detail: str) -> None:
    assert json.loads(post(app, body).body)["detail"] == detail


def test_a_prediction_counts_inputs_as_a_job_does(app: Starlette) -> None:
    told = [json.loads(post(app, {"inputs": ["a", text]}, "/predict").body)["detail"] for text in ("x" * 101, "")]
    assert told == ["Input 2 has 101 characters; at most 100 are allowed.", "Input 2 is empty."]


@pytest.mark.parametrize("model", ["minilm", "sentiment", "remarks"])
def test_every_kind_of_model_has_jobs(app: Starlette, model: str) -> None:
    inputs: list[Any] = [{"stars": 5}] if model == "remarks" else ["a"]
    assert post(app, {"inputs": inputs, "model": model}).status == 202


def test_the_same_key_names_the_same_job_and_no_other(app: Starlette) -> None:
    first, again = (json.loads(post(app, {"text": "a"}, idempotency_key="k1").body)["job_uuid"] for _ in range(2))
    assert first == again
    other = post(app, {"text": "b"}, idempotency_key="k1")
    assert (other.status, other.problem) == (422, "idempotency-conflict")


@pytest.mark.parametrize("key", ["", " ", "a b", "x" * 256, "\xe4", "a\tb"])
def test_a_key_that_is_none_is_refused(app: Starlette, key: str) -> None:
    answer = post(app, {"text": "a"}, idempotency_key=key)
    assert (answer.status, answer.problem) == (400, "bad-request")


def test_jobs_count_as_calls(make_jobs_app: AppMaker) -> None:
    app = make_jobs_app(calls_per_minute=1)
    assert [post(app, {"text": "a"}).status, send(app, b"a").status] == [202, 429]


def test_a_queue_that_is_away_is_told_with_when_to_come_back(app: Starlette, monkeypatch: pytest.MonkeyPatch) -> None:
    async def refuse(*arguments: object) -> tuple[Job, bool]:
        raise JobsUnavailableError("The database is locked.")

    monkeypatch.setattr(MemoryQueue, "submit", refuse)
    for answer in (post(app, {"text": "a"}), send(app, b"a")):
        assert (answer.status, answer.problem, answer.headers["retry-after"]) == (503, "jobs-unavailable", "2")


# files


def test_a_file_becomes_a_job_with_its_bad_lines(app: Starlette, tmp_path: Path) -> None:
    answer = send(app, b"one\n\n\xff\ntwo\n" + b"x" * 101)
    job = json.loads(answer.body)
    assert (answer.status, job["total"], job["bad_line_count"]) == (202, 2, 2)
    assert job["bad_lines"] == [
        {"line": 3, "message": "is not UTF-8; save the file as UTF-8"},
        {"line": 5, "message": "the text has 101 characters; at most 100 are allowed"},
    ]
    (file,) = (tmp_path / "data" / "jobs").glob("*.*")
    assert (file.name, file.read_text()) == (f"{job['job_uuid']}.jsonl", '"one"\n"two"\n')


def test_a_table_may_name_model_column_and_priority(app: Starlette, tmp_path: Path) -> None:
    answer = send(app, b"id,review\n1,good\n", CSV, "?model=minilm&column=review&priority=-3")
    assert (answer.status, json.loads(answer.body)["model"]) == (202, "minilm")
    assert [file.read_text() for file in (tmp_path / "data" / "jobs").glob("*.jsonl")] == ['"good"\n']


@pytest.mark.parametrize(
    ("content", "kind", "query", "status", "problem", "words"),
    [
        (b"", TEXT, "", 422, "invalid-input", "empty"),
        (b"\xff\n", TEXT, "", 422, "invalid-input", "no line that is an input. Line 1: is not UTF-8; save"),
        (b"id,review\n1,good\n", CSV, "", 422, "invalid-input", "there are `id`, `review`."),
        (b"id,text\n", CSV, "", 422, "invalid-input", "no rows"),
        (b"a", TEXT, "?model=nobody", 404, "unknown-model", "nobody"),
        (b"a", TEXT, "?model=remarks", 422, "invalid-input", "rows"),
        (b"a", TEXT, "?priority=1.5", 422, "invalid-input", "priority"),
        (b"a", TEXT, "?priority=\xb2", 422, "invalid-input", "priority"),
        (b"a", TEXT, "?column=", 422, "invalid-input", "column"),
        (b"a" * 10_001, TEXT, "", 413, "payload-too-large", "10 000 bytes"),
        (b"a", {"content-type": "text/plain; charset=latin-1"}, "", 415, "unsupported-media-type", "UTF-8"),
        (b"a", {"content-type": "application/zip"}, "", 415, "unsupported-media-type", "text/csv"),
        (b"a", {"content-type": "text/csv", "content-encoding": "gzip"}, "", 415, "unsupported-media-type", "Encoding"),
        (b"c" * 800 + b",x\n" + b"1,2\n" * 2000, CSV, "?model=remarks", 413, "payload-too-large", "room"),
    ],
)
def test_a_file_that_is_none_is_refused_and_nothing_stays(
    app: Starlette, tmp_path: Path, content: bytes, kind: dict[str, str], query: str, status: int, problem: str,
    words: str,
) -> None:  # fmt: skip
    answer = send(app, content, kind, query.encode("latin-1").decode("latin-1"))
    assert (answer.status, answer.problem) == (status, problem)
    assert words in json.loads(answer.body)["detail"]
    assert left_files(tmp_path) == []


def test_the_same_file_under_the_same_key_is_kept_once(app: Starlette, tmp_path: Path) -> None:
    first, again = (send(app, b"a\nb", idempotency_key="k") for _ in range(2))
    assert first.headers["location"] == again.headers["location"]
    assert left_files(tmp_path) == [".jsonl"]
    for content, query in ((b"a\nc", ""), (b"a\nb", "?priority=1")):
        assert send(app, content, query=query, idempotency_key="k").problem == "idempotency-conflict"
    assert left_files(tmp_path) == [".jsonl"]


def test_a_full_disk_is_told_and_nothing_stays(app: Starlette, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    answer = send(app, b"a")
    assert (answer.status, answer.problem) == (503, "jobs-unavailable")
    assert "disk is full" in json.loads(answer.body)["detail"]
    assert left_files(tmp_path) == []


def test_uploads_are_bounded_by_address(app: Starlette, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uploads, "MOST_UPLOADS_PER_ADDRESS", 0)
    answer = send(app, b"a")
    assert (answer.status, answer.headers["retry-after"]) == (429, "5")


@patient(max_examples=150)
@given(st.sampled_from(["text/plain", "text/csv", "application/jsonl", "application/json"]),
       st.binary(max_size=60) | st.text(max_size=60).map(str.encode), st.text(max_size=20))  # fmt: skip
def test_no_body_at_all_breaks_the_server(app: Starlette, kind: str, body: bytes, query: str) -> None:
    query = query.encode("utf-8", "replace").decode()
    assert send(app, body, {"content-type": kind}, f"?{query}").status in (202, 404, 413, 422)


# asking


def test_the_newest_jobs_come_first_and_pages_are_linked(app: Starlette) -> None:
    ids = [json.loads(post(app, {"text": "a"}).body)["job_uuid"] for _ in range(12)]
    answer = ask(app, "/jobs?limit=5&skip=5&status=pending")
    assert [job["job_uuid"] for job in json.loads(answer.body)] == ids[::-1][5:10]
    assert answer.headers["x-total-count"] == "12"
    assert answer.headers["link"] == (
        '</jobs?skip=10&limit=5&status=pending>; rel="next", </jobs?skip=0&limit=5&status=pending>; rel="first", '
        '</jobs?skip=0&limit=5&status=pending>; rel="prev"'
    )
    assert len(json.loads(ask(app, "/jobs").body)) == 10
    nobody = ask(app, "/jobs?status=failed,cancelled")
    assert (nobody.body, nobody.headers["x-total-count"], nobody.headers.get("link")) == (b"[]", "0", None)


@pytest.mark.parametrize(
    "query", ["skip=-1", "skip=x", f"skip={10**10}", "limit=0", "limit=101", "status=done", "status="]
)
def test_a_page_that_cannot_be_is_refused(app: Starlette, query: str) -> None:
    answer = ask(app, f"/jobs?{query}")
    assert (answer.status, answer.problem) == (422, "invalid-input")


@pytest.mark.parametrize("id_", ["0b6ad1f4-5f8e-4b37-9d0c-9a2f6f1f4c11", "x", "%00", "%ff", "a" * 5000])
@pytest.mark.parametrize(("method", "rest"), [("GET", ""), ("GET", "/results"), ("POST", "/retry"), ("DELETE", "")])
def test_an_unknown_job_is_not_found(app: Starlette, id_: str, method: str, rest: str) -> None:
    answer = ask(app, f"/jobs/{id_}{rest}", method)
    assert (answer.status, answer.problem) == (404, "job-not-found")


def test_a_pending_job_is_cancelled_at_once_tried_again_and_never_twice(app: Starlette) -> None:
    address = post(app, {"text": "a"}).headers["location"]
    assert ask(app, f"{address}/retry", "POST").problem == "job-not-ended"
    cancelled = ask(app, address, "DELETE")
    assert (cancelled.status, json.loads(cancelled.body)["status"]) == (200, "cancelled")
    assert ask(app, address, "DELETE").problem == "job-ended"
    assert (ask(app, f"{address}/retry", "POST").status, json.loads(ask(app, address).body)["status"]) == (
        202,
        "pending",
    )


def test_results_of_a_job_that_has_none_are_an_empty_file(app: Starlette) -> None:
    address = post(app, {"text": "a"}).headers["location"]
    answer = ask(app, f"{address}/results")
    assert (json.loads(answer.body), answer.headers["content-type"]) == ([], "application/json")
    assert answer.headers["content-disposition"] == f'attachment; filename="job-{address[6:14]}-partial.json"'
    assert ask(app, f"{address}/results?format=xml").problem == "invalid-input"
    assert ask(app, f"{address}/results?format=csv").body == b"index,label,score,truncated,error\r\n"
    assert ask(app, f"{address}/results?format=csv&bom=true").body.startswith(b"\xef\xbb\xbfindex,")
    for flag in ("inputs", "bom"):
        assert ask(app, f"{address}/results?{flag}=yes").problem == "invalid-input"


def test_results_of_a_job_whose_file_is_gone_still_come_without_its_texts(app: Starlette, tmp_path: Path) -> None:
    address = send(app, b"a").headers["location"]
    assert json.loads(ask(app, f"{address}/results?inputs=true").body) == []
    (tmp_path / "data" / f"{address[1:]}.jsonl").unlink()
    gone = ask(app, f"{address}/results?inputs=true")
    assert (gone.status, gone.problem) == (410, "job-inputs-gone")
    assert ask(app, f"{address}/results").status == 200


# instead of a prediction


def test_who_prefers_a_job_to_waiting_gets_one(app: Starlette) -> None:
    answer = post(app, {"text": "good"}, "/predict", prefer="respond-async")
    assert (answer.status, answer.headers["preference-applied"]) == (202, "respond-async")
    assert json.loads(ask(app, answer.headers["location"]).body)["total"] == 1
    assert post(app, {"text": "good"}, "/predict").status == 425
    assert post(app, {"text": ""}, "/predict", prefer="respond-async").status == 422
    assert post(app, {"text": "a", "model": "minilm"}, "/predict", prefer="respond-async").problem == "unsupported-task"


def test_a_server_may_answer_every_prediction_with_a_job(make_jobs_app: AppMaker, queue: MemoryQueue) -> None:
    app = make_jobs_app(use_background_inference=True)
    answer = post(app, {"text": "good"}, "/predict", idempotency_key="k")
    assert (answer.status, answer.headers.get("preference-applied")) == (202, None)
    assert (
        post(app, {"text": "good"}, "/predict", idempotency_key="k").headers["location"] == answer.headers["location"]
    )


def test_a_job_lies_under_the_base_path(make_jobs_app: AppMaker) -> None:
    app = make_jobs_app(base_path="/greenroom")
    assert post(app, {"text": "a"}).headers["location"].startswith("/greenroom/jobs/")
    post(app, {"text": "a"})
    assert "</greenroom/jobs?" in ask(app, "/jobs?limit=1").headers["link"]


def test_the_queue_says_when_it_is_full(make_jobs_app: AppMaker, queue: MemoryQueue) -> None:
    queue._max_pending = 0
    answer = post(make_jobs_app(), {"text": "a"})
    assert (answer.status, answer.problem) == (429, "overloaded")


# sockets


@pytest.mark.parametrize(
    ("path", "origin", "status"),
    [("/ws/jobs/x", None, 404), ("/ws/jobs", "https://evil.example", 403)],
)
def test_a_socket_that_may_not_be_is_refused_before_it_is_one(
    app: Starlette, path: str, origin: str | None, status: int
) -> None:
    answer = ask(app, path, headers={"origin": origin} if origin else {}, kind="websocket")
    assert answer.status == status


def test_a_plain_request_to_a_socket_is_told_so(app: Starlette) -> None:
    assert [ask(app, path).status for path in ("/ws/jobs", "/ws/jobs/x")] == [426, 426]


@pytest.mark.parametrize(("body", "priority"), [({}, 5), ({"priority": 0}, 0), ({"priority": -1}, -1)])
def test_a_priority_in_the_body_wins_over_the_address_also_when_it_is_none(
    app: Starlette, queue: MemoryQueue, body: dict[str, int], priority: int
) -> None:
    id_ = json.loads(post(app, {"text": "a", **body}, "/jobs?priority=5").body)["job_uuid"]
    assert queue._rows[id_].job.priority == priority
