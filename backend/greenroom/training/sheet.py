"""Labelled texts from a CSV file, and everything that can be wrong with them, found before anything slow starts."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Collection, Iterator
from pathlib import Path

from greenroom.lesson import Sheet
from greenroom.words import ConfigError

MIN_ROWS_PER_LABEL = 10
"""Of these, two are held out, and each of five cross-validation parts needs one."""
MAX_LABELS = 100
"""More look like a column of something else."""


def read_sheet(file: Path, text: str = "text", label: str = "label") -> Sheet:
    """The rows of `file` (CSV with a header, UTF-8), in its order; a text that stands there twice counts once.
    `text` and `label` name the columns.

    Raises ConfigError, with the number of the line where there is one."""
    sheet, labels = Sheet([], []), dict[str, str]()
    for line, row_text, row_label in _rows(file, text, label):
        if not row_text or not row_label:
            raise ConfigError(f"{file.name}, line {line}: the {label if row_text else text} is empty.")
        if (known := labels.setdefault(plain(row_text), row_label)) != row_label:
            raise ConfigError(f"{file.name}, line {line}: this text stands further up as {known}, here as {row_label}.")
        sheet.texts.append(row_text)
        sheet.labels.append(row_label)
    if not sheet.texts:
        raise ConfigError(f"{file.name} has no rows.")
    return without(sheet, ())


def _rows(file: Path, text: str, label: str) -> Iterator[tuple[int, str, str]]:
    """(line, text, label) of each row that is not empty."""
    try:
        with file.open(encoding="utf-8-sig", newline="") as stream:
            reader = csv.DictReader(stream, strict=True)
            _require_columns(file, reader.fieldnames or (), (text, label))
            for row in reader:
                yield reader.line_num, (row[text] or "").strip(), (row[label] or "").strip()
    except OSError as error:
        raise ConfigError(f"{file.name} cannot be read: {error.strerror or 'input/output error'}.") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{file.name} is not UTF-8 text.") from error
    except csv.Error as error:
        raise ConfigError(f"{file.name} is not a CSV file: {error}.") from error


def _require_columns(file: Path, there: Collection[str], wanted: Collection[str]) -> None:
    for name in wanted:
        if name not in there:
            columns = ", ".join(there) or "none"
            raise ConfigError(f"{file.name} has no column {name!r}. Its first line names: {columns}.")


def plain(text: str) -> str:
    """What two texts have in common that differ only in case and white space."""
    return " ".join(text.casefold().split())


def without(sheet: Sheet, texts: Collection[str]) -> Sheet:
    """The rows of `sheet` whose text is not among `texts`, each text once."""
    seen = set(map(plain, texts))
    left = Sheet([], [])
    for text, label in zip(sheet.texts, sheet.labels, strict=True):
        if (known := plain(text)) not in seen:
            seen.add(known)
            left.texts.append(text)
            left.labels.append(label)
    return left


def require_enough(file: Path, sheet: Sheet) -> None:
    """Raises ConfigError when there is nothing to tell apart, or too little to learn it from."""
    counts = Counter(sheet.labels)
    if not counts:
        raise ConfigError(f"{file.name} has no text that is not in the test, too.")
    if len(counts) < 2:
        raise ConfigError(f"{file.name} has one label only ({sheet.labels[0]}); at least two are needed.")
    if len(counts) > MAX_LABELS:
        raise ConfigError(f"{file.name} has {len(counts)} labels, more than {MAX_LABELS}. Is it the right column?")
    label, rows = min(counts.items(), key=lambda item: item[1])
    if rows < MIN_ROWS_PER_LABEL:
        raise ConfigError(
            f"{file.name} has {rows} different texts labelled {label}; at least {MIN_ROWS_PER_LABEL} are needed."
        )


def require_known(file: Path, sheet: Sheet, labels: Collection[str]) -> None:
    """Raises ConfigError for a test that asks for a label that nothing was learnt about."""
    if unknown := sorted(set(sheet.labels) - set(labels)):
        raise ConfigError(f"{file.name} has labels that the data has not: {', '.join(unknown)}.")
