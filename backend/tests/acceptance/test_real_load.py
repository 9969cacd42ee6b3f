"""The house with its real model: the laws on a recorded load, and what `kill -9` may not break.

Run with `-s` to see the recording's figures."""

from __future__ import annotations

import json
import os
import signal
import statistics
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets.sync.client import connect

from greenroom.store.loads import read_early
from greenroom.testing import GreenroomServer
from greenroom.testing.plugin import GreenroomServerFactory

pytestmark = pytest.mark.model

Frame = dict[str, Any]
READY_WITHIN_SECONDS = 90


class Recorder:
    """Every snapshot of one server, with the moment it came (seconds from the start of the recording)."""

    def __init__(self, server: GreenroomServer) -> None:
        self.frames: list[Frame] = []
        self.times: list[float] = []
        self._server = server

    def record_until_ready(self) -> None:
        begun = time.monotonic()
        with connect(self._server.url.replace("http", "ws") + "/ws/init/recorder") as socket:
            while not (self.frames and self.frames[-1]["ready"]):
                frame = json.loads(socket.recv(timeout=READY_WITHIN_SECONDS))
                if frame["type"] == "initialization":
                    self.frames.append(frame)
                    self.times.append(time.monotonic() - begun)

    def report(self, title: str) -> None:
        """Print phases, distinct progress values and the ETA at each 10 %."""
        total = self.times[-1]
        tenths: dict[int, tuple[float, Frame]] = {}
        for at, frame in zip(self.times, self.frames, strict=True):
            tenths.setdefault(frame["progress"] // 10 * 10, (at, frame))
        print(f"\n{title}: {total:.2f} s, {len(self.frames)} snapshots")
        print("  phases:", " > ".join(dict.fromkeys(frame["phase"] for frame in self.frames)))
        print("  distinct progress values:", len({frame["progress"] for frame in self.frames}))
        for percent, (at, frame) in sorted(tenths.items()):
            said, basis = frame["estimated_seconds"], frame["estimate_basis"]
            print(f"  {percent:3d} %: at {at:.2f} s, says {said} s ({basis}), true {total - at:.2f} s")


def require_laws(frames: list[Frame]) -> None:
    """PROTOCOL §1, on what one client saw."""
    seqs = [frame["seq"] for frame in frames]
    assert seqs == sorted(set(seqs))
    for frame in frames:
        assert (frame["progress"] == 100) == frame["ready"] == (frame["phase"] == "ready")
        assert frame["ready"] or frame["estimated_seconds"] is None or frame["estimated_seconds"] >= 1
        for model in frame["models"]:
            assert not model["stages"] or sum(s["share"] for s in model["stages"]) == pytest.approx(1, abs=0.01)
    for earlier, later in pairwise(frames):
        if (earlier["epoch"], earlier["round"]) == (later["epoch"], later["round"]):
            assert later["progress"] >= earlier["progress"]


def embed(server: GreenroomServer, text: str = "a short text") -> httpx.Response:
    return httpx.post(f"{server.url}/v1/embeddings", json={"model": "minilm", "input": text}, timeout=60)


def model(server: GreenroomServer) -> Frame:
    report: Frame = httpx.get(f"{server.url}/models/status").json()["models"][0]
    return report


def wait_until_ready(server: GreenroomServer) -> float:
    begun = time.monotonic()
    server.control.wait_for(lambda state: bool(state["ready"]), "ready")
    return time.monotonic() - begun


def status_of(pid: int) -> tuple[str, int]:
    """State letter and parent of a process; ("X", 0) when there is none."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return "X", 0
    return fields[0], int(fields[1])


def alive(pid: int) -> bool:
    return status_of(pid)[0] not in "XZ"


def children(parents: set[int]) -> set[int]:
    """The living ones."""
    pids = [int(entry.name) for entry in Path("/proc").glob("[0-9]*")]
    return {pid for pid in pids if alive(pid) and status_of(pid)[1] in parents}


def zygotes(server: GreenroomServer) -> set[int]:
    """Children of the server itself, less the process that fetches."""
    return {pid for pid in children({server.pid}) if b"zygote" in Path(f"/proc/{pid}/cmdline").read_bytes()}


def hosts(server: GreenroomServer) -> set[int]:
    return children(zygotes(server))


@pytest.fixture
def server(greenroom_server_factory: GreenroomServerFactory) -> GreenroomServer:
    server: GreenroomServer = greenroom_server_factory(engine="local")
    return server


def wait_until_kept(server: GreenroomServer) -> None:
    """What a load taught is written a few seconds after it."""
    until = time.monotonic() + READY_WITHIN_SECONDS
    while not read_early(server.folder / "data" / "greenroom.db"):
        assert time.monotonic() < until, "the load was not kept"
        time.sleep(0.05)


def test_the_laws_hold_on_a_first_and_a_second_real_load(server: GreenroomServer) -> None:
    first, second = Recorder(server), Recorder(server)
    first.record_until_ready()
    wait_until_kept(server)
    server.restart()
    second.record_until_ready()
    for title, recorder in (("first load", first), ("second load", second)):
        recorder.report(title)
        require_laws(recorder.frames)
        assert len({frame["progress"] for frame in recorder.frames}) >= 10
        assert embed(server).status_code == 200
    bases = {frame["estimate_basis"] for frame in second.frames}
    assert "history" in bases
    assert first.frames[0]["epoch"] != second.frames[0]["epoch"]


def test_an_idle_host_that_is_killed_is_replaced(server: GreenroomServer) -> None:
    wait_until_ready(server)
    before = model(server)
    os.kill(before["pid"], signal.SIGKILL)
    server.control.wait_for(lambda state: state["round"] == 2 and bool(state["ready"]), "ready again")
    after = model(server)
    assert (after["loads"], after["pid"] != before["pid"]) == (2, True)
    assert embed(server).status_code == 200


def test_a_host_that_is_killed_while_loading_is_replaced(server: GreenroomServer) -> None:
    until = time.monotonic() + READY_WITHIN_SECONDS
    while not (loading := hosts(server)):
        assert time.monotonic() < until, "no host appeared"
    os.kill(loading.pop(), signal.SIGKILL)
    server.control.wait_for(lambda state: state["models"][0]["attempt"] == 2, "a second attempt")
    wait_until_ready(server)
    assert embed(server).status_code == 200


def test_every_call_in_flight_at_a_kill_is_answered(server: GreenroomServer) -> None:
    wait_until_ready(server)
    embed(server)
    pid = model(server)["pid"]
    with ThreadPoolExecutor(20) as pool:
        calls = [pool.submit(embed, server, "many words to embed " * 40) for _ in range(20)]
        threading.Timer(0.05, os.kill, (pid, signal.SIGKILL)).start()
        statuses = [call.result().status_code for call in calls]
    assert set(statuses) <= {200, 425, 503}
    assert statuses.count(200) >= 1
    wait_until_ready(server)
    assert embed(server).status_code == 200


def test_hosts_serve_on_while_a_killed_zygote_is_replaced(server: GreenroomServer) -> None:
    wait_until_ready(server)
    (zygote,) = zygotes(server)
    os.kill(zygote, signal.SIGKILL)
    assert embed(server).status_code == 200
    assert model(server)["loads"] == 1


def test_a_killed_front_leaves_no_process_behind(server: GreenroomServer) -> None:
    wait_until_ready(server)
    family = children({server.pid}) | hosts(server)
    assert {*zygotes(server), *hosts(server)} < family, "the process that fetched belongs to it, too"
    server.kill()
    until = time.monotonic() + 10
    while living := [pid for pid in family if alive(pid)]:
        assert time.monotonic() < until, f"still there after 10 s: {living}"


def test_health_answers_while_the_model_loads(server: GreenroomServer) -> None:
    took = []
    with httpx.Client() as client:
        while not (snapshot := client.get(f"{server.url}/status").json()["snapshot"])["ready"]:
            begun = time.perf_counter()
            assert client.get(f"{server.url}/health").status_code == 200
            took.append(time.perf_counter() - begun)
    assert snapshot["progress"] == 100
    print(f"\n/health while loading: {len(took)} calls, median {statistics.median(took) * 1000:.1f} ms")
