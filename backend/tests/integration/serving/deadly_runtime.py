"""A runtime without a model whose texts can do to its host what real inputs do: end it, hang it, eat its memory.

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
from tests.unit.host.fake_runtime import FakeRuntime

DEADLY, STUCK, HUNGRY, TOO_LARGE = "deadly", "stuck", "hungry", "too large"
SLOW = "slow"
SLOWLY_DEADLY = "slow, deadly"
SLOW_SECONDS = 0.5


class DeadlyRuntime(FakeRuntime):
    computing: Path

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
        return super().embed(batch, alone)


def load(order: Load, report: ReportBytes) -> DeadlyRuntime:
    folder = Path(order.folder)
    report(1, 2)
    while (folder.parent / "hold").exists():
        time.sleep(0.02)
    report(2, 2)
    runtime = DeadlyRuntime(preferred="float32")
    runtime.computing = folder.parent / "computing"
    runtime.computing.unlink(missing_ok=True)
    return runtime


def _eat() -> None:
    eaten = []
    while True:
        eaten.append(np.ones(16 << 20, np.uint8))
