"""What an operator reads, and what a script learns from the exit status."""

from __future__ import annotations

import asyncio
import io
import json
import socket
import subprocess
import sys
import threading
from collections.abc import Callable

import pytest
from rich.console import Console

from greenroom.cli import bars, remote
from greenroom.cli.main import run
from greenroom.cli.remote import Remote, address_of
from greenroom.protocol.answers import (
    ClearAnswer,
    ModelsStatus,
    ReloadAnswer,
    RollbackAnswer,
    ServerStatus,
    UnpinAnswer,
)
from greenroom.protocol.base import Message
from greenroom.protocol.problems import Problem
from greenroom.protocol.snapshot import ModelError
from greenroom.settings import load_settings
from greenroom.words import ConfigError, ErrorCode
from tests.unit.cli.answering import Reply, answering, says
from tests.unit.cli.conftest import TOKEN
from tests.unit.cli.made import model_report, model_state, server_status

REFUSED = ModelError(
    code=ErrorCode.VERSION_REFUSED,
    message="Its vectors are not finite. Mend it, then press Try again.",
    temporary=False,
)
RELOADED = ReloadAnswer(status="reloaded", model="minilm", model_version="3", previous_version="2")
NOT_RELOADED = ReloadAnswer(status="failed", model="minilm", model_version="2", error=REFUSED)
ROLLED_BACK = RollbackAnswer(
    status="rolled_back", model="minilm", model_version="1", previous_version="2", pinned=True
)  # fmt: skip
NOT_ROLLED_BACK = RollbackAnswer(
    status="failed", model="minilm", model_version="2", previous_version="1", pinned=False, error=REFUSED
)  # fmt: skip


def problem(status: int) -> Reply:
    told = Problem(
        type="/problems/x", title="This call needs the admin token", status=status, detail="This is not it.",
        instance="/", request_id="1",
    )  # fmt: skip
    return says(told, status)


@pytest.mark.parametrize(
    ("command", "call", "answer", "sentence"),
    [
        ("reload minilm", "POST /models/reload?name=minilm", RELOADED, "minilm: version 3 serves now, 2 did before."),
        (
            "reload minilm --force", "POST /models/reload?name=minilm&force=true", RELOADED,
            "minilm: version 3 serves now, 2 did before.",
        ),
        (
            "reload minilm --force", "POST /models/reload?name=minilm&force=true",
            ReloadAnswer(status="reloaded", model="minilm", model_version="2", previous_version="2"),
            "minilm: version 2 was loaded again, and serves.",
        ),
        (
            "reload minilm", "POST /models/reload?name=minilm",
            ReloadAnswer(status="unchanged", model="minilm", model_version="2"),
            "minilm: version 2 serves, which is what its source names.",
        ),
        (
            "rollback minilm", "POST /models/minilm/rollback", ROLLED_BACK,
            "minilm: version 1 serves again, 2 did before. It is held fast while its source names version 2, or until "
            "you say: greenroom models unpin minilm",
        ),
        (
            "rollback minilm", "POST /models/minilm/rollback", ROLLED_BACK.model_copy(update={"pinned": False}),
            "minilm: version 1 serves again, 2 did before.",
        ),
        (
            "unpin minilm", "POST /models/minilm/unpin", UnpinAnswer(model="minilm", was_pinned=True),
            "minilm: follows its source again.",
        ),
        (
            "unpin minilm", "POST /models/minilm/unpin", UnpinAnswer(model="minilm", was_pinned=False),
            "minilm: was not pinned; nothing has changed.",
        ),
        (
            "clear", "DELETE /models/clear", ClearAnswer(freed_bytes={"minilm": 91_000_000, "other": 0}),
            "minilm: 91.0 MB deleted.",
        ),
        (
            "clear minilm --all", "DELETE /models/clear?name=minilm&all=true", ClearAnswer(freed_bytes={"minilm": 0}),
            "There was nothing to delete.",
        ),
    ],
)  # fmt: skip
def test_what_was_done_is_said_in_a_sentence(
    capsys: pytest.CaptureFixture[str], command: str, call: str, answer: Message, sentence: str
) -> None:
    with answering({call.partition("?")[0]: says(answer)}) as server:
        assert run(["models", *command.split(), "--url", server.url]) == 0
    assert capsys.readouterr().out.strip() == sentence
    assert (server.asked, server.tokens) == ([call], [f"Bearer {TOKEN}"])


@pytest.mark.parametrize(
    ("command", "call", "answer", "sentence"),
    [
        (
            "reload minilm", "POST /models/reload", NOT_RELOADED,
            "minilm was not changed: Its vectors are not finite. Mend it, then try again. Version 2 serves on.",
        ),
        (
            "rollback minilm", "POST /models/minilm/rollback", NOT_ROLLED_BACK,
            "minilm was not rolled back: Its vectors are not finite. Mend it, then try again. Version 2 serves on.",
        ),
    ],
)  # fmt: skip
def test_what_was_tried_and_failed_ends_with_1_and_says_what_serves(
    capsys: pytest.CaptureFixture[str], command: str, call: str, answer: Message, sentence: str
) -> None:
    with answering({call: says(answer)}) as server:
        assert run(["models", *command.split(), "--url", server.url]) == 1
        said = capsys.readouterr()
        assert (said.out, said.err.strip()) == ("", f"greenroom: {sentence}")
        assert run(["models", *command.split(), "--url", server.url, "--json"]) == 1
        assert json.loads(capsys.readouterr().out)["status"] == "failed"


def test_a_refusal_ends_with_1_and_says_what_to_do(capsys: pytest.CaptureFixture[str]) -> None:
    with answering({"POST /models/minilm/unpin": problem(401)}) as server:
        assert run(["models", "unpin", "minilm", "--url", server.url]) == 1
    said = capsys.readouterr().err
    assert said.startswith("greenroom: This call needs the admin token: This is not it. Set GREENROOM_ADMIN_TOKEN")


def test_where_no_server_answers_the_status_is_3(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.socket() as taken:  # bound, and nobody listens
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
        assert run(["models", "list", "--url", url]) == 3
    assert capsys.readouterr().err.startswith(f"greenroom: No server answers at {url}. Start one")


@pytest.mark.parametrize("status", [200, 404, 502])
def test_another_program_at_that_address_is_no_server_of_ours(capsys: pytest.CaptureFixture[str], status: int) -> None:
    with answering({"GET /models/status": lambda: (status, b"<h1>It works!</h1>")}) as server:
        assert run(["models", "list", "--url", server.url]) == 3
    assert "is no Greenroom that I understand" in capsys.readouterr().err


def test_an_outcome_that_does_not_come_is_not_waited_for_for_ever(capsys: pytest.CaptureFixture[str]) -> None:
    gave_up = threading.Event()

    def silence() -> tuple[int, bytes]:
        gave_up.wait(30)
        return 200, RELOADED.to_json()

    with answering({"POST /models/reload": silence}) as server:
        assert run(["models", "reload", "minilm", "--url", server.url, "--timeout", "0.1"]) == 3
        gave_up.set()
    assert "has not answered within 0.1 s" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["rollback", "reload --timeout 0", "reload --timeout soon", "list --wrong"])
def test_a_wrong_command_ends_with_2(command: str) -> None:
    with pytest.raises(SystemExit) as ended:
        run(["models", *command.split()])
    assert ended.value.code == 2


@pytest.mark.parametrize("seconds", ["0", "-1", "inf", "nan", "soon"])
def test_a_time_that_is_none_is_said_in_words(capsys: pytest.CaptureFixture[str], seconds: str) -> None:
    with pytest.raises(SystemExit):
        run(["models", "reload", f"--timeout={seconds}"])
    assert f"argument --timeout: {seconds} is no number of seconds above 0" in capsys.readouterr().err


def status_of(*names: str) -> ModelsStatus:
    reports = tuple(model_report(model_state(name)) for name in names)
    return ModelsStatus(epoch="e", models=reports, max_resident=5, updated_every_seconds=60)


def test_which_model_is_reloaded_is_asked_where_there_are_several(capsys: pytest.CaptureFixture[str]) -> None:
    with answering({"GET /models/status": says(status_of("minilm", "sentiment"))}) as server:
        assert run(["models", "reload", "--url", server.url]) == 2
    assert capsys.readouterr().err == "greenroom: which one? minilm, sentiment\n"
    assert server.asked == ["GET /models/status"]


def test_the_only_model_need_not_be_named() -> None:
    replies = {"GET /models/status": says(status_of("minilm")), "POST /models/reload": says(RELOADED)}
    with answering(replies) as server:
        assert run(["models", "reload", "--url", server.url]) == 0
    assert server.asked == ["GET /models/status", "POST /models/reload?name=minilm"]


@pytest.mark.parametrize("option", [[], ["--json"]])
def test_who_reads_no_further_is_told_no_more(option: list[str]) -> None:
    many = status_of(*(f"model-{number}" for number in range(200)))
    with answering({"GET /models/status": says(many)}) as server:
        listing = subprocess.Popen(
            [sys.executable, "-m", "greenroom", "models", "list", "--url", server.url, *option],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip
        with listing:
            assert listing.stdout is not None
            assert listing.stderr is not None
            listing.stdout.close()
            assert listing.stderr.read() == b""
    assert listing.returncode == 0


def test_a_model_that_has_to_be_loaded_first_is_waited_for(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(remote, "AGAIN_SECONDS", 0.01)
    loading = server_status(model_state(phase="loading", progress=40)).snapshot
    answers = [(425, loading.to_json()), (503, loading.to_json()), (200, ROLLED_BACK.to_json())]
    with answering({"POST /models/minilm/rollback": lambda: answers.pop(0)}) as server:
        assert run(["models", "rollback", "minilm", "--url", server.url]) == 0
    assert "minilm: version 1 serves again" in capsys.readouterr().out


def test_a_model_that_loads_for_longer_than_anybody_waits_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    loading = server_status(model_state(phase="loading", progress=40)).snapshot
    with answering({"POST /models/reload": lambda: (425, loading.to_json())}) as server:
        assert run(["models", "reload", "minilm", "--url", server.url, "--timeout", "0.9"]) == 1
    assert capsys.readouterr().err.startswith("greenroom: minilm still loads (loading, 40 %) after 0.9 s.")


def test_an_address_that_is_none_ends_with_2(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["models", "list", "--url", "localhost:8000"]) == 2
    assert "such as http://127.0.0.1:8000" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("127.0.0.1", "http://127.0.0.1:8000"),
        ("0.0.0.0", "http://127.0.0.1:8000"),
        ("::", "http://[::1]:8000"),
        ("ai.example", "http://ai.example:8000"),
    ],
)
def test_the_server_is_looked_for_where_its_settings_put_it(host: str, url: str) -> None:
    assert address_of(load_settings(host=host, port=8000), None) == url


def test_a_port_that_nobody_can_know_has_to_be_said() -> None:
    with pytest.raises(ConfigError, match="--url"):
        address_of(load_settings(port=0), None)


def test_the_token_goes_with_admin_calls_alone() -> None:
    async def ask(url: str) -> None:
        async with Remote(url, TOKEN) as remote:
            await remote.read(ServerStatus, "/status")

    with answering({"GET /status": says(server_status(model_state()))}) as server:
        asyncio.run(ask(server.url))
    assert server.tokens == [None]


def test_a_proxy_for_the_rest_of_the_world_is_not_asked_for_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    with answering({}) as proxy, answering({"POST /models/minilm/unpin": problem(401)}) as server:
        monkeypatch.setenv("HTTP_PROXY", proxy.url)
        monkeypatch.setenv("http_proxy", proxy.url)
        run(["models", "unpin", "minilm", "--url", server.url])
    assert (len(server.asked), proxy.asked) == (1, [])


def watch(replies: dict[str, Reply], console: Console) -> list[str]:
    """Reload while `console` shows how far it is; what the server was asked."""

    async def reload(url: str) -> None:
        async with Remote(url, TOKEN) as remote:
            order = remote.order(ReloadAnswer, "POST", "/models/reload", 30, name="minilm")
            assert (await bars.watched(remote, "minilm", order, console)).status == "reloaded"

    with answering(replies) as server:
        asyncio.run(reload(server.url))
    return server.asked


def held_until(looks: int, standing: Message) -> dict[str, Reply]:
    """A server whose reload ends once somebody has looked so often at how it stands."""
    seen = threading.Semaphore(0)

    def look() -> tuple[int, bytes]:
        seen.release()
        return 200, standing.to_json()

    def reload() -> tuple[int, bytes]:
        for _ in range(looks):
            assert seen.acquire(timeout=30)
        return 200, RELOADED.to_json()

    return {"GET /status": look, "POST /models/reload": reload}


def test_a_person_who_waits_sees_the_coming_version_advance(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bars, "POLL_SECONDS", 0.01)
    written = io.StringIO()
    coming = server_status(model_state(target=("3", 45)))
    asked = watch(held_until(2, coming), Console(file=written, force_terminal=True, width=100))
    assert "GET /status?models=minilm" in asked
    assert "version 3 loading" in written.getvalue()
    assert "45%" in written.getvalue()


def test_where_nobody_looks_nothing_is_asked_or_drawn() -> None:
    written = io.StringIO()
    asked = watch(held_until(0, server_status(model_state())), Console(file=written, force_terminal=False))
    assert (asked, written.getvalue()) == (["POST /models/reload?name=minilm"], "")


@pytest.mark.parametrize(
    ("make", "doing", "percent"),
    [
        (lambda: model_state(), "looking at the source", None),
        (lambda: model_state(phase="downloading", progress=30), "downloading", 30),
        (lambda: model_state(target=(None, 0)), "new version loading", 0),
    ],
)
def test_what_a_bar_says(make: Callable[[], object], doing: str, percent: int | None) -> None:
    assert bars.standing(make()) == bars.Standing(doing, percent)  # type: ignore[arg-type]
