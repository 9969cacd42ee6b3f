"""Models from variables: `MODEL_<NAME>_URL` and what stands beside it. Pure; the answer has the form of the tables
`[models.<name>]` in greenroom.toml."""

from __future__ import annotations

import re
from collections.abc import Mapping
from difflib import get_close_matches
from enum import StrEnum
from typing import TypeVar
from urllib.parse import urldefrag, urlsplit

from greenroom.sources.links import DRIVE_FILE, drive_file_id, file_name, hub_source, is_drive_link
from greenroom.sources.table import SOURCES
from greenroom.words import TASK_OF, ConfigError, RuntimeName, Task

PREFIX = "MODEL_"
NOT_MODELS = frozenset({"MODEL_UPDATE_INTERVAL", "MODEL_CACHE_SIZE", "MODEL_CACHE_BYTES"})
"""Settings of the server that begin like a model's."""
HUB = "https://huggingface.co"

_SUFFIXES = ("URL", "TASK", "RUNTIME", "SHA256", "TRUST", "REQUIRED")
_TRUE = frozenset({"1", "true", "yes", "on"})
_FALSE = frozenset({"0", "false", "no", "off"})
_SHA256 = re.compile(r"[0-9a-fA-F]{64}")
_RUNTIMES = {Task.EMBED: RuntimeName.SENTENCE_TRANSFORMERS, Task.CLASSIFY: RuntimeName.TEXT_CLASSIFIER}

Table = dict[str, object]
_Kind = TypeVar("_Kind", bound=StrEnum)


def tables(variables: Mapping[str, str]) -> dict[str, Table]:
    """Model name → table, for every `MODEL_<NAME>_URL`; a name is written in lower case and with - for _.

    Variables with an empty value count as not set. Raises ConfigError that names the variable and says what to do."""
    given = {name: value.strip() for name, value in variables.items() if name.startswith(PREFIX) and value.strip()}
    urls = {name.removesuffix("_URL"): value for name, value in given.items() if name.endswith("_URL")}
    for name in sorted(set(given) - NOT_MODELS):
        _require_known(name, urls)
    endpoint = variables.get("HF_ENDPOINT", "") or HUB
    return {_name(stem): _table(stem, url, given, endpoint) for stem, url in sorted(urls.items())}


def _require_known(variable: str, urls: Mapping[str, str]) -> None:
    """Raises ConfigError for a variable that was meant for us and says nothing; others begin with MODEL_ too."""
    stem, _, suffix = variable.rpartition("_")
    if stem == PREFIX.rstrip("_"):
        if suffix in _SUFFIXES:
            raise ConfigError(
                f"{variable} names no model. Write {PREFIX}<NAME>_{suffix}, such as {PREFIX}MINE_{suffix}."
            )
        return
    if suffix in _SUFFIXES:
        if stem not in urls:
            raise ConfigError(
                f"{variable} is set, and {stem}_URL is not. Set {stem}_URL to where the model comes from."
            )
        return
    near = get_close_matches(suffix, _SUFFIXES, n=1)
    if near or any(variable.startswith(f"{known}_") for known in urls):
        meant = f" Did you mean {stem}_{near[0]}?" if near else ""
        raise ConfigError(f"{variable} is not known. Behind {PREFIX}<NAME>_ may stand {', '.join(_SUFFIXES)}.{meant}")


def _name(stem: str) -> str:
    return stem.removeprefix(PREFIX).lower().replace("_", "-")


def _table(stem: str, url: str, given: Mapping[str, str], endpoint: str) -> Table:
    table: Table = {"source": _source(f"{stem}_URL", url, endpoint)}
    table |= _task(stem, given.get(f"{stem}_TASK"), given.get(f"{stem}_RUNTIME"))
    if sums := given.get(f"{stem}_SHA256"):
        table["sha256"] = _sums(f"{stem}_SHA256", sums, str(table["source"]))
    for suffix in ("TRUST", "REQUIRED"):
        if value := given.get(f"{stem}_{suffix}"):
            table[suffix.lower()] = _flag(f"{stem}_{suffix}", value)
    return table


def _source(variable: str, url: str, endpoint: str) -> str:
    if is_drive_link(url):
        if drive_file_id(url) is None:
            raise ConfigError(f"{variable} is no share link of a single Drive file. Share one file or an archive.")
        return f"gdrive:{url}"
    scheme = url.partition(":")[0]
    if scheme not in SOURCES or scheme == url:
        others = ", ".join(f"{name}:" for name in SOURCES if not name.startswith("http"))
        raise ConfigError(f"{variable} has to begin with https: or one of {others}.")
    if scheme in ("http", "https") and not urlsplit(url).hostname:
        raise ConfigError(f"{variable} is no address: write it in full, https://<host>/<file>.")
    return hub_source(url, endpoint) or url


def _task(stem: str, task: str | None, runtime: str | None) -> Table:
    """Each of the two follows from the other."""
    chosen_task = _choice(f"{stem}_TASK", task, Task) if task else None
    chosen_runtime = _choice(f"{stem}_RUNTIME", runtime, RuntimeName) if runtime else None
    if chosen_runtime is None:
        return {"task": chosen_task.value, "runtime": _RUNTIMES[chosen_task].value} if chosen_task else {}
    if chosen_task and TASK_OF[chosen_runtime] is not chosen_task:
        raise ConfigError(f"{stem}_TASK is {task}, and {stem}_RUNTIME={runtime} does something else. Leave one away.")
    return {"task": TASK_OF[chosen_runtime].value, "runtime": chosen_runtime.value}


def _choice(variable: str, value: str, kinds: type[_Kind]) -> _Kind:
    try:
        return kinds(value.lower())
    except ValueError as error:
        raise ConfigError(f"{variable} has to be one of {', '.join(kind.value for kind in kinds)}.") from error


def _sums(variable: str, value: str, source: str) -> dict[str, str]:
    """`<sha256>` of the one file behind the address, or `<file>=<sha256>`, several with commas."""
    sums: dict[str, str] = {}
    for part in filter(None, (part.strip() for part in value.split(","))):
        name, _, sha256 = part.rpartition("=")
        name = name.strip() or _only_file(source)
        if not name or not _SHA256.fullmatch(sha256.strip()):
            raise ConfigError(
                f"{variable} has to be <file>=<64 hexadecimal digits>, several with commas; the file's name may be "
                "left away where the address is that of one file."
            )
        sums[name] = sha256.strip().lower()
    return sums


def _only_file(source: str) -> str:
    if source.startswith("gdrive:"):
        return DRIVE_FILE
    return file_name(urldefrag(source).url) if source.startswith(("https:", "http:")) else ""


def _flag(variable: str, value: str) -> bool:
    if value.lower() in _TRUE | _FALSE:
        return value.lower() in _TRUE
    raise ConfigError(f"{variable} has to be true or false.")
