"""What can be told from a spec's source alone. Pure."""

from __future__ import annotations

import re

from greenroom.sources.table import LOCAL, split
from greenroom.words import ModelSpec

_NAMES = {"mlflow": "MLflow", "hf": "the hub", "https": "the web", "http": "the web", "gdrive": "Google Drive"}
_FIXED_VERSION = re.compile(r"models:/[^/]+/\d+$")


def origin(spec: ModelSpec) -> str:
    """Where its files come from, for people."""
    return _NAMES.get(split(spec.source)[0], "this machine")


def is_local(spec: ModelSpec) -> bool:
    """Whether the files lie on this machine anyway: there is one version of them at a time, and none from before."""
    return split(spec.source)[0] in LOCAL


def is_followed(spec: ModelSpec) -> bool:
    """Whether what the source names moves by itself: an alias or a stage of MLflow's."""
    scheme, rest = split(spec.source)
    return scheme == "mlflow" and not _FIXED_VERSION.search(rest)
