"""The front's end and the process itself, as a server has them."""

from __future__ import annotations

import asyncio
import errno
import os
import signal
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from greenroom.protocol.snapshot import StageName
from greenroom.settings import load_settings
from greenroom.sources.fetcher import ProcessFetcher
from greenroom.sources.inline import InlineFetcher
from greenroom.sources.seam import Want
from greenroom.words import ConfigError, ModelSpec, SourceError, SourceNotFoundError
from tests.integration.sources.file_server import Fault, FileServer

Work = Callable[[ProcessFetcher], Coroutine[None, None, None]]


@asynccontextmanager
async def fetching(data: Path, idle_seconds: float = 10) -> AsyncIterator[ProcessFetcher]:
    fetcher = ProcessFetcher(load_settings(data=data), idle_seconds)
    try:
        yield fetcher
    finally:
        await fetcher.close()


def ignore(stage: StageName, done: int, total: int) -> None:
    """No one looks."""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "model"
    made.mkdir()
    (made / "config.json").write_text("{}")
    return made


async def until(happened: Callable[[], bool]) -> None:
    """For what happens in another process, and tells nobody."""
    while not happened():  # noqa: ASYNC110 - see above
        await asyncio.sleep(0.01)


def runs(pid: int) -> bool:
    """Whether the process does, a zombie not counted."""
    try:
        return ") Z " not in Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        return False


def test_a_folder_gives_the_same_version_beside_the_front_and_in_it(folder: Path, tmp_path: Path) -> None:
    async def go() -> None:
        spec, told = ModelSpec("mine", f"path:{folder}"), []
        async with fetching(tmp_path) as fetcher:
            version = await fetcher.fetch(spec, Want.CACHED, lambda *event: told.append(event))
            assert (await fetcher.look(spec)).key == version.key
            assert await fetcher.fetch(spec, version.key, ignore) == version
        assert version == await InlineFetcher(tmp_path).fetch(spec, Want.CACHED, ignore)
        assert told[-1] == (StageName.RESOLVE, 2, 2)

    asyncio.run(go())


def test_errors_arrive_as_what_they_are(tmp_path: Path) -> None:
    async def go() -> None:
        async with fetching(tmp_path) as fetcher:
            with pytest.raises(ConfigError, match="has to be path:<folder>"):
                await fetcher.fetch(ModelSpec("mine", "path:"), Want.LATEST, ignore)
            with pytest.raises(SourceNotFoundError, match="not-there"):
                await fetcher.fetch(ModelSpec("mine", "path:not-there"), Want.LATEST, ignore)

    asyncio.run(go())


def test_a_key_that_the_files_no_longer_have_is_told(folder: Path, tmp_path: Path) -> None:
    async def go() -> None:
        async with fetching(tmp_path) as fetcher:
            with pytest.raises(SourceNotFoundError, match="other files now"):
                await fetcher.fetch(ModelSpec("mine", f"path:{folder}"), "0" * 64, ignore)

    asyncio.run(go())


def test_a_process_that_dies_fails_its_request_for_now_and_the_next_one_has_another(
    server: FileServer, folder: Path, tmp_path: Path
) -> None:
    server.files["/a.bin"] = b"a" * 100_000

    async def go() -> None:
        async with fetching(tmp_path) as fetcher:
            server.sent = lambda count: os.kill(fetcher.pid or 0, signal.SIGKILL)
            with pytest.raises(SourceError, match="process that fetches models ended") as caught:
                await fetcher.fetch(ModelSpec("a", f"{server.bytes_url}/a.bin"), Want.LATEST, ignore)
            assert caught.value.temporary
            assert await fetcher.fetch(ModelSpec("mine", f"path:{folder}"), Want.LATEST, ignore)

    asyncio.run(go())


def test_an_idle_process_ends_and_comes_back(folder: Path, tmp_path: Path) -> None:
    async def go() -> None:
        spec = ModelSpec("mine", f"path:{folder}")
        async with fetching(tmp_path, idle_seconds=0) as fetcher:
            await fetcher.fetch(spec, Want.LATEST, ignore)
            pid = fetcher.pid
            assert pid is not None
            await until(lambda: not runs(pid))
            assert fetcher.pid is None
            assert await fetcher.fetch(spec, Want.LATEST, ignore)

    asyncio.run(go())


def test_signals_for_the_whole_group_are_left_to_the_front(server: FileServer, tmp_path: Path) -> None:
    server.files["/a.bin"] = b"a" * 100_000
    gate = threading.Event()
    server.faults = [Fault(gate=gate)]

    async def go() -> None:
        async with fetching(tmp_path) as fetcher:
            fetch = asyncio.create_task(fetcher.fetch(ModelSpec("a", f"{server.bytes_url}/a.bin"), Want.LATEST, ignore))
            assert await asyncio.to_thread(server.half_sent.wait, 20)
            assert fetcher.pid
            os.kill(fetcher.pid, signal.SIGINT)
            os.kill(fetcher.pid, signal.SIGTERM)
            gate.set()
            assert (await fetch).bytes_total == 100_000

    asyncio.run(go())


def test_a_cancelled_download_ends_at_once_and_is_gone_on_with(server: FileServer, tmp_path: Path) -> None:
    server.files["/a.bin"] = content = b"a" * 100_000
    gate, begun = threading.Event(), asyncio.Event()
    server.faults = [Fault(gate=gate)]

    def report(stage: StageName, done: int, total: int) -> None:
        assert stage is StageName.DOWNLOAD
        begun.set()

    async def go() -> None:
        async with fetching(tmp_path) as fetcher:
            spec = ModelSpec("a", f"{server.bytes_url}/a.bin")
            fetch = asyncio.create_task(fetcher.fetch(spec, Want.LATEST, report))
            await asyncio.wait_for(begun.wait(), 20)
            fetch.cancel()
            with pytest.raises(asyncio.CancelledError):
                await fetch
            version = await fetcher.fetch(spec, Want.LATEST, ignore)  # while the first answer still stands still
            assert (version.folder / "a.bin").read_bytes() == content
        assert [seen.headers.get("range", "")[:6] for seen in server.seen if seen.method == "GET"] == ["", "bytes="]

    try:
        asyncio.run(asyncio.wait_for(go(), 20))  # well below the longest silence that a download puts up with
    finally:
        gate.set()


def test_two_servers_download_once(server: FileServer, tmp_path: Path) -> None:
    server.files["/a.bin"] = b"a" * 100_000
    gate = threading.Event()
    server.faults = [Fault(gate=gate)]
    spec = ModelSpec("a", f"{server.bytes_url}/a.bin")

    async def go() -> None:
        async with fetching(tmp_path) as one, fetching(tmp_path) as other:
            first = asyncio.create_task(one.fetch(spec, Want.LATEST, ignore))
            assert await asyncio.to_thread(server.half_sent.wait, 20)
            second = asyncio.create_task(other.fetch(spec, Want.LATEST, ignore))
            await until(lambda: sum(seen.method == "HEAD" for seen in server.seen) == 2)
            gate.set()
            assert await first == await second
        assert sum(seen.method == "GET" for seen in server.seen) == 1

    asyncio.run(go())


def test_after_close_nothing_is_started_any_more(folder: Path, tmp_path: Path) -> None:
    async def go() -> None:
        async with fetching(tmp_path) as fetcher:
            pass
        with pytest.raises(SourceError, match="about to stop"):
            await fetcher.look(ModelSpec("mine", f"path:{folder}"))

    asyncio.run(go())


@dataclass
class Starting:
    """A start that waits for the gate once it has begun, and the processes that were started."""

    begun: asyncio.Event = field(default_factory=asyncio.Event)
    gate: asyncio.Event = field(default_factory=asyncio.Event)
    started: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def left(self) -> list[int]:
        return [process.pid for process in self.started if process.poll() is None]


@pytest.fixture
def starting(monkeypatch: pytest.MonkeyPatch) -> Starting:
    made, connect, start = Starting(), asyncio.open_connection, subprocess.Popen

    async def slow(**how: Any) -> Any:
        made.begun.set()
        await made.gate.wait()
        return await connect(**how)

    def counted(*arguments: Any, **how: Any) -> subprocess.Popen[bytes]:
        made.started.append(start(*arguments, **how))
        return made.started[-1]

    monkeypatch.setattr(asyncio, "open_connection", slow)
    monkeypatch.setattr(subprocess, "Popen", counted)
    return made


def test_who_leaves_while_the_process_starts_leaves_no_process(
    starting: Starting, folder: Path, tmp_path: Path
) -> None:
    async def go() -> None:
        async with fetching(tmp_path) as fetcher:
            look = asyncio.create_task(fetcher.look(ModelSpec("mine", f"path:{folder}")))
            await starting.begun.wait()
            look.cancel()
            with pytest.raises(asyncio.CancelledError):
                await look
        assert starting.left() == []

    asyncio.run(go())


def test_closing_ends_a_process_that_is_being_started(starting: Starting, folder: Path, tmp_path: Path) -> None:
    async def go() -> None:
        async with fetching(tmp_path) as fetcher:
            look = asyncio.create_task(fetcher.look(ModelSpec("mine", f"path:{folder}")))
            await starting.begun.wait()
            closing = asyncio.create_task(fetcher.close())
            await asyncio.sleep(0)
            starting.gate.set()
            await closing
            assert starting.left() == []
            with pytest.raises(SourceError):
                await look
        assert len(starting.started) == 1

    asyncio.run(go())


@pytest.mark.parametrize(("number", "temporary"), [(errno.EAGAIN, True), (errno.ENOENT, False)])
def test_a_process_that_cannot_be_started_is_told(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, temporary: bool
) -> None:
    def refuse(*arguments: object, **how: object) -> None:
        raise OSError(number, os.strerror(number))

    async def go() -> None:
        async with fetching(tmp_path) as fetcher:
            monkeypatch.setattr(subprocess, "Popen", refuse)
            with pytest.raises(SourceError, match="cannot be started") as refusal:
                await fetcher.look(ModelSpec("mine", f"path:{folder}"))
            assert refusal.value.temporary is temporary
            monkeypatch.undo()
            assert await fetcher.look(ModelSpec("mine", f"path:{folder}"))

    asyncio.run(go())


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a child of its parent's end")
def test_the_process_ends_with_its_parent(folder: Path, tmp_path: Path) -> None:
    front = (
        "import asyncio, os, sys\n"
        "from pathlib import Path\n"
        "from greenroom.settings import load_settings\n"
        "from greenroom.sources import ProcessFetcher, Want\n"
        "from greenroom.words import ModelSpec\n"
        "async def go():\n"
        "    fetcher = ProcessFetcher(load_settings(data=Path(sys.argv[1])))\n"
        "    await fetcher.fetch(ModelSpec('mine', 'path:' + sys.argv[2]), Want.LATEST, lambda *event: None)\n"
        "    print(fetcher.pid, flush=True)\n"
        "    os._exit(0)\n"
        "asyncio.run(go())\n"
    )

    async def go() -> None:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-c", front, str(tmp_path), str(folder), stdout=asyncio.subprocess.PIPE
        )
        said, _ = await process.communicate()
        pid = int(said)
        await until(lambda: not runs(pid))

    asyncio.run(asyncio.wait_for(go(), 20))


def test_a_folder_costs_no_client_library(folder: Path, tmp_path: Path) -> None:
    code = (
        "import sys\n"
        "import greenroom.sources.fetch, greenroom.sources.folder, greenroom.sources.package\n"
        "heavy = {'httpx', 'huggingface_hub', 'mlflow', 'gdown', 'pydantic', 'structlog', 'asyncio'}\n"
        "print(sorted(heavy & set(sys.modules)))\n"
    )

    async def go() -> bytes:
        process = await asyncio.create_subprocess_exec(sys.executable, "-c", code, stdout=asyncio.subprocess.PIPE)
        return (await process.communicate())[0]

    assert asyncio.run(go()).strip() == b"[]"


def test_a_token_in_dotenv_reaches_the_process(
    server: FileServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.add("org/tiny", "config.json", b"{}")
    server.token = "hf_secret"
    (tmp_path / ".env").write_text("HF_TOKEN=hf_secret\nSOMETHING_ELSE=1\n")
    monkeypatch.chdir(tmp_path)

    async def go() -> None:
        async with fetching(tmp_path) as fetcher:
            assert await fetcher.fetch(ModelSpec("mine", "hf:org/tiny"), Want.LATEST, ignore)

    asyncio.run(go())
