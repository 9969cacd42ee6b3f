"""Reading an encoder before its end.

The last layers of a sentence encoder turn towards what a text is about, because that is what it was trained to compare;
how a text says it is clearer in the layers before. A head may therefore read the vector that the encoder gives
without its last layers. These are taken out, so that nobody waits for them either.
"""

from __future__ import annotations

from sentence_transformers import SentenceTransformer
from torch.nn import ModuleList

from greenroom.host.runtime import UnusableFilesError


def count_layers(model: SentenceTransformer) -> int:
    """0 when it is not plain which of the model's parts are its layers."""
    stack = _stack(model)
    return 0 if stack is None else len(stack)


def keep_layers(model: SentenceTransformer, layers: int) -> None:
    """Take out all but the first `layers` layers; there is no way back. Raises UnusableFilesError."""
    stack = _stack(model)
    if stack is None or not 0 < layers <= len(stack):
        raise UnusableFilesError(f"the encoder has no {layers} layers to read from")
    del stack[layers:]


def _stack(model: SentenceTransformer) -> ModuleList | None:
    """The transformer's only list of modules that is no part of another list's."""
    outermost: dict[str, ModuleList] = {}
    for name, module in model[0].named_modules():
        if isinstance(module, ModuleList) and not any(name.startswith(f"{outer}.") for outer in outermost):
            outermost[name] = module
    return next(iter(outermost.values())) if len(outermost) == 1 else None
