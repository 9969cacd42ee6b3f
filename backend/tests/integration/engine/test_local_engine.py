"""The local engine with the real zygote, real hosts and the real model."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import os
import shutil
import signal
import socket
import struct
import subprocess
import sys
from pathlib import Path

import pytest

from greenroom.engine.local import LocalEngine
from greenroom.engine.seam import Step, Vectors
from greenroom.words import DType, HostLostError, LoadError
from tests.integration.engine.model_loader import Loader

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.model,
    pytest.mark.skipif(sys.platform != "linux", reason="looks at processes through /proc and pidfd"),
]
TEXTS = [
    "pump",
    "",
    "  leading and trailing space  ",
    "Bitte senden Sie uns ein Angebot über 250 Stück.",
    "请报价五十个不锈钢法兰。 🚀",
    "word " * 400,
    "stainless steel gate valve, DN 80, PN 16 " * 8,
]
REFERENCE = """
import sys, json, numpy
from sentence_transformers import SentenceTransformer
model = SentenceTransformer(sys.argv[1], device="cpu")
rows = model.encode(json.loads(sys.argv[2]), normalize_embeddings=True)
sys.stdout.buffer.write(b"ROWS" + rows.astype("float32").tobytes())
"""
FRONT = """
import asyncio, sys
from pathlib import Path
from greenroom.engine.local import LocalEngine
from greenroom.words import ModelSpec, ModelVersion

async def main():
    engine = LocalEngine()
    await engine.start()
    version = ModelVersion("m", "0" * 64, Path(sys.argv[1]), ())
    host = await engine.load(ModelSpec("m", "path:m"), version, {}, lambda step: None)
    assert "torch" not in sys.modules and "numpy" not in sys.modules
    print(engine.zygote_pid, host.info.pid, flush=True)
    await asyncio.Event().wait()

asyncio.run(main())
"""


def rows_of(vectors: Vectors) -> list[tuple[float, ...]]:
    return list(struct.iter_unpack(f"<{vectors.dimension}f", vectors.data))


def children_of(pid: int) -> set[int]:
    return set(map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split()))


def descriptors() -> set[tuple[str, str]]:
    """Number and target of each descriptor of this process, without that of the listing itself."""
    found = set()
    for number in os.listdir("/proc/self/fd"):
        with contextlib.suppress(FileNotFoundError):
            found.add((number, os.readlink(f"/proc/self/fd/{number}")))
    return found


async def open_the_reserve() -> None:
    """With its first stream, a loop of uvloop opens /dev/null and keeps it until it is closed: libuv gives it up to
    refuse a connection when no other descriptor is left."""
    ours, theirs = socket.socketpair()
    with theirs:
        _, writer = await asyncio.open_connection(sock=ours)
        writer.close()
        await writer.wait_closed()


async def gone(pid: int) -> None:
    """Return when the process has ended; fail after ten seconds."""
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    try:
        ended = asyncio.Event()
        asyncio.get_running_loop().add_reader(descriptor, ended.set)
        await asyncio.wait_for(ended.wait(), 10)
    finally:
        asyncio.get_running_loop().remove_reader(descriptor)
        os.close(descriptor)


def zygote_of(loader: Loader) -> int:
    pid = loader.engine.zygote_pid
    assert pid is not None
    return int(pid)


class Freeze:
    """Lets a test act at a load's first step of a stage."""

    def __init__(self, stage: str) -> None:
        self.reached = asyncio.Event()
        self._stage = stage

    def __call__(self, step: Step) -> None:
        if step.stage == self._stage:
            self.reached.set()


async def test_a_load_reports_its_stages_in_order_and_each_to_its_end(loader: Loader) -> None:
    steps: list[Step] = []
    host = await loader.load(steps.append, dtype=DType.AUTO)
    await host.close()
    stages = [(stage, list(group)) for stage, group in itertools.groupby(steps, key=lambda step: step.stage)]
    assert [stage for stage, _ in stages if stage != "import"] == ["weights", "warmup", "check"]
    for _, group in stages:
        done = [step.done for step in group]
        assert done == sorted(done)
        assert all(0 <= step.done <= step.total for step in group)
        assert group[-1].done == group[-1].total
    weights = next(group for stage, group in stages if stage == "weights")
    assert len(weights) > 20
    assert weights[-1].total == (loader.folder / "model.safetensors").stat().st_size


async def test_vectors_equal_those_of_sentence_transformers_to_a_millionth(loader: Loader) -> None:
    reference = await asyncio.create_subprocess_exec(
        sys.executable, "-c", REFERENCE, str(loader.folder), json.dumps(TEXTS),
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    host = await loader.load()
    vectors = await host.embed(TEXTS, None)
    output, _ = await asyncio.wait_for(reference.communicate(), 60)
    await host.close()
    expected = struct.iter_unpack(f"<{vectors.dimension}f", output.partition(b"ROWS")[2])
    for row, wanted in zip(rows_of(vectors), expected, strict=True):
        assert row == pytest.approx(wanted, abs=1e-6)
        assert sum(x * x for x in row) == pytest.approx(1, abs=1e-5)
    assert vectors.truncated == (5,)
    assert vectors.tokens[0] == 3
    assert vectors.tokens[5] == host.info.max_tokens == 256


async def test_many_callers_each_get_their_own_rows(loader: Loader) -> None:
    host = await loader.load()
    texts = [f"position {number}: {number * 7} flanges" for number in range(40)]
    alone = rows_of(await host.embed(texts, None))
    together = await asyncio.gather(*(host.embed([text], 30.0) for text in texts))
    for row, vectors in zip(alone, together, strict=True):
        assert rows_of(vectors)[0] == pytest.approx(row, abs=1e-5)
    assert (host.memory_bytes() or 0) > 50_000_000
    await host.close()


async def test_a_host_killed_while_idle_is_reported_with_its_signal(loader: Loader) -> None:
    host = await loader.load()
    os.kill(host.info.pid, signal.SIGKILL)
    end = await asyncio.wait_for(asyncio.shield(host.exited), 10)
    assert (end.reason, end.expected) == ("killed by SIGKILL (out of memory?)", False)
    with pytest.raises(HostLostError):
        await host.embed(["late"], None)


async def test_calls_in_flight_fail_at_once_when_their_host_is_killed(loader: Loader) -> None:
    host = await loader.load()
    calls = [asyncio.create_task(host.embed(["a long text " * 40] * 40, 60.0)) for _ in range(20)]
    await asyncio.wait(calls, return_when=asyncio.FIRST_COMPLETED)
    os.kill(host.info.pid, signal.SIGKILL)
    outcomes = await asyncio.wait_for(asyncio.gather(*calls, return_exceptions=True), 10)
    assert sum(isinstance(outcome, HostLostError) for outcome in outcomes) > 0
    assert all(isinstance(outcome, HostLostError | Vectors) for outcome in outcomes)


async def test_a_host_killed_while_loading_fails_the_load_and_the_next_one_works(loader: Loader) -> None:
    freeze = Freeze("weights")
    before = children_of(zygote_of(loader))
    load = asyncio.create_task(loader.load(freeze))
    await asyncio.wait_for(freeze.reached.wait(), 30)
    [pid] = children_of(zygote_of(loader)) - before
    os.kill(pid, signal.SIGKILL)
    with pytest.raises(HostLostError, match="while it loaded: killed by SIGKILL"):
        await asyncio.wait_for(load, 10)
    await (await loader.load()).close()


async def test_a_cancelled_load_leaves_no_process(loader: Loader) -> None:
    freeze = Freeze("weights")
    before = children_of(zygote_of(loader))
    load = asyncio.create_task(loader.load(freeze))
    await asyncio.wait_for(freeze.reached.wait(), 30)
    [pid] = children_of(zygote_of(loader)) - before
    load.cancel()
    await asyncio.wait([load])
    await gone(pid)


async def test_a_load_that_takes_too_long_is_ended(loader: Loader) -> None:
    await (await loader.load()).close()
    with pytest.raises(HostLostError, match=r"not ready after 0\.05 seconds"):
        await loader.load(limit_seconds=0.05)


async def test_damaged_files_fail_the_load_in_words(loader: Loader, tmp_path: Path) -> None:
    broken = shutil.copytree(loader.folder, tmp_path / "model")
    weights = broken / "model.safetensors"
    os.truncate(weights, 1_000_000)
    with pytest.raises(LoadError, match=r"model\.safetensors is cut short"):
        await loader.load(folder=broken)
    weights.unlink()
    with pytest.raises(LoadError, match="no safetensors file"):
        await loader.load(folder=broken)


async def test_a_closed_host_ends_by_itself_and_was_expected_to(loader: Loader) -> None:
    host = await loader.load()
    await host.close()
    assert host.exited.result().reason == "exited with status 0"
    assert host.exited.result().expected
    await gone(host.info.pid)


async def test_hosts_serve_on_when_the_zygote_dies_and_a_new_one_makes_the_next(loader: Loader) -> None:
    host = await loader.load()
    old = zygote_of(loader)
    os.kill(old, signal.SIGKILL)
    await gone(old)
    steps: list[Step] = []
    second = await loader.load(steps.append)
    assert len((await host.embed(["still here"], 10.0)).tokens) == 1
    assert zygote_of(loader) != old
    assert steps[0].stage in {"import", "weights"}
    await host.close(grace_seconds=0.0)
    await gone(host.info.pid)
    await second.close()


async def test_closing_an_engine_leaves_no_process_and_no_descriptor(folder: Path) -> None:
    await open_the_reserve()
    before = descriptors()
    engine = LocalEngine()
    await engine.start()
    zygote, other = engine.zygote_pid, Loader(engine, folder)
    assert zygote is not None
    host = await other.load()
    freeze = Freeze("weights")
    loading = asyncio.create_task(other.load(freeze))
    await asyncio.wait_for(freeze.reached.wait(), 30)
    pids = [*children_of(zygote), zygote]
    await engine.close()
    for pid in pids:
        await gone(pid)
    with pytest.raises(HostLostError):
        await asyncio.wait_for(loading, 10)
    assert host.exited.done()
    for _ in range(10):  # turns of the loop: what was aborted lets go of its socket in a later one
        await asyncio.sleep(0)
    assert descriptors() <= before


async def test_an_engine_closed_while_importing_leaves_no_process(folder: Path) -> None:
    engine = LocalEngine()
    await engine.start()
    zygote = engine.zygote_pid
    loading = asyncio.create_task(Loader(engine, folder).load())
    await asyncio.sleep(0)
    await engine.close()
    with pytest.raises(HostLostError, match="shutting down"):
        await asyncio.wait_for(loading, 10)
    assert zygote is not None
    await gone(zygote)


async def test_nothing_outlives_a_front_that_is_killed(folder: Path) -> None:
    front = await asyncio.create_subprocess_exec(sys.executable, "-c", FRONT, str(folder), stdout=subprocess.PIPE)
    assert front.stdout is not None
    line = await asyncio.wait_for(front.stdout.readline(), 60)
    pids = list(map(int, line.split()))
    assert len(pids) == 2
    front.kill()
    await front.wait()
    for pid in pids:
        await gone(pid)
    front._transport.close()  # type: ignore[attr-defined]


async def test_a_zygote_killed_while_importing_is_replaced_and_the_load_waits_for_it(folder: Path) -> None:
    engine = LocalEngine()
    await engine.start()
    first, freeze = engine.zygote_pid, Freeze("import")
    loading = asyncio.create_task(Loader(engine, folder).load(freeze))
    await asyncio.wait_for(freeze.reached.wait(), 10)
    assert first is not None
    os.kill(first, signal.SIGKILL)
    host = await asyncio.wait_for(loading, 60)
    assert engine.zygote_pid != first
    assert len((await host.embed(["hello"], 10.0)).tokens) == 1
    await engine.close()


async def test_a_runtime_that_cannot_be_imported_fails_the_load_in_words(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "sentence_transformers.py").write_text("raise ImportError('it is broken')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    engine = LocalEngine()
    await engine.start()
    with pytest.raises(LoadError, match="runtime cannot be imported"):
        await Loader(engine, folder).load()
    await engine.close()


async def test_spawned_hosts_keep_the_same_promises(spawned_environment: None, folder: Path) -> None:
    engine = LocalEngine()
    await engine.start()
    steps: list[Step] = []
    host = await Loader(engine, folder).load(steps.append)
    stages = [stage for stage, _ in itertools.groupby(step.stage for step in steps)]
    assert stages == ["import", "weights", "warmup", "check"]
    assert engine.zygote_pid is None
    assert len((await host.embed(["hello"], 10.0)).tokens) == 1
    await engine.close()
    await gone(host.info.pid)


async def test_a_host_ends_at_end_of_file_even_when_it_is_busy(loader: Loader) -> None:
    host = await loader.load()
    call = asyncio.create_task(host.embed(["a long text " * 200] * 400, None))
    await asyncio.sleep(0)
    await host._link.drain()
    host._link.close()
    with pytest.raises(HostLostError):
        await asyncio.wait_for(call, 10)
    await gone(host.info.pid)


def test_the_zygote_ends_when_its_control_socket_closes_during_the_import() -> None:
    from greenroom.engine.zygote_process import start_zygote

    zygote = start_zygote()
    zygote.control.shutdown(socket.SHUT_RDWR)
    zygote.control.close()
    assert zygote.process.wait(10) == 0
