"""Room in memory: how many models are there at a time, and which one leaves.

Required models stay. Of the others the least recently used one leaves when there are more than MODEL_CACHE_SIZE, after
the new one is ready: never before, so that a load that fails has cost nobody anything. A model with a call in
progress, waiting ones included, is never taken, and neither is one that was loaded for somebody who has not come back
for it yet: the count may be exceeded for as long as all are in use. Only where memory would run out is room made
before a load, again by idle models alone; if that is not enough the load waits for those in progress, whose memory is
theirs already, and is then refused with the numbers.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Protocol

import structlog

from greenroom.words import ModelSpec, ModelVersion, NotEnoughMemoryError

HOST_BYTES = 160 << 20
"""Of a host before its weights: the runtime's own pages that it does not share."""
WEIGHTS_FACTOR = 1.5
"""Weights, and what a pass needs beside them, over the bytes of the files. Used until a version was seen resident."""
LOOK_SECONDS = 1.0
"""How often to look again while there are too many, and none may leave."""
MIB = 1 << 20

log = structlog.get_logger("greenroom.serving")


class Resident(Protocol):
    """A model as the room sees it. `serving.keeper.Keeper` is one."""

    @property
    def spec(self) -> ModelSpec: ...

    @property
    def is_resident(self) -> bool: ...

    @property
    def may_leave(self) -> bool:
        """Whether nobody uses it, or has asked for it and may be about to."""

    @property
    def used_at(self) -> float:
        """When a call last began or ended, on the event loop's clock."""

    def private_bytes(self) -> int:
        """Memory that would be free without it."""

    async def evict(self) -> None:
        """Leave memory; from the first step on, nobody can begin a call."""


class Room:
    def __init__(self, max_models: int, max_bytes: int, free_bytes: Callable[[], int | None] | None = None) -> None:
        """`max_bytes`: what all models may take together, 0 for no such limit. `free_bytes`: what the machine has
        left (None: unknown)."""
        self.max_models = max_models
        self._max_bytes = max_bytes
        self._free_bytes = free_bytes or available_bytes
        self._models: Mapping[str, Resident] = {}
        self._changed = asyncio.Event()
        self._making = asyncio.Lock()
        self._promised: list[int] = []
        """Bytes of each load in progress."""
        self._load_ended = asyncio.Event()

    @property
    def promised_bytes(self) -> int:
        """What the loads in progress count on."""
        return sum(self._promised)

    def of(self, models: Mapping[str, Resident]) -> None:
        """Say whose room it is."""
        self._models = models

    def changed(self) -> None:
        """A model became resident or idle: somebody may have to leave."""
        self._changed.set()

    async def run(self) -> None:
        """Evict whoever is too many, for ever."""
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LOOK_SECONDS if len(self._resident()) > self.max_models else None):
                    await self._changed.wait()
            self._changed.clear()
            while len(self._resident()) > self.max_models and (idle := self._idle()):
                await self._evict(idle[0], "too many models in memory")

    async def make(self, name: str, needed_bytes: int) -> contextlib.AbstractContextManager[None]:
        """Have `needed_bytes` for a load of `name`, by evicting idle models; they are its own within the context, which
        ends with the load.

        Raises NotEnoughMemoryError. While others load, what they will leave is not known: then it waits."""
        while True:
            async with self._making:
                missing = needed_bytes - self._left_bytes() + self.promised_bytes
                if missing > 0 and sum(model.private_bytes() for model in self._idle(but=name)) >= missing:
                    missing = await self._evict_for(name, needed_bytes)
                if missing <= 0:
                    self._promised.append(needed_bytes)
                    return self._promise(needed_bytes)
                if not self._promised:
                    raise NotEnoughMemoryError(
                        f"{name} needs about {_mib(needed_bytes)}, and {_mib(needed_bytes - missing)} are left while "
                        "the models in memory are in use. Stop others, raise MODEL_CACHE_BYTES, or add memory."
                    )
                self._load_ended.clear()
            await self._load_ended.wait()

    async def _evict_for(self, name: str, needed_bytes: int) -> float:
        """Evict idle models until there is room, or none is left that may go; what is missing then."""
        while (missing := needed_bytes - self._left_bytes() + self.promised_bytes) > 0:
            idle = self._idle(but=name)
            if not idle:
                break
            await self._evict(idle[0], f"{_mib(missing)} are missing for {name}")
        return missing

    @contextlib.contextmanager
    def _promise(self, needed_bytes: int) -> Iterator[None]:
        try:
            yield
        finally:
            self._promised.remove(needed_bytes)
            self._load_ended.set()

    def _left_bytes(self) -> float:
        free = self._free_bytes()
        left = float("inf") if free is None else float(free)
        if self._max_bytes:
            left = min(left, self._max_bytes - sum(model.private_bytes() for model in self._resident()))
        return left

    def _resident(self) -> Sequence[Resident]:
        return [model for model in self._models.values() if model.is_resident]

    def _idle(self, but: str = "") -> Sequence[Resident]:
        """The models that may leave, the one that was used longest ago first."""
        idle = [
            model for model in self._resident()
            if not model.spec.required and model.may_leave and model.spec.name != but
        ]  # fmt: skip
        return sorted(idle, key=lambda model: model.used_at)

    async def _evict(self, leaver: Resident, reason: str) -> None:
        log.info(f"Unloading model {leaver.spec.name}", model=leaver.spec.name, reason=reason)
        await leaver.evict()


def needed_bytes(version: ModelVersion, seen: int | None) -> int:
    """Memory that a host with `version` will take; `seen`: what one took before."""
    return seen if seen is not None else HOST_BYTES + int(WEIGHTS_FACTOR * version.bytes_total)


def available_bytes() -> int | None:
    """What this machine, or the control group that we run in, can still give (Linux; None elsewhere)."""
    known = [bytes_ for bytes_ in (_machine_bytes(), _group_bytes()) if bytes_ is not None]
    return min(known, default=None)


def _machine_bytes() -> int | None:
    """MemAvailable of proc(5), meminfo."""
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:"))
    except (OSError, ValueError, IndexError, StopIteration):
        return None


def _group_bytes(folder: Path = Path("/sys/fs/cgroup")) -> int | None:
    """Limit less use of the memory control group (version 2, else 1) whose root we see; None without a limit.

    The kernel counts the page cache as used, and gives it up before it kills anybody: what it has of files that were
    just read (a model's download fills it) is ours to have. https://docs.kernel.org/admin-guide/cgroup-v2.html"""
    for limit, use, reclaimable in (
        ("memory.max", "memory.current", ("inactive_file", "slab_reclaimable")),
        ("memory/memory.limit_in_bytes", "memory/memory.usage_in_bytes", ("total_inactive_file",)),
    ):
        try:
            left = _number(folder / limit) - _number(folder / use)
        except (OSError, ValueError):  # not this version, or "max": no limit
            continue
        return left + _reclaimable_bytes((folder / use).with_name("memory.stat"), reclaimable)
    return None


def _number(file: Path) -> int:
    return int(file.read_text(encoding="ascii"))


def _reclaimable_bytes(stat: Path, names: Sequence[str]) -> int:
    try:
        lines = [line.split() for line in stat.read_text(encoding="ascii").splitlines()]
        return sum(int(value) for name, value in lines if name in names)
    except (OSError, ValueError):
        return 0


def _mib(bytes_: float) -> str:
    return f"{max(0.0, bytes_) / MIB:.0f} MiB"
