"""A house with real processes, zygote and hosts, around a runtime without a model."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from greenroom.engine.local import LocalEngine
from greenroom.engine.local_host import LocalHost
from greenroom.engine.pulse import Patience
from greenroom.serving.greenroom import Embedded, Greenroom
from greenroom.settings import load_settings
from greenroom.words import ModelSpec

NAME = "deadly"
PATIENCE = Patience(tick_seconds=0.2, silent_ticks=8, loading_ticks=200, importing_ticks=300, grace_seconds=1.0)


@dataclass(frozen=True)
class RealHouse:
    greenroom: Greenroom
    engine: LocalEngine
    folder: Path
    """The version's files."""

    @property
    def ready(self) -> bool:
        return self.greenroom.is_ready(NAME)

    @property
    def loads(self) -> int:
        return self.greenroom.keepers[NAME].loads

    @property
    def host_pid(self) -> int:
        host = self.greenroom.keepers[NAME].host
        assert host is not None
        return host.info.pid

    def kill_host(self) -> None:
        kill(self.host_pid)

    def allow_space_change(self, allowed: bool) -> None:
        keeper = self.greenroom.keepers[NAME]
        keeper.spec = replace(keeper.spec, allow_space_change=allowed)

    def limit_loads(self, seconds: float) -> None:
        keeper = self.greenroom.keepers[NAME]
        keeper.spec = replace(keeper.spec, load_timeout_seconds=seconds)

    @property
    def zygote_pid(self) -> int:
        pid = self.engine.zygote_pid
        assert pid is not None
        return pid

    @property
    def hosts(self) -> set[int]:
        """The zygote's children."""
        pid = self.zygote_pid
        return set(map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split()))

    @property
    def inside(self) -> set[str]:
        """The texts that the host has and has not answered."""
        host = self.greenroom.keepers[NAME].host
        assert isinstance(host, LocalHost)
        return {text for owed in host._owed.values() for text in owed.texts}

    async def until(self, wanted: Callable[[], bool], seconds: float = 30.0) -> None:
        async with asyncio.timeout(seconds):
            while not wanted():  # noqa: ASYNC110 - other processes set no event here
                await asyncio.sleep(0.01)

    async def until_served_by_another_than(self, pid: int) -> None:
        await self.until(lambda: self.ready and self.greenroom.keepers[NAME].host is not None and self.host_pid != pid)

    def embed(self, *texts: str, seconds: float = 30.0) -> asyncio.Task[Embedded]:
        return asyncio.create_task(self.greenroom.embed(NAME, texts, seconds))

    @property
    def hold(self) -> Path:
        """While this file exists, loads wait."""
        return self.folder.parent / "hold"

    async def until_computing(self, text: str) -> None:
        """Until the host computes this slow text, and holds no other."""
        await self.until(lambda: self.inside == {text} and (self.folder.parent / "computing").exists())


@asynccontextmanager
async def open_house(folder: Path, patience: Patience = PATIENCE) -> AsyncIterator[RealHouse]:
    version = folder / "version"
    version.mkdir()
    (version / "weights.bin").write_bytes(b"weights")
    engine = LocalEngine(folder, patience=patience)
    spec = ModelSpec(NAME, f"path:{version}", max_tokens_per_batch=64, allow_space_change=True)
    greenroom = Greenroom(load_settings(data=folder / "data"), (spec,), engine)
    async with greenroom.running():
        yield RealHouse(greenroom, engine, version)


def stop(pid: int) -> None:
    os.kill(pid, signal.SIGSTOP)


def kill(pid: int) -> None:
    os.kill(pid, signal.SIGKILL)


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "XZ"
    except OSError:
        return False


def oom_score(pid: int) -> int:
    return int(Path(f"/proc/{pid}/oom_score").read_text())
