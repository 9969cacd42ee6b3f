"""Into which parts work is cut: a large call to be tokenised, a batch that failed to be tried again."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from greenroom.host.batcher import Piece
from greenroom.host.runtime import Tokens, UnreadableInputError

SLICE_CHARACTERS = 100_000
"""Of the texts that are tokenised in one go: about a tenth of a second on a slow core."""


def slices_of(texts: Sequence[str]) -> Iterator[Sequence[str]]:
    """`texts` in parts of at most SLICE_CHARACTERS, or of one text."""
    begin = characters = 0
    for index, text in enumerate(texts):
        characters += len(text)
        if characters > SLICE_CHARACTERS and index > begin:
            yield texts[begin:index]
            begin, characters = index, len(text)
    yield texts[begin:]


def shares_of(batch: Sequence[Piece[Tokens]], error: Exception) -> list[Sequence[Piece[Tokens]]]:
    """What to try one after another instead of a batch that failed; one share: there is nothing else to try."""
    calls = dict.fromkeys(piece.call for piece in batch)
    if len(calls) > 1:
        return [[piece for piece in batch if piece.call == call] for call in calls]
    if (is_out_of_memory(error) or isinstance(error, UnreadableInputError)) and len(batch) > 1:
        middle = len(batch) // 2
        return [batch[:middle], batch[middle:]]
    return [batch]


def is_out_of_memory(error: Exception) -> bool:
    """Python's own, torch.OutOfMemoryError on a GPU, and the RuntimeError of torch's allocator on the CPU."""
    return (
        isinstance(error, MemoryError)
        or type(error).__name__ == "OutOfMemoryError"
        or (isinstance(error, RuntimeError) and "can't allocate memory" in str(error))
    )
