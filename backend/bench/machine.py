"""The machine a figure was taken on, without anything that names it."""

from __future__ import annotations

import os
import platform
import sys
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path

QUIET_LOAD = 0.5
"""Load average of the last minute, per core, above which the figures are not to be trusted."""


@dataclass(frozen=True)
class Machine:
    cpu: str
    cores: int
    memory_gib: float
    kernel: str
    python: str
    torch: str
    load_before: float
    """Load average of the last minute when the bench began, per core."""

    @property
    def busy(self) -> bool:
        return self.load_before > QUIET_LOAD

    def text(self) -> str:
        """One line."""
        return (
            f"{self.cpu}, {self.cores} cores, {self.memory_gib:.0f} GiB, {self.kernel}, "
            f"Python {self.python}, PyTorch {self.torch}"
        )

    def to_dict(self) -> dict[str, str | int | float]:
        return asdict(self)


def this_machine() -> Machine:
    cores = len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1
    return Machine(
        cpu=_cpu_model(),
        cores=cores,
        memory_gib=os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30,
        kernel=f"{platform.system()} {platform.release()}",
        python=platform.python_version(),
        torch=_torch_version(),
        load_before=os.getloadavg()[0] / cores,
    )


def _cpu_model() -> str:
    """What the kernel calls the processor, with the features that decide the number format."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    facts = _facts(lines)
    features = [name for name in ("avx512_bf16", "amx_bf16") if name in facts.get("flags", "").split()]
    model = facts.get("model name") or platform.machine()
    return f"{model} ({', '.join(features)})" if features else model


def _facts(lines: list[str]) -> dict[str, str]:
    """Of the first processor listed."""
    facts: dict[str, str] = {}
    for line in lines:
        key, _, value = line.partition(":")
        facts.setdefault(key.strip(), value.strip())
    return facts


def _torch_version() -> str:
    try:
        return metadata.version("torch")
    except metadata.PackageNotFoundError:
        return "not installed"
