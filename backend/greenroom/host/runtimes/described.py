"""The JSON file beside a classifier's weights that says what its rows mean."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from greenroom.host.runtime import UnusableFilesError


def read_settings(file: Path) -> Mapping[str, object]:
    """The members of the file's one object. Raises UnusableFilesError."""
    try:
        settings = json.loads(file.read_bytes())
    except (OSError, ValueError) as error:
        raise UnusableFilesError(f"{file.name} is missing, or not JSON ({type(error).__name__})") from error
    if not isinstance(settings, dict):
        raise UnusableFilesError(f"{file.name} must hold one JSON object")
    return settings


def require_labels(settings: Mapping[str, object]) -> list[str]:
    """Two or more different names. Raises UnusableFilesError."""
    labels = settings.get("labels")
    if not isinstance(labels, list) or not all(isinstance(label, str) and label for label in labels):
        raise UnusableFilesError("`labels` must be a list of names")
    if len(labels) < 2 or len(set(labels)) != len(labels):
        raise UnusableFilesError("`labels` must be at least two different names")
    return labels
