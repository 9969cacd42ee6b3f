"""A runtime without a model whose texts can do to its host what real inputs do: end it, hang it, eat its memory.

A version is what its file `weights.bin` says: `crash`, `hang`, `nan` and `wide` are bad ones.

Beside the version's folder, a file named `hold` makes loads wait while it is there, and a file named `computing` is
there while a slow text is computed."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from greenroom.frames import Load
from greenroom.host.runtime import ReportBytes, Tokens
from greenroom.serving.gate import FIXED_TEXTS
from tests.unit.host.fake_runtime import FakeRuntime

DEADLY, STUCK, HUNGRY, TOO_LARGE = "deadly", "stuck", "hungry", "too large"
SLOW = "slow"
SLOWLY_DEADLY = "slow, deadly"
SLOW_SECONDS = 0.5
GATE_TEXT = FIXED_TEXTS[0]
"""A host's own check has passed when it sees this one."""


class DeadlyRuntime(FakeRuntime):
    computing: Path
    kind = ""

    def embed(self, batch: Sequence[Tokens], alone: bool = True) -> NDArray[np.float32]:
        texts = [one.text for one in batch]
        if any(SLOW in text for text in texts):
            self.computing.touch()
            time.sleep(SLOW_SECONDS)
            self.computing.unlink()
        if DEADLY in texts or SLOWLY_DEADLY in texts:
            os.kill(os.getpid(), signal.SIGKILL)
        if STUCK in texts:
            threading.Event().wait()
        if TOO_LARGE in texts:
            raise MemoryError
        if HUNGRY in texts:
            _eat()
        rows = super().embed(batch, alone)
        if self.kind == "nan" and GATE_TEXT in texts:
            rows[0, 0] = np.nan
        return np.hstack([rows, np.zeros_like(rows)]) if self.kind == "wide" else rows


def load(order: Load, report: ReportBytes) -> DeadlyRuntime:
    folder = Path(order.folder)
    report(1, 2)
    while (folder.parent / "hold").exists():
        time.sleep(0.02)
    report(2, 2)
    kind = (folder / "weights.bin").read_text()
    if kind == "crash":
        os.kill(os.getpid(), signal.SIGSEGV)
    if kind == "hang":
        threading.Event().wait()
    runtime = DeadlyRuntime(preferred="float32")
    runtime.kind = kind
    if kind == "wide":
        runtime.dimension *= 2
    runtime.computing = folder.parent / "computing"
    runtime.computing.unlink(missing_ok=True)
    return runtime


def _eat() -> None:
    eaten = []
    while True:
        eaten.append(np.ones(16 << 20, np.uint8))
