"""The bare model: our own runtime class in a process of its own, with no server, no queue and no socket around it.

`python -m bench.opponents.bare_batches FOLDER` loads the model as a host does (the number format the processor computes
best), then reads orders on standard input, one JSON object a line, `{"texts": […], "batch": 32, "seconds": 2}`: it
tokenises and embeds batch after batch for that long and answers with `{"texts": n, "seconds": s, "latencies": […]}`.
Sequential, as a script does it; the matrix products use all cores. First of all it answers `{"dtype": …}`. It does
not arrange itself for sharing the machine as a host does (threads, waiting): alone is when it is quickest.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Sequence
from itertools import cycle, islice
from typing import Any

from greenroom.frames import Load
from greenroom.host.runtimes.sentence_transformers import load


def main() -> None:
    runtime = load(Load("bare", sys.argv[1], "sentence-transformers", "auto", 4096), lambda done, total: None)
    dtype = runtime.preferred_dtype()
    if dtype != "float32":
        runtime.convert(dtype)
    print(json.dumps({"dtype": dtype}), flush=True)
    for line in sys.stdin:
        order = json.loads(line)
        print(json.dumps(_embed_for(runtime, order["texts"], order["batch"], order["seconds"])), flush=True)


def _embed_for(runtime: Any, texts: Sequence[str], batch: int, seconds: float) -> dict[str, Any]:
    supply, latencies, done = cycle(texts), [], 0
    begun = now = time.perf_counter()
    while now - begun < seconds:
        taken = list(islice(supply, batch))
        before = time.perf_counter()
        runtime.embed(runtime.tokenise(taken))
        now = time.perf_counter()
        latencies.append(now - before)
        done += len(taken)
    return {"texts": done, "seconds": now - begun, "latencies": latencies}


if __name__ == "__main__":
    main()
