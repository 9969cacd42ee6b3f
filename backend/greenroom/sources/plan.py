"""What a source answers in the fetch process: which version its spec names, and where that version's files are.

A source only finds. It downloads nothing, keeps nothing on disk and retries nothing: that is done in one place for
all of them (`greenroom.sources.versions`). Everything here blocks and runs in a thread; a source may import its
client library when it is asked for the first time.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from greenroom.words import ModelSpec

Counted = Callable[[int], None]
"""Takes the bytes of one file that are there by now. Raises to end the work: let it pass through."""

Write = Callable[[Path, Counted], None]
"""Writes one file to the given path; that and its folder are there for this call alone, and gone once nobody waits.
Raises SourceError; an OSError that says that the disk is full is told apart by the downloader."""


@dataclass(frozen=True)
class Http:
    """A file that a GET gives."""

    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    """`Authorization` goes to the URL's own host only, never along a redirect to another."""
    etag: str = ""
    """The ETag that the answer has to have; empty: any."""
    forbidden: str = "Ask its owner for access, then press Try again."
    """What to do about a 401 or 403, as a sentence with its full stop: which variable to set."""


@dataclass(frozen=True)
class WantedFile:
    """One file of a version that is to be downloaded, and how. Without any of the three promises it counts as found."""

    path: str
    """Relative to the version's folder, with forward slashes; one that leaves the folder is refused."""
    how: Http | Write
    bytes: int | None = None
    sha256: str | None = None
    """Lower-case hexadecimal."""
    git_blob: str | None = None
    """Git's object id of the file's content (SHA-1 over `blob <bytes>\\0` and the content)."""
    unpack: bool = False
    """An archive: its members are the version's files, and `path` only says of which kind it is."""


@dataclass(frozen=True)
class Claim:
    """What a source says about files that already lie on this machine, before a byte of them was read."""

    folder: Path
    """Where the files lie; absolute, without links."""
    promised: Mapping[str, str]
    """File relative to `folder` → SHA-256. Files that are there and not promised count as they are found."""
    origin: str
    """What the files belong to, for people: `the folder minilm-v3`."""
    promiser: str
    """Who gave the promise, for people: `SHA256SUMS`."""
    mend: str
    """What to do about a file that is missing or wrong, as a sentence with its full stop."""
    links_may_leave: bool = False
    """Whether a file may be a link to a place outside of the folder (some installers link packages to a cache)."""

    @property
    def subject(self) -> str:
        """`origin` at the beginning of a sentence."""
        return self.origin[0].upper() + self.origin[1:]


def _no_files() -> Sequence[WantedFile]:
    return ()


@dataclass(frozen=True)
class Plan:
    """The version that a source names now. Either `claim` is set, or `list_files` gives something."""

    key: str = ""
    """What the source calls the version for good: `models:/sentiment/3`. Empty: only its digest tells."""
    label: str = ""
    stage: str | None = None
    """The alias or stage under which it was named; None for sources that know neither."""
    origin: str = ""
    """Where it comes from, for people: `the repository org/name`."""
    claim: Claim | None = None
    list_files: Callable[[], Sequence[WantedFile]] = _no_files
    """Called only when the version is not on this machine yet. May ask the network. Raises SourceError."""


@dataclass(frozen=True)
class Place:
    """What a source may know of its surroundings, beside the process's environment."""

    data: Path
    """GREENROOM_DATA."""
    mlflow_tracking_uri: str = ""


class Source(Protocol):
    """Knows one scheme, the part of `ModelSpec.source` before the first colon. Made anew for each question."""

    def find(self, spec: ModelSpec, rest: str, place: Place) -> Plan:
        """Which version `spec` names now; `rest` is what stands behind the scheme. Cheap: it is asked once a minute.

        Raises ConfigError when `rest` has the wrong form or something is not installed, SourceError otherwise:
        SourceUnreachableError (temporary) when nobody answers, within seconds and without retries of its own."""
