"""When memory runs out, a host goes and the front stays."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from greenroom.words import InputRefusedError
from tests.integration.serving.deadly_runtime import HUNGRY
from tests.integration.serving.real_house import RealHouse, oom_score

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.skipif(sys.platform != "linux", reason="the OOM killer is Linux's"),
]
ROOM_BYTES = 256 << 20


class MemoryLimit:
    """A control group with little memory; v2, or the older v1."""

    def __init__(self, folder: Path, limit: str) -> None:
        self.folder = folder
        self._limit = folder / limit

    def hold(self, *pids: int) -> None:
        """Take in processes, and allow them all they have now and ROOM_BYTES. Raises OSError."""
        for pid in pids:
            (self.folder / "cgroup.procs").write_text(str(pid))
        self._limit.write_text(str(sum(map(_resident_bytes, pids)) + ROOM_BYTES))

    def give_back(self, *pids: int) -> None:
        parent = self.folder.parent
        for pid in (self.folder / "cgroup.procs").read_text().split():
            with contextlib.suppress(OSError):
                (parent / "cgroup.procs").write_text(pid)
        self.folder.rmdir()


def _resident_bytes(pid: int) -> int:
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def _own_group(controller: str) -> Path | None:
    """This process's group under cgroup v2 (controller "") or v1."""
    root = Path("/sys/fs/cgroup") / controller
    for line in Path("/proc/self/cgroup").read_text().splitlines():
        _, controllers, path = line.split(":", 2)
        if controllers == controller:
            nested = root / path.lstrip("/")
            return nested if nested.is_dir() else root
    return None


@pytest.fixture
def limit() -> Iterator[MemoryLimit]:
    for controller, file in (("", "memory.max"), ("memory", "memory.limit_in_bytes")):
        group = _own_group(controller)
        folder = group / f"greenroom-test-{os.getpid()}" if group else None
        try:
            if folder is None:
                continue
            folder.mkdir()
        except OSError:
            continue
        made = MemoryLimit(folder, file)
        if (folder / file).exists():
            yield made
            made.give_back()
            return
        folder.rmdir()
    pytest.skip("no memory control group can be made here")


async def test_the_kernel_would_end_a_host_before_the_zygote_and_that_before_the_front(house: RealHouse) -> None:
    assert oom_score(house.host_pid) > oom_score(house.zygote_pid) > oom_score(os.getpid())


async def test_a_text_that_eats_all_memory_costs_hosts_and_not_the_front(house: RealHouse, limit: MemoryLimit) -> None:
    """The front is this very process."""
    limit.hold(os.getpid(), house.zygote_pid, house.host_pid)
    innocents = [house.embed(f"{number:02}") for number in range(10)]
    hungry = house.embed(HUNGRY)
    await asyncio.wait_for(asyncio.gather(*innocents), 30)
    with pytest.raises(InputRefusedError):
        await hungry
    await house.until(lambda: house.ready)
    assert (await house.embed("fine")).tokens == (4,)
    assert house.loads == 3
