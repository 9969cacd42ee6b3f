"""What a job is called: a label for people, made of what its sender says, and of it the names of files of results. No
file of the server is ever named so. Pure."""

from __future__ import annotations

import re
from urllib.parse import quote, unquote

from greenroom.protocol.jobs import MAX_NAME_CHARACTERS

_SHOWN_END = 49
"""Of a name that is cut: what tells many files of one series apart often stands there."""
_SEPARATORS = re.compile(r"[/\\]")
_ENCODED = re.compile("%22|%0D|%0A", re.IGNORECASE)
_COLOURS = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]")
"""What a terminal obeys (ECMA-48 §5.4)."""
_BLANKS = re.compile(r"[\s\0-\x1f\x7f-\x9f]+")
_MISLEADING = re.compile("[\u202a-\u202e\u2066-\u2069]")
"""They turn the order of what is read, also of what stands behind the name (Unicode UAX 9 §2)."""
_BROKEN = re.compile("[\ud800-\udfff]")
"""Halves of characters, which no encoding has."""
_KIND = re.compile(r"\.(txt|csv|tsv|jsonl|ndjson)$", re.IGNORECASE)
_NOT_PLAIN = re.compile(r"[^\w .()+-]", re.ASCII)


def without_folders(file: str) -> str:
    """Of how a sender's system names a file in a form, its last component. Browsers and curl write a quote and the ends
    of lines as they do in addresses there, and nothing else (WHATWG HTML, multipart/form-data)."""
    return _SEPARATORS.split(_ENCODED.sub(lambda found: unquote(found[0]), file).rstrip("/\\"))[-1]


def job_name(said: str | None) -> str | None:
    """At most `MAX_NAME_CHARACTERS` printable ones; None when nothing is left that tells anything."""
    shown = _COLOURS.sub("", said or "")
    name = _BLANKS.sub(" ", _MISLEADING.sub("", _BROKEN.sub("\ufffd", shown))).strip()
    if len(name) > MAX_NAME_CHARACTERS:
        name = f"{name[: MAX_NAME_CHARACTERS - _SHOWN_END - 1]}…{name[-_SHOWN_END:]}"
    return name if any(character.isprintable() and character not in " ./\\" for character in name) else None


def attachment(name: str | None, id_: str, suffix: str, *, is_whole: bool = True) -> str:
    """A Content-Disposition (RFC 6266) by which the results of a job are kept as a file that tells whose they are, and
    whether more are to come. What comes of a name is ASCII without quotes, control characters or separators, whatever
    the name is."""
    stem = _SEPARATORS.sub("_", _KIND.sub("", name or "")).strip(" .")
    kept = f"{stem}-results" if stem else f"job-{id_[:8]}"
    file = f"{kept}{'' if is_whole else '-partial'}.{suffix}"
    plain = _NOT_PLAIN.sub("_", file)
    exact = "" if plain == file else f"; filename*=UTF-8''{quote(file, safe='', errors='replace')}"  # RFC 8187
    return f'attachment; filename="{plain}"{exact}'
