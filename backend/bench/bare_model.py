"""Talks to `opponents/bare_batches.py`: the bare model, loaded once and idle until asked."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

from bench.model import model_folder, offline
from bench.processes import end, own_environment


@dataclass(frozen=True)
class Bare:
    """Texts a second, and how long each batch took, in seconds."""

    texts_per_second: float
    latencies: Sequence[float]


class BareModel:
    """Use it in a `with` block; `dtype` is known inside."""

    dtype = ""

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(  # noqa: S603 - our own interpreter and program
            [sys.executable, "-m", "bench.opponents.bare_batches", str(model_folder())],
            env=own_environment(offline()), stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL, start_new_session=True,
        )  # fmt: skip
        try:
            self.dtype = self._read()["dtype"]
        except BaseException:
            end(self._process)
            raise
        return self

    def embed_for(self, seconds: float, texts: Sequence[str], batch: int) -> Bare:
        """Embed `texts` over and over, `batch` at a time, for `seconds`."""
        assert self._process.stdin  # noqa: S101 - asked for above
        self._process.stdin.write(
            json.dumps({"texts": list(texts), "batch": batch, "seconds": seconds}).encode() + b"\n"
        )
        self._process.stdin.flush()
        done = self._read()
        return Bare(done["texts"] / done["seconds"], done["latencies"])

    def best_batch(self, seconds: float, texts: Sequence[str], sizes: Sequence[int]) -> int:
        """The size that embeds most texts a second."""
        return max(sizes, key=lambda size: self.embed_for(seconds, texts, size).texts_per_second)

    def _read(self) -> Any:
        assert self._process.stdout  # noqa: S101 - asked for above
        if not (line := self._process.stdout.readline()):
            raise RuntimeError("the bare model ended")
        return json.loads(line)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        end(self._process)
