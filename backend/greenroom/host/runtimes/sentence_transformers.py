"""sentence-transformers models, loaded by sentence-transformers itself.

Weights come from safetensors only (nothing is unpickled) and without remote code, unless the operator trusts this
model. transformers walks the tensors under
one progress bar and lets a hook replace the bar: ours adds up the bytes of the tensors that really arrived. The hook
is global to the process, which is why a host holds one version.

Tokens are made once, when a call arrives, and padded when its batch forms; the modules behind get the same features
that `SentenceTransformer.preprocess` would make. A model whose input is more than plain text tokens (prompts,
chat templates, an own tokenizer) goes through `preprocess` itself.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sentence_transformers import SentenceTransformer
from sentence_transformers.base.modules import Transformer
from transformers import PreTrainedTokenizerBase
from transformers.models.bert import modeling_bert, tokenization_bert
from transformers.utils import logging as transformers_logging

from greenroom.frames import Load
from greenroom.host.process import usable_cpus
from greenroom.host.runtime import ReportBytes, Tokens, UntrustedFilesError, UnusableFilesError
from greenroom.host.runtimes.layers import count_layers, keep_layers

PRELOADED = (modeling_bert, tokenization_bert)
"""What the first load of the commonest architecture would import; others are imported when they are loaded."""
MAX_WORKERS = 4
"""Two passes with a core each get through more than one after another on both cores: a small model's pass is some
hundred short operations, and the cores wait for each other after each. (ADR 8.) But each pass needs Python's lock for a
part of its time, so beyond some threads, cores do more within a pass."""
_HEADER_LENGTH = struct.Struct("<Q")
_MAX_HEADER_BYTES = 100 * 1024 * 1024  # the format's own limit
_NO_WINDOW = 1 << 20
_PICKLES = "pytorch_model*.bin"


def load(order: Load, report: ReportBytes) -> SentenceTransformersRuntime:
    """Read the version in the order's folder in float32, onto the GPU when there is one.

    Raises UnusableFilesError."""
    return load_from(Path(order.folder), order, report)


def load_from(folder: Path, order: Load, report: ReportBytes) -> SentenceTransformersRuntime:
    """As `load`, from another folder. Raises UnusableFilesError."""
    transformers_logging.set_verbosity_error()
    torch.set_num_threads(1 if order.background else usable_cpus())
    if not order.trust:
        _require_safe(folder)
    meter = _WeightsMeter(_weights_in(folder), report)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        with meter.watching():
            model = SentenceTransformer(
                str(folder),
                device=device,
                local_files_only=True,
                trust_remote_code=order.trust,
                model_kwargs={"dtype": torch.float32, "use_safetensors": None if order.trust else True},
            )
    except (OSError, ValueError, KeyError) as error:
        raise _unusable(error) from error
    meter.finish()
    return SentenceTransformersRuntime(model.eval())


class SentenceTransformersRuntime:
    """One SentenceTransformer in memory."""

    def __init__(self, model: SentenceTransformer) -> None:
        self._model = model
        self._cores = usable_cpus()
        self._prompt: str | None = model.prompts.get(model.default_prompt_name or "") or None
        self._tokenizer = model.tokenizer
        window = model.max_seq_length
        self._window = int(window) if window and window < _NO_WINDOW else None
        self._plain = self._prompt is None and _reads_plain_tokens(model)
        self._uses_types = self._plain and "token_type_ids" in self._tokenizer.model_input_names
        self._counter = self._own_tokenizer()

    classes: tuple[str, ...] = ()
    columns: Mapping[str, str] = MappingProxyType({})
    samples: tuple[str, ...] = ()

    @property
    def dimension(self) -> int:
        return int(self._model.get_embedding_dimension() or 0)

    @property
    def layers(self) -> int:
        """0 when it is not plain what they are."""
        return count_layers(self._model)

    def keep_layers(self, layers: int) -> None:
        """See `keep_layers` in `greenroom.host.runtimes.layers`."""
        keep_layers(self._model, layers)

    @property
    def max_tokens(self) -> int:
        return self._window or _NO_WINDOW

    @property
    def device(self) -> str:
        return str(self._model.device.type)

    @property
    def dtype(self) -> str:
        return str(self._model.dtype or torch.float32).removeprefix("torch.")

    def preferred_dtype(self) -> str:
        """bfloat16 where it is computed in hardware (AVX512-BF16, AMX, Ampere and newer), float16 on older GPUs."""
        if self.device == "cuda":
            return "bfloat16" if torch.cuda.is_bf16_supported(including_emulation=False) else "float16"
        capabilities = torch.cpu.get_capabilities()
        native = capabilities.get("avx512_bf16") or capabilities.get("amx_bf16")
        return "bfloat16" if native else "float32"

    def convert(self, dtype: str) -> None:
        self._model.to(getattr(torch, dtype))

    def tokenise(self, texts: Sequence[str]) -> list[Tokens]:
        if self._counter is None:
            return [Tokens(text, range(len(text) // 4 + 1), (), False) for text in texts]
        prompted = [self._prompt + text for text in texts] if self._prompt else list(texts)
        return [
            Tokens(text, encoding.ids, encoding.type_ids, bool(encoding.overflowing))
            for text, encoding in zip(texts, self._counter.encode_batch(prompted), strict=True)
        ]

    @property
    def workers(self) -> int:
        """One for each core, up to MAX_WORKERS. A GPU computes one batch at a time anyway, and `preprocess` sets
        padding on the one tokenizer, so there it is one."""
        return min(self._cores, MAX_WORKERS) if self.device == "cpu" and self._plain else 1

    def embed(self, batch: Sequence[Tokens], alone: bool = True) -> NDArray[np.float32]:
        torch.set_num_threads(self._cores if alone else max(1, self._cores // self.workers))  # of this thread
        with torch.inference_mode():
            features = self._features(batch)
            on_device = {
                name: value.to(self._model.device, non_blocking=True) if isinstance(value, torch.Tensor) else value
                for name, value in features.items()
            }
            vectors = self._model(on_device)["sentence_embedding"].float()
            unit: NDArray[np.float32] = torch.nn.functional.normalize(vectors, p=2, dim=1).cpu().numpy()
        return unit

    def _own_tokenizer(self) -> Any:
        """The tokenizer that `tokenise` may use while `embed` runs in another thread; None when there is no fast one.
        `preprocess` sets padding and truncation on the model's own, so beside it we need a copy."""
        backend = getattr(self._tokenizer, "backend_tokenizer", None)
        if backend is None:
            return None
        own = backend if self._plain else type(backend).from_str(backend.to_str())
        own.no_padding()
        if self._window is not None:
            own.enable_truncation(max_length=self._window)
        return own

    def _features(self, batch: Sequence[Tokens]) -> Mapping[str, Any]:
        if not self._plain:
            features: Mapping[str, Any] = self._model.preprocess([one.text for one in batch], prompt=self._prompt)
            return features
        tokenizer = self._tokenizer
        features = {
            "input_ids": _padded([one.ids for one in batch], tokenizer.pad_token_id),
            "attention_mask": _padded([[1] * len(one.ids) for one in batch], 0),
            "modality": "text",
        }
        if self._uses_types:
            types = [one.type_ids for one in batch]
            return {**features, "token_type_ids": _padded(types, tokenizer.pad_token_type_id)}
        return features


def _reads_plain_tokens(model: SentenceTransformer) -> bool:
    """Whether right-padded ids, mask and types are all that the first module is given."""
    first, tokenizer = model[0], model.tokenizer
    return (
        type(first) is Transformer
        and isinstance(tokenizer, PreTrainedTokenizerBase)
        and tokenizer.is_fast
        and tokenizer.padding_side == "right"
        and tokenizer.pad_token_id is not None
        and first.transformer_task == "feature-extraction"
        and "message" not in first.modality_config
        and not first.processing_kwargs
        and not first.unpad_inputs
        and first.query_expansion is None
    )


def _padded(rows: Sequence[Sequence[int]], filler: int) -> torch.Tensor:
    """int64, shape (rows, longest row)."""
    padded = np.full((len(rows), max(map(len, rows))), filler, dtype=np.int64)
    for row, values in zip(padded, rows, strict=True):
        row[: len(values)] = values
    return torch.from_numpy(padded)


def _require_safe(folder: Path) -> None:
    """Raises UntrustedFilesError when weights would have to be unpickled: those of the model itself, or of one of its
    modules in a folder of its own."""
    for pickled in (*folder.glob(_PICKLES), *folder.glob(f"*/{_PICKLES}")):
        if not any(pickled.parent.glob("*.safetensors")):
            raise UntrustedFilesError("its weights are pickled, and reading them can run code")


def _unusable(error: Exception) -> UnusableFilesError:
    """The libraries refuse code that comes with the files, in words for who calls them."""
    if "trust_remote_code" in str(error):
        return UntrustedFilesError("it brings Python code of its own")
    return UnusableFilesError(f"the files are not a usable model ({type(error).__name__})")


def _weights_in(folder: Path) -> list[Path]:
    """Raises UnusableFilesError when there are none."""
    for pattern in ("*.safetensors", "*/*.safetensors", _PICKLES, f"*/{_PICKLES}"):
        if files := sorted(folder.glob(pattern)):
            return files
    raise UnusableFilesError("there is no safetensors file in the version's folder")


def _tensor_sizes(file: Path) -> dict[str, int]:
    """Bytes of each tensor, from the file's own header (https://huggingface.co/docs/safetensors, "Format").

    Raises UnusableFilesError when the header is not one, or promises more bytes than the file has."""
    with file.open("rb") as stream:
        prefix = stream.read(_HEADER_LENGTH.size)
        header_bytes = _HEADER_LENGTH.unpack(prefix)[0] if len(prefix) == _HEADER_LENGTH.size else -1
        if not 0 < header_bytes <= _MAX_HEADER_BYTES:
            raise UnusableFilesError(f"{file.name} is not a safetensors file")
        try:
            header = json.loads(stream.read(header_bytes))
            ends = {name: entry["data_offsets"] for name, entry in header.items() if name != "__metadata__"}
            sizes = {name: int(end) - int(start) for name, (start, end) in ends.items()}
        except (ValueError, KeyError, TypeError) as error:
            raise UnusableFilesError(f"the header of {file.name} is damaged") from error
    if file.stat().st_size < _HEADER_LENGTH.size + header_bytes + sum(sizes.values()):
        raise UnusableFilesError(f"{file.name} is cut short")
    return sizes


class _WeightsMeter:
    """Turns transformers' walk over the tensors into bytes of the files that are through."""

    def __init__(self, files: Sequence[Path], report: ReportBytes) -> None:
        readable = [file for file in files if file.suffix == ".safetensors"]
        self._sizes = {name: size for file in readable for name, size in _tensor_sizes(file).items()}
        self._total = sum(file.stat().st_size for file in files)
        headers = sum(file.stat().st_size for file in readable) - sum(self._sizes.values())
        self._done = headers  # have been read
        self._report = report

    @contextmanager
    def watching(self) -> Iterator[None]:
        previous = transformers_logging.set_tqdm_hook(self._bar)
        self._report(self._done, self._total)
        try:
            yield
        finally:
            transformers_logging.set_tqdm_hook(previous)

    def finish(self) -> None:
        """All is read, also what went past the bar (a dense layer's own file, a tensor the model ignores)."""
        self._report(self._total, self._total)

    def _bar(self, factory: Callable[..., Any], arguments: tuple[Any, ...], options: Mapping[str, Any]) -> Any:
        if options.get("desc") == "Loading weights" and arguments:
            return self._walk(arguments[0])
        return factory(*arguments, **{**options, "disable": True})

    def _walk(self, tensors: Iterable[tuple[str, Any]]) -> Iterator[tuple[str, Any]]:
        """Control comes back here once the tensor handed out before is in the model."""
        for name, mapping in tensors:
            yield name, mapping
            self._done = min(self._done + self._size_of(name), self._total)
            self._report(self._done, self._total)

    def _size_of(self, name: str) -> int:
        """Bytes of a tensor that may carry another prefix in the file; the mean size when it has another name."""
        for candidate in (name, name.partition(".")[2]):
            if candidate in self._sizes:
                return self._sizes[candidate]
        return sum(self._sizes.values()) // max(1, len(self._sizes))  # 0 for a pickle, which does not say
