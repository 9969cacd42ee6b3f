"""A trained version as files: labels, head, figures, and the sums that bind them. The same head, the same bytes."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import save

from greenroom.host.train_head import Head

SUMS_NAME = "SHA256SUMS"


def write_version(folder: Path, head: Head, encoder: str, layers: int, metrics: dict[str, Any]) -> None:
    """`encoder`: its source; `layers`: how many of them the head reads through, 0 for all.

    The sums come last, so that a version that was cut short does not pass for whole.

    Raises OSError."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / SUMS_NAME).unlink(missing_ok=True)
    cut = {"layers": layers} if layers else {}
    files = {
        "classifier.json": _json({"labels": list(head.labels), "encoder": encoder, **cut}),
        # `save` writes memory as it lies, and scikit-learn lays it out by columns
        "head.safetensors": save({"weight": np.ascontiguousarray(head.weight), "bias": head.bias}),
        "metrics.json": _json(metrics),
    }
    for name, content in files.items():
        _put(folder / name, content)
    sums = (f"{hashlib.sha256(content).hexdigest()}  {name}\n" for name, content in files.items())
    _put(folder / SUMS_NAME, "".join(sums).encode())


def _json(value: dict[str, Any]) -> bytes:
    return (json.dumps(value, indent=2, ensure_ascii=False) + "\n").encode()


def _put(file: Path, content: bytes) -> None:
    part = file.with_name(f".{file.name}.part")
    part.write_bytes(content)
    os.replace(part, file)
