"""What a child process arranges for itself with the operating system. Everything here is best effort where a
platform lacks it: the end of the socket to the front is the bond that holds everywhere."""

from __future__ import annotations

import contextlib
import math
import os
import sys
from pathlib import Path

from greenroom.child import end_with_parent as end_with_parent
from greenroom.child import leave_signals_to_the_front as leave_signals_to_the_front

_OOM_STEP = 400
_MAX_OOM_SCORE = 1000
SPINS = "2000"
"""How often a core that waits for another one within a pass looks before it sleeps. OpenMP's own 300 000 burn 7 ms of
processor time on the machine of `docs/performance.md`, these less than 0.1 ms; when another program took the other core
away in mid-pass, throughput was seen to fall to a fortieth."""
SHAPES = "64"
"""Of how many shapes of a batch PyTorch and oneDNN remember how to compute them. Theirs are 1024 each, and with batches
of all lengths and sizes a host grew by a gigabyte before it had seen so many; at 64 it took no longer."""
_ENVIRONMENT = {
    "OPENBLAS_NUM_THREADS": "1",  # numpy's BLAS would start its threads at import: a fork does not carry them
    "HF_HUB_OFFLINE": "1",  # a version is complete on disk; nothing here may ask the network
    "TRANSFORMERS_OFFLINE": "1",
    "TOKENIZERS_PARALLELISM": "false",  # its thread pool does not survive a fork either
}


def prepare_environment() -> None:
    """Set what the runtime's libraries read when they are imported."""
    os.environ.update(_ENVIRONMENT)
    if "OMP_WAIT_POLICY" not in os.environ:
        os.environ.setdefault("GOMP_SPINCOUNT", SPINS)
    for variable in ("LRU_CACHE_CAPACITY", "ONEDNN_PRIMITIVE_CACHE_CAPACITY"):
        os.environ.setdefault(variable, SHAPES)


def offer_to_oom_killer() -> None:
    """Ask Linux to end this process before its parent when memory runs out. A host gives back most and is replaced
    soonest, so it goes first; then the zygote, from which it has inherited one step already; and the front last."""
    score = Path("/proc/self/oom_score_adj")
    with contextlib.suppress(OSError, ValueError):
        inherited = int(score.read_text(encoding="ascii"))
        score.write_text(str(min(inherited + _OOM_STEP, _MAX_OOM_SCORE)), encoding="ascii")


def usable_cpus() -> int:
    """CPUs that this process may use: its affinity, cut by a container's quota (cgroup v2, cpu.max), at least 1.
    A model that starts a thread for each CPU of the machine crawls in a container that has two."""
    allowed = len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1
    with contextlib.suppress(OSError, ValueError):
        quota, period = Path("/sys/fs/cgroup/cpu.max").read_text(encoding="ascii").split()
        allowed = min(allowed, math.ceil(int(quota) / int(period)))
    return max(1, allowed)
