"""What Linux says of a process: its memory, its processor time, its children (proc(5))."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

_KIB = 1024


@dataclass(frozen=True)
class Memory:
    """In bytes. `private`: pages of this process alone (USS). `shared`: pages that others map too. `proportional`:
    each shared page divided by how many map it (PSS), so that processes can be added up."""

    resident: int
    private: int
    shared: int
    proportional: int


def memory_of(pid: int) -> Memory:
    """From smaps_rollup. Raises OSError when there is no such process."""
    found: dict[str, int] = {}
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii").splitlines()[1:]:
        name, _, value = line.partition(":")
        found[name] = int(value.split()[0]) * _KIB
    private = found["Private_Clean"] + found["Private_Dirty"]
    return Memory(found["Rss"], private, found["Shared_Clean"] + found["Shared_Dirty"], found["Pss"])


def cpu_seconds(pid: int) -> float:
    """Processor time so far, user and system, all threads, resolution 10 ms. Raises OSError."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def children(pid: int) -> list[int]:
    """Process ids of the living children, lowest first."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            fields = (entry / "stat").read_text(encoding="utf-8").rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[1]) == pid and fields[0] not in "XZ":
            found.append(int(entry.name))
    return sorted(found)
