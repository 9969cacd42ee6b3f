"""Load time by stage: the first start of a machine, later ones with a cold and a warm disk cache, a load beside.

The default model as one archive (tar) from a file server on loopback (`python -m http.server`), so that a download is
among the stages and its speed is that of this machine, not of a network. *First start*: an empty data folder. *Later
start, cold disk cache*: the version is on disk, and the kernel is told to forget the model's files and everything
under site-packages (`posix_fadvise`), as after a reboot. *Later start, warm*: the same without that. *Loaded beside*:
the same version again into a second host, with low priority, while the first one serves
(`/models/reload?force=true`); it is forked from the process that has PyTorch imported. Stages as the server measures
and reports them (`load_history` of `/models/status`); "start → ready" is the watch of the bench: from process start to
`/readyz` saying 200.
"""

from __future__ import annotations

import os
import sysconfig
import tarfile
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from bench.harness import Bench, Plan, Report, Row, Table, Taken, interleave, spread
from bench.http import Connection, first_answer
from bench.model import MODEL, model_folder, offline
from bench.processes import free_port, running, until
from greenroom.protocol.snapshot import StageName

TOKEN = "the-token-of-the-stages-bench-123"  # noqa: S105 - of a server that lives for seconds on loopback
FIRST, COLD, WARM, BESIDE = "first start", "later start, cold disk cache", "later start, warm", "loaded beside"


def measure(plan: Plan) -> Report:
    with tempfile.TemporaryDirectory() as place, tempfile.TemporaryDirectory() as kept:
        with tarfile.open(Path(place) / "model.tar", "w") as archive:
            archive.add(model_folder(), arcname=".")
        port = free_port()
        served = ["-m", "http.server", str(port), "--bind", "127.0.0.1", "--directory", place]
        with running(served) as files:
            first_answer(files, port, "/model.tar")
            source = f"http://127.0.0.1:{port}/model.tar"
            _load(source, kept)
            sides = {
                FIRST: lambda: _first(source),
                COLD: lambda: _cold(source, Path(kept)),
                WARM: lambda: _load(source, kept),
                BESIDE: lambda: _load(source, kept, beside=True),
            }
            taken = interleave(sides, plan)
    rows = [Row(f"start → ready, {side}", "s", taken[side]["ready"]) for side in (FIRST, COLD, WARM)]
    return Report(rows, tables=[_table(taken)])


def _table(taken: Taken) -> Table:
    sides = (FIRST, COLD, WARM, BESIDE)
    stages: list[Sequence[str]] = [
        (stage, *(spread(taken[side].get(stage, ())) for side in sides)) for stage in (*StageName, "whole load")
    ]
    return Table(
        "Seconds of each stage; those that a load does not need are not among its stages", ("stage", *sides), stages
    )


def _first(source: str) -> Mapping[str, float]:
    with tempfile.TemporaryDirectory() as data:
        return _load(source, data)


def _cold(source: str, data: Path) -> Mapping[str, float]:
    forget(data)
    forget(Path(sysconfig.get_paths()["purelib"]))
    return _load(source, str(data))


def forget(folder: Path) -> None:
    """Have the kernel drop the files in `folder` from its cache, but for those that a process has mapped."""
    for path in folder.rglob("*"):
        if path.is_file():
            descriptor = os.open(path, os.O_RDONLY)
            try:
                os.fdatasync(descriptor)
                os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
            finally:
                os.close(descriptor)


def _load(source: str, data: str, *, beside: bool = False) -> Mapping[str, float]:
    """Seconds of one load: by stage, of all stages, and from process start to ready."""
    port = free_port()
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "greenroom.toml").write_text(f'[models.{MODEL}]\nsource = "{source}"\n')
        begun = time.perf_counter()
        arguments = ["-m", "greenroom", "serve", "--data", data, "--port", str(port)]
        environment = {**offline(), "GREENROOM_ADMIN_TOKEN": TOKEN}
        with running(arguments, environment=environment, folder=Path(folder)) as process:
            first_answer(process, port, "/readyz")
            ready = time.perf_counter() - begun
            with Connection(port) as connection:
                if beside:
                    path, headers = f"/models/reload?name={MODEL}&force=true", {"Authorization": f"Bearer {TOKEN}"}
                    answer = connection.post(path, {}, headers).json()
                    if answer["status"] != "reloaded":
                        raise RuntimeError(f"it was not loaded beside: {answer}")
                loads = 2 if beside else 1
                until(lambda: connection.get("/models/status").json()["models"][0]["loads"] == loads, "loaded")
                seconds = connection.get("/models/status").json()["models"][0]["load_history"][-1]["seconds"]
    return {**seconds, "whole load": sum(seconds.values()), "ready": ready}


BENCH = Bench("stages", "Load time by stage", measure)
