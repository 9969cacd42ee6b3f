"""What a caller of `Greenroom.predict` gives, as the texts that travel to a host. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from greenroom.rows import as_text, row_faults
from greenroom.words import InputFault, InvalidInputError

MAX_FAULTS = 20


def as_texts(inputs: Sequence[str | Mapping[str, object]], columns: Mapping[str, str]) -> list[str]:
    """Texts for a model without columns, rows as JSON for one that has them.

    Raises InvalidInputError with a fault for each wrong input or column, at most MAX_FAULTS."""
    faults: list[InputFault] = []
    for index, one in enumerate(inputs):
        faults += _faults(f"/inputs/{index}", one, columns)
        if len(faults) >= MAX_FAULTS:
            break
    if faults:
        first = faults[0]
        raise InvalidInputError(f"{first.pointer.lstrip('/')}: {first.detail}", tuple(faults[:MAX_FAULTS]))
    return [one if isinstance(one, str) else as_text(one) for one in inputs]


def _faults(pointer: str, one: str | Mapping[str, object], columns: Mapping[str, str]) -> Iterator[InputFault]:
    if isinstance(one, str):
        if columns:
            yield InputFault(pointer, f"the model reads rows: an object with {', '.join(columns)} is needed")
    elif not columns:
        yield InputFault(pointer, "the model reads texts, not rows")
    else:
        for column, detail in row_faults(one, columns):
            yield InputFault(f"{pointer}/{_escaped(column)}", detail)


def _escaped(name: str) -> str:
    """RFC 6901 §3."""
    return name.replace("~", "~0").replace("/", "~1")
