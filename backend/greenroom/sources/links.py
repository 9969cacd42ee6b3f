"""What can be read off an address alone. Pure."""

from __future__ import annotations

import re
from pathlib import PurePosixPath
from urllib.parse import parse_qs, unquote, urlsplit

_ARCHIVE = re.compile(r"\.(zip|tar|tgz|tbz2|txz|tar\.(gz|bz2|xz))$", re.IGNORECASE)
_DRIVE_HOSTS = frozenset({"drive.google.com", "docs.google.com", "drive.usercontent.google.com"})
_DRIVE_ID = re.compile(r"[A-Za-z0-9_-]{10,}")
_DRIVE_PATH = re.compile(r"/(?:file/)?(?:u/\d+/)?d/([A-Za-z0-9_-]{10,})")
_HUB_PAGE = re.compile(r"/([\w.-]+/[\w.-]+)(?:/tree/([^/]+))?/?")
_HUB_FILE = re.compile(r"/([\w.-]+/[\w.-]+)/blob/(.+)")

DRIVE_FILE = "download"
"""The name under which a spec promises a hash of a Drive file whose own name it does not know."""


def file_name(url: str) -> str:
    """The last part of the address's path."""
    return PurePosixPath(unquote(urlsplit(url).path)).name


def is_archive_name(name: str) -> bool:
    """Whether a file of this name is unpacked."""
    return bool(_ARCHIVE.search(name))


def is_drive_link(url: str) -> bool:
    return urlsplit(url).hostname in _DRIVE_HOSTS


def drive_file_id(rest: str) -> str | None:
    """The id in a share link, or what is an id itself; None for anything else, folders included."""
    if not urlsplit(rest).scheme:
        return rest if _DRIVE_ID.fullmatch(rest) else None
    if not is_drive_link(rest):
        return None
    found = _DRIVE_PATH.match(urlsplit(rest).path)
    ids = [found[1]] if found else parse_qs(urlsplit(rest).query).get("id", [])
    return ids[0] if len(ids) == 1 and _DRIVE_ID.fullmatch(ids[0]) else None


def hub_source(url: str, endpoint: str) -> str | None:
    """The source that a page of the hub at `endpoint` stands for: a repository's page, or a file's; else None."""
    if urlsplit(url).netloc != urlsplit(endpoint).netloc:
        return None
    path = unquote(urlsplit(url).path)
    if page := _HUB_PAGE.fullmatch(path):
        return f"hf:{page[1]}@{page[2]}" if page[2] else f"hf:{page[1]}"
    if file := _HUB_FILE.fullmatch(path):
        return f"{endpoint.rstrip('/')}/{file[1]}/resolve/{file[2]}"
    return None
