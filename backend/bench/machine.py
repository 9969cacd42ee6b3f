"""The machine a figure was taken on, without anything that names it."""

from __future__ import annotations

import os
import platform
import sys
import time
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path

QUIET_SHARE = 0.2
"""Of the machine's processor time, what others may use while nothing is measured; above it, figures are not to be
trusted."""
LOOK_SECONDS = 1.0


@dataclass(frozen=True)
class Machine:
    cpu: str
    cores: int
    memory_gib: float
    kernel: str
    python: str
    torch: str
    busy_share: float
    """Of its processor time, what was in use in the second before the bench began (0 to 1)."""

    @property
    def busy(self) -> bool:
        return self.busy_share > QUIET_SHARE

    def text(self) -> str:
        """One line."""
        return (
            f"{self.cpu}, {self.cores} cores, {self.memory_gib:.0f} GiB, {self.kernel}, "
            f"Python {self.python}, PyTorch {self.torch}"
        )

    def to_dict(self) -> dict[str, str | int | float]:
        return asdict(self)


def cores() -> int:
    """Processors that this process may use."""
    return len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1


def this_machine() -> Machine:
    """Takes a second: it looks how busy the machine is."""
    return Machine(
        cpu=_cpu_model(),
        cores=cores(),
        memory_gib=os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30,
        kernel=f"{platform.system()} {platform.release()}",
        python=platform.python_version(),
        torch=_torch_version(),
        busy_share=_busy_share(),
    )


def _busy_share() -> float:
    """By the kernel's count of ticks; where there is none, by the load average of the last minute."""
    try:
        before = _ticks()
        time.sleep(LOOK_SECONDS)
        all_ticks, idle = (after - earlier for after, earlier in zip(_ticks(), before, strict=True))
    except OSError:
        return min(1.0, os.getloadavg()[0] / cores())
    return 1 - idle / all_ticks if all_ticks else 0.0


def _ticks() -> tuple[int, int]:
    """(all, idle) of all processors since the machine started (proc_stat(5)). Raises OSError."""
    first = Path("/proc/stat").read_text(encoding="ascii").partition("\n")[0].split()[1:9]
    ticks = [int(value) for value in first]
    return sum(ticks), ticks[3] + ticks[4]


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
