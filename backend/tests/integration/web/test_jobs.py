"""Jobs on a real port, over the database, worked off by the scripted engine."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import ClientConnection, connect

from greenroom.protocol.jobs import JobAnswer, JobResult
from greenroom.testing import GreenroomServer
from greenroom.testing.plugin import GreenroomServerFactory

GOOD, BAD = "This product is amazing! I love it!", "This is terrible and I hate it!"
MODELS = """
[models.minilm]
source = "path:anything"

[models.sentiment]
source = "path:anything"
runtime = "text-classifier"
"""


@pytest.fixture
def server(greenroom_server_factory: GreenroomServerFactory, tmp_path: Path) -> GreenroomServer:
    (tmp_path / "greenroom.toml").write_text(MODELS)
    server: GreenroomServer = greenroom_server_factory(
        folder=tmp_path, environment={"GREENROOM_MAX_CONNECTIONS_PER_ADDRESS": "2"}
    )
    return server


def become_ready(server: GreenroomServer) -> None:
    for name in ("minilm", "sentiment"):
        server.control.auto(0.01, model=name)
    server.control.wait_for(lambda state: bool(state["ready"]), "ready")


def submit(server: GreenroomServer, **body: Any) -> str:
    answer = httpx.post(f"{server.url}/jobs", json=body, timeout=20)
    assert answer.status_code == 202, answer.text
    return JobAnswer.model_validate_json(answer.content).job_uuid


def socket_to(server: GreenroomServer, path: str) -> ClientConnection:
    return connect(f"{server.url.replace('http', 'ws')}{path}")


def frames(socket: ClientConnection) -> Iterator[dict[str, Any]]:
    """Until the server closes, which it does because there is nothing more to say."""
    yield from map(json.loads, socket)
    assert socket.close_code == 1000


def ended(server: GreenroomServer, id_: str) -> dict[str, Any]:
    with socket_to(server, f"/ws/jobs/{id_}") as socket:
        return list(frames(socket))[-1]


def test_a_job_from_before_the_models_were_ready_is_seen_to_its_end(server: GreenroomServer) -> None:
    id_ = submit(server, text=GOOD)
    with socket_to(server, f"/ws/jobs/{id_}") as socket:
        seen = [json.loads(socket.recv(timeout=20))]
        assert (seen[0]["status"], seen[0]["progress"]) == ("pending", 0)
        become_ready(server)
        seen += frames(socket)
    last = seen[-1]
    assert (last["status"], last["progress"], last["result_label"]) == ("completed", 100, "positive")
    assert last == httpx.get(f"{server.url}/jobs/{id_}").json()


def test_the_socket_of_a_job_that_has_ended_says_so_and_closes(server: GreenroomServer) -> None:
    id_ = submit(server, text=GOOD)
    httpx.delete(f"{server.url}/jobs/{id_}")
    with socket_to(server, f"/ws/jobs/{id_}") as socket:
        assert [frame["status"] for frame in frames(socket)] == ["cancelled"]


def test_results_are_files_in_the_order_of_the_inputs(server: GreenroomServer) -> None:
    become_ready(server)
    texts = [(GOOD, BAD)[number % 2] for number in range(300)]
    id_ = submit(server, inputs=texts)
    assert ended(server, id_)["done"] == 300
    results = f"{server.url}/jobs/{id_}/results"
    rows = httpx.get(results).json()
    assert [row["index"] for row in rows] == list(range(300))
    assert [row["label"] for row in rows] == ["positive", "negative"] * 150
    assert [json.loads(line) for line in httpx.get(results, params={"format": "jsonl"}).text.splitlines()] == rows
    table = csv.DictReader(io.StringIO(httpx.get(results, params={"format": "csv"}).text, newline=""))
    assert [(row["index"], row["label"]) for row in table] == [(str(row["index"]), row["label"]) for row in rows]


def test_a_form_with_a_file_gives_results_beside_its_texts(server: GreenroomServer) -> None:
    become_ready(server)
    texts = [f"{(GOOD, BAD)[number % 2]}, no. {number}" for number in range(300)]
    table = "review\n" + "".join(f'"{text}"\n' for text in texts)
    files = {"file": ("texts.csv", table.encode(), "application/octet-stream")}
    accepted = httpx.post(f"{server.url}/jobs", data={"column": "review"}, files=files, timeout=60).json()
    assert ended(server, accepted["job_uuid"])["done"] == 300
    results = f"{server.url}/jobs/{accepted['job_uuid']}/results"
    answer = httpx.get(results, params={"inputs": "true"})
    assert accepted["name"] == "texts.csv"
    assert answer.headers["content-disposition"] == 'attachment; filename="texts-results.json"'
    rows = answer.json()
    assert [JobResult.model_validate(row).text for row in rows] == texts
    assert [row["label"] for row in rows] == ["positive", "negative"] * 150
    told = httpx.get(results, params={"inputs": "true", "format": "csv"}).text
    assert [row["text"] for row in csv.DictReader(io.StringIO(told, newline=""))] == texts


def test_a_file_of_texts_is_as_ordinary_as_one(server: GreenroomServer) -> None:
    become_ready(server)
    content = "id,text\r\n" + "".join(f'{number},"{GOOD}, no. {number}"\r\n' for number in range(20_000)) + "x\r\n"
    answer = httpx.post(f"{server.url}/jobs", content=content, headers={"content-type": "text/csv"}, timeout=60)
    accepted = answer.json()
    assert (answer.status_code, accepted["total"], accepted["bad_line_count"]) == (202, 20_000, 1)
    assert accepted["bad_lines"][0]["line"] == 20_002
    seen = ended(server, accepted["job_uuid"])
    assert (seen["status"], seen["done"]) == ("completed", 20_000)


def test_all_jobs_are_watched_by_one_socket(server: GreenroomServer) -> None:
    first = submit(server, text=GOOD)
    with socket_to(server, "/ws/jobs") as socket:
        assert json.loads(socket.recv(timeout=20))["job_uuid"] == first
        second = submit(server, text=BAD)
        assert json.loads(socket.recv(timeout=20))["job_uuid"] == second
        become_ready(server)
        states: dict[str, Any] = {}
        while states != {first: "positive", second: "negative"}:
            frame = json.loads(socket.recv(timeout=20))
            if frame["status"] == "completed":
                states[frame["job_uuid"]] = frame["result_label"]


def test_sockets_of_jobs_count_as_connections(server: GreenroomServer) -> None:
    id_ = submit(server, text=GOOD)
    with socket_to(server, f"/ws/jobs/{id_}") as one, socket_to(server, "/ws/jobs"):
        assert json.loads(one.recv(timeout=20))["job_uuid"] == id_
        with pytest.raises(InvalidStatus) as refused:
            socket_to(server, "/ws/jobs")
    assert refused.value.response.status_code == 429


def test_nonsense_ends_the_socket_of_a_job(server: GreenroomServer) -> None:
    id_ = submit(server, text=GOOD)
    with socket_to(server, f"/ws/jobs/{id_}") as socket:
        assert json.loads(socket.recv(timeout=20))["job_uuid"] == id_
        socket.send("nonsense")
        assert json.loads(socket.recv(timeout=20))["code"] == "malformed-message"


def test_a_prediction_that_would_be_late_becomes_a_job(server: GreenroomServer) -> None:
    def predict(prefer: str) -> httpx.Response:
        return httpx.post(f"{server.url}/predict", json={"text": GOOD}, headers={"prefer": prefer}, timeout=30)

    late = predict("respond-async, wait=0")
    assert (late.status_code, late.headers["preference-applied"]) == (202, "respond-async")
    become_ready(server)
    assert predict("respond-async, wait=20").json()["label"] == "positive"
    assert predict("respond-async").status_code == 202
    assert ended(server, late.json()["job_uuid"])["result_label"] == "positive"


def test_an_upload_that_breaks_off_leaves_nothing(server: GreenroomServer, tmp_path: Path) -> None:
    def broken() -> Iterator[bytes]:
        yield b"one\n"
        raise ConnectionError

    with pytest.raises(ConnectionError):
        httpx.post(f"{server.url}/jobs", content=broken(), headers={"content-type": "text/plain"}, timeout=20)
    submit(server, text=GOOD)
    server.control.wait_for(lambda _: not list(tmp_path.rglob("*.upload")), "without the file")
    assert not list(tmp_path.rglob("*.part"))
    assert len(httpx.get(f"{server.url}/jobs").json()) == 1
