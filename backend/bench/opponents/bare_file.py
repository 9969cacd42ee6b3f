"""The bare model over all texts of a file, as one writes it in a script: no server, no queue, nothing saved.

`python -m bench.opponents.bare_file FILE` loads the default model with sentence-transformers, in the number format that
the processor computes best, as a host does, then reads orders on standard input, one JSON object a line,
`{"model": "minilm", "texts": 2000, "batch": 32}`: it takes so many of the file's lines and answers with
`{"seconds": s}`. "minilm": one call of the library's own `encode`, which sorts the texts by length. "sentiment": the
same `encode` on an encoder cut off as the classifier that ships with Greenroom wants it, then the classifier's head.
First of all it answers `{"dtype": …}`. PyTorch has all cores, as it has by default.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from bench.model import model_folder
from greenroom.frames import Load
from greenroom.host.runtimes import sentence_transformers, text_classifier
from greenroom.sources.builtin import SHELF

SENTIMENT = SHELF / "sentiment"
Work = Callable[[Sequence[str], int], Any]


def main() -> None:
    texts = Path(sys.argv[1]).read_text(encoding="utf-8").splitlines()
    encoder, cut = _encoder(), _encoder()
    head = text_classifier.Head.read(SENTIMENT)
    cut_encode = _encode(cut)
    _keep_layers(cut)
    works: dict[str, Work] = {
        "minilm": _encode(encoder),
        "sentiment": lambda some, batch: head.probabilities(cut_encode(some, batch)),
    }
    print(json.dumps({"dtype": encoder.dtype}), flush=True)
    for line in sys.stdin:
        order = json.loads(line)
        begun = time.perf_counter()
        rows = works[order["model"]](texts[: order["texts"]], order["batch"])
        print(json.dumps({"seconds": time.perf_counter() - begun, "rows": len(rows)}), flush=True)


def _encoder() -> sentence_transformers.SentenceTransformersRuntime:
    """Only the loading is ours."""
    order = Load("bare", str(model_folder()), "sentence-transformers", "auto", 4096)
    runtime = sentence_transformers.load(order, lambda done, total: None)
    if (dtype := runtime.preferred_dtype()) != "float32":
        runtime.convert(dtype)
    return runtime


def _keep_layers(runtime: sentence_transformers.SentenceTransformersRuntime) -> None:
    layers = json.loads((SENTIMENT / text_classifier.SETTINGS_FILE).read_text())["layers"]
    runtime.keep_layers(layers)


def _encode(runtime: sentence_transformers.SentenceTransformersRuntime) -> Work:
    """The library's call."""
    model = runtime._model

    def encode(texts: Sequence[str], batch: int) -> Any:
        return model.encode(list(texts), batch_size=batch, normalize_embeddings=True, show_progress_bar=False)

    return encode


if __name__ == "__main__":
    main()
