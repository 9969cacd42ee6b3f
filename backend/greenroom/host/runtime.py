"""What a runtime must offer, and the table of those there are. A new runtime is a module and a line here."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, cast

from greenroom.frames import Load
from greenroom.words import RuntimeName

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

ReportBytes = Callable[[int, int], None]
"""Takes (bytes done, bytes in total) while weights are read."""


@dataclass(frozen=True, slots=True)
class Tokens:
    """One text as the model reads it."""

    text: str
    ids: Sequence[int]
    type_ids: Sequence[int]
    truncated: bool
    """Whether the text was longer than the model's window."""


class Runtime(Protocol):
    """One version in memory."""

    @property
    def dimension(self) -> int:
        """Numbers in a row: of a vector, or a probability for each class."""

    @property
    def classes(self) -> tuple[str, ...]:
        """Of a classifier, in the order of its rows; empty for models that embed."""

    @property
    def columns(self) -> Mapping[str, str]:
        """Of a tabular model: column name → "number" or "text". Its texts are JSON objects."""

    @property
    def samples(self) -> tuple[str, ...]:
        """Inputs to warm up and check with; empty: sentences will do."""

    @property
    def max_tokens(self) -> int:
        """The model's window, special tokens included."""

    @property
    def device(self) -> str:
        """ "cpu" or "cuda"."""

    @property
    def dtype(self) -> str: ...

    def preferred_dtype(self) -> str:
        """The fastest number format that this machine computes in hardware."""

    def convert(self, dtype: str) -> None:
        """Turn weights and activations into `dtype`. Not reversible without reading the weights again."""

    def tokenise(self, texts: Sequence[str]) -> list[Tokens]:
        """Called from another thread than `embed`. Raises UnreadableInputError."""

    @property
    def workers(self) -> int:
        """How many threads may be in `embed` at a time, at least 1."""

    def embed(self, batch: Sequence[Tokens], alone: bool = True) -> NDArray[np.float32]:
        """Rows of shape (batch, dimension): vectors of unit length, normalised in float32, or probabilities.

        `alone`: nobody else is in here, and this is the main thread: take all cores. Otherwise a worker's share."""


class RuntimeModule(Protocol):
    """What a module named in the table provides. Importing it imports all that a first load would import."""

    def load(self, order: Load, report: ReportBytes) -> Runtime:
        """Read the weights in float32.

        Raises UnusableFilesError when the folder does not hold what this runtime can serve."""


class UnusableFilesError(Exception):
    """The version's files are not what the runtime needs; `str()` says which, without paths."""


class UntrustedFilesError(UnusableFilesError):
    """The files would run code of their own, and the operator has not said that they may."""

    def __init__(self, why: str) -> None:
        super().__init__(f"{why}. If you trust it, set `trust = true` for this model")


class UnreadableInputError(Exception):
    """The caller's input is not what the model reads; `str()` says why, without quoting it."""

    def __init__(self, why: str, index: int | None = None) -> None:
        """`index`: which one, where several were given and that is known."""
        super().__init__(why)
        self.index = index


_MODULES: Mapping[RuntimeName, str] = {
    RuntimeName.SENTENCE_TRANSFORMERS: "greenroom.host.runtimes.sentence_transformers",
    RuntimeName.TEXT_CLASSIFIER: "greenroom.host.runtimes.text_classifier",
    RuntimeName.TABULAR: "greenroom.host.runtimes.tabular",
}


def runtime_modules() -> tuple[str, ...]:
    """Names of all runtime modules: what the zygote imports before it forks."""
    return tuple(_MODULES.values())


def runtime_module_name(runtime: str) -> str:
    """Raises UnusableFilesError for a runtime that is not in the table."""
    try:
        return _MODULES[RuntimeName(runtime)]
    except (ValueError, KeyError) as error:
        raise UnusableFilesError(f"there is no runtime named {runtime!r}") from error


def require_runtime(runtime: str) -> RuntimeModule:
    """The module that runs `runtime`, imported. Raises UnusableFilesError when there is none."""
    return cast(RuntimeModule, importlib.import_module(runtime_module_name(runtime)))
