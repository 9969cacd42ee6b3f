"""Text classifiers: a sentence-transformers encoder with a linear head of ours on it.

A version's folder has `classifier.json` (`labels`, optionally `temperature` and `layers`) and `head.safetensors`
(float32 `weight` of shape (classes, dimension) and `bias` of shape (classes,)). A row is softmax((weight · vector +
bias) / temperature), where `vector` is the encoder's, of unit length; with `layers`, that of an encoder cut off after
so many of them. The encoder may compute in a reduced format; the head is too small for that to pay, and stays in
float32.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load_file

from greenroom.frames import Load
from greenroom.host.runtime import ReportBytes, Tokens, UnusableFilesError
from greenroom.host.runtimes import sentence_transformers
from greenroom.host.runtimes.described import read_settings, require_labels
from greenroom.host.runtimes.sentence_transformers import SentenceTransformersRuntime

SETTINGS_FILE = "classifier.json"
HEAD_FILE = "head.safetensors"
OWN_ENCODER = "encoder"
"""The encoder's folder within the version's, when it is told of no other one."""


def load(order: Load, report: ReportBytes) -> TextClassifier:
    """Read head and encoder in float32. Raises UnusableFilesError."""
    folder = Path(order.folder)
    head = Head.read(folder)
    head_bytes = (folder / HEAD_FILE).stat().st_size
    encoder = Path(order.encoder) if order.encoder else folder / OWN_ENCODER
    if not encoder.is_dir():
        raise UnusableFilesError("there is no encoder for the head")
    runtime = sentence_transformers.load_from(
        encoder, order, lambda done, total: report(head_bytes + done, head_bytes + total)
    )
    if (layers := _layers(read_settings(folder / SETTINGS_FILE))) is not None:
        runtime.keep_layers(layers)
    head.require_fits(runtime.dimension)
    return TextClassifier(runtime, head)


class Head:
    """Logits from vectors, and probabilities from these."""

    def __init__(self, labels: Sequence[str], weight: NDArray[np.float32], bias: NDArray[np.float32]) -> None:
        """`weight` and `bias` with the temperature divided out. Raises UnusableFilesError when they do not fit."""
        if weight.ndim != 2 or weight.shape[0] != len(labels) or bias.shape != (len(labels),):
            raise UnusableFilesError("the head's weight and bias do not fit its labels")
        if not (np.all(np.isfinite(weight)) and np.all(np.isfinite(bias))):
            raise UnusableFilesError("the head has numbers that are not finite")
        self.labels = tuple(labels)
        self._weight = weight
        self._bias = bias

    @classmethod
    def read(cls, folder: Path) -> Head:
        """Raises UnusableFilesError."""
        settings = read_settings(folder / SETTINGS_FILE)
        temperature = np.float32(_temperature(settings))
        try:
            tensors = load_file(folder / HEAD_FILE)
            weight, bias = tensors["weight"], tensors["bias"]
        except (OSError, SafetensorError, KeyError) as error:
            raise UnusableFilesError(f"{HEAD_FILE} holds no weight and bias ({type(error).__name__})") from error
        if weight.dtype != np.float32 or bias.dtype != np.float32:
            raise UnusableFilesError("the head's weight and bias must be float32")
        return cls(require_labels(settings), weight / temperature, bias / temperature)

    def require_fits(self, dimension: int) -> None:
        """Raises UnusableFilesError when it was trained on another encoder."""
        if self._weight.shape[1] != dimension:
            wide = f"the head reads {self._weight.shape[1]} numbers, and its encoder gives {dimension}"
            raise UnusableFilesError(wide)

    def probabilities(self, vectors: NDArray[np.float32]) -> NDArray[np.float32]:
        """Shape (vectors, labels); each row sums to 1."""
        logits = vectors @ self._weight.T + self._bias
        powers = np.exp(logits - logits.max(axis=1, keepdims=True))
        rows: NDArray[np.float32] = powers / powers.sum(axis=1, keepdims=True)
        return rows


class TextClassifier:
    """An encoder, and what is read off its vectors."""

    columns: Mapping[str, str] = MappingProxyType({})
    samples: tuple[str, ...] = ()

    def __init__(self, encoder: SentenceTransformersRuntime, head: Head) -> None:
        self._encoder = encoder
        self._head = head

    @property
    def dimension(self) -> int:
        return len(self._head.labels)

    @property
    def classes(self) -> tuple[str, ...]:
        return self._head.labels

    @property
    def max_tokens(self) -> int:
        return self._encoder.max_tokens

    @property
    def device(self) -> str:
        return self._encoder.device

    @property
    def dtype(self) -> str:
        """The encoder's."""
        return self._encoder.dtype

    def preferred_dtype(self) -> str:
        return self._encoder.preferred_dtype()

    def convert(self, dtype: str) -> None:
        self._encoder.convert(dtype)

    def tokenise(self, texts: Sequence[str]) -> list[Tokens]:
        return self._encoder.tokenise(texts)

    @property
    def workers(self) -> int:
        return self._encoder.workers

    def embed(self, batch: Sequence[Tokens], alone: bool = True) -> NDArray[np.float32]:
        return self._head.probabilities(self._encoder.embed(batch, alone))


def _layers(settings: Mapping[str, object]) -> int | None:
    """None: all there are. Raises UnusableFilesError."""
    layers = settings.get("layers")
    if layers is not None and (isinstance(layers, bool) or not isinstance(layers, int)):
        raise UnusableFilesError("`layers` must be a whole number")
    return layers


def _temperature(settings: Mapping[str, object]) -> float:
    """1 unless it is given. Raises UnusableFilesError."""
    temperature = settings.get("temperature", 1.0)
    if isinstance(temperature, bool) or not isinstance(temperature, int | float):
        raise UnusableFilesError("`temperature` must be a number")
    if not (math.isfinite(temperature) and temperature > 0):
        raise UnusableFilesError("`temperature` must be a number above 0")
    return float(temperature)
