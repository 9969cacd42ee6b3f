"""Which folder, among many files, is the model: the files by which each runtime knows its own. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import PurePosixPath

from greenroom.words import RuntimeName

MARKS = {
    RuntimeName.SENTENCE_TRANSFORMERS: ("modules.json", "config.json"),
    RuntimeName.TEXT_CLASSIFIER: ("classifier.json",),
    RuntimeName.TABULAR: ("tabular.json",),
}
"""The folder that a runtime can read has one of these; the first is the stronger sign."""


def model_folder(paths: Iterable[PurePosixPath], marks: Sequence[str]) -> PurePosixPath | None:
    """The shallowest folder with a mark; among equals, an earlier mark before a later one, then by name."""
    marked = [(len(path.parts), marks.index(path.name), str(path.parent)) for path in paths if path.name in marks]
    return PurePosixPath(min(marked)[2]) if marked else None
