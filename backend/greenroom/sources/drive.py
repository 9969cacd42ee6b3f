"""`gdrive:<file id or share link>`: a file or an archive on Google Drive, by way of gdown, which knows how Drive asks
back before it hands out large files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from types import ModuleType

from greenroom.sources.http import untrusted
from greenroom.sources.links import DRIVE_FILE, drive_file_id, is_archive_name
from greenroom.sources.plan import Counted, Place, Plan, WantedFile
from greenroom.words import ConfigError, ModelSpec, SourceForbiddenError, SourceUnreachableError

TIMEOUT_SECONDS = (10.0, 30.0)
_REFUSED = "Drive does not hand out the file {id}. Share it with everyone who has the link, then press Try again."
_NO_FILE = frozenset({401, 403, 404, 410})


class DriveSource:
    """The source behind `gdrive:`. An id's content may be replaced on Drive: only a promised SHA-256 tells versions
    of one id apart."""

    def find(self, spec: ModelSpec, rest: str, place: Place) -> Plan:
        """See `Source.find`. Asks nobody: an id is all there is to know."""
        id = drive_file_id(rest)
        if id is None:
            raise ConfigError(f"The source of {spec.name} has to be gdrive:<file id> or gdrive:<share link of a file>.")
        gdown = _gdown()
        promised = "".join(sorted(spec.sha256.values())).lower()
        return Plan(
            key=f"{id}#{promised}" if promised else id,
            label=(promised or id)[:8],
            origin=f"the Drive file {id}",
            list_files=lambda: _file(gdown, spec, id),
        )


def _gdown() -> ModuleType:
    try:
        import gdown
    except ImportError as error:
        raise ConfigError(
            "A model from Google Drive needs gdown. Install it with `pip install greenroom[gdrive]`, then start again."
        ) from error
    module: ModuleType = gdown
    return module


def _file(gdown: ModuleType, spec: ModelSpec, id: str) -> Sequence[WantedFile]:
    found = _asked(gdown, id, quiet=True, use_cookies=False, timeout=TIMEOUT_SECONDS, skip_download=True)
    name = str(getattr(found, "path", "")) or DRIVE_FILE

    def write(target: Path, counted: Counted) -> None:
        _asked(
            gdown, id, output=str(target), quiet=True, use_cookies=False, timeout=TIMEOUT_SECONDS, retries=3,
            progress=lambda done, total: counted(done),
        )  # fmt: skip

    promised = spec.sha256.get(DRIVE_FILE) or spec.sha256.get(name)
    sha256 = promised.lower() if promised else None
    return (WantedFile(name, write, sha256=sha256, unpack=is_archive_name(name)),)


def _asked(gdown: ModuleType, id: str, **how: object) -> object:
    import requests

    try:
        return gdown.download(id=id, **how)
    except gdown.exceptions.FileURLRetrievalError as error:
        raise SourceForbiddenError(_REFUSED.format(id=id)) from error
    except (gdown.exceptions.DownloadError, requests.RequestException) as error:
        if getattr(getattr(error, "response", None), "status_code", None) in _NO_FILE:
            raise SourceForbiddenError(_REFUSED.format(id=id)) from error
        away = SourceUnreachableError(f"Drive broke off the file {id}. It is tried again later.")
        raise untrusted(error, "Drive") or away from error
