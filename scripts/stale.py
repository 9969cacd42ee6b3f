"""Which parts of the set-up are out of date, by fingerprints of what each was made from. Standard library only.

stale.py --for run|test      prints words out of `python node app`, nothing when all is fresh
stale.py --mark PART         remembers that PART (python-run, python-test, node, app) was made just now
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Iterable
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
STATIC = ROOT / "backend" / "workbench" / "static"
NOT_SOURCES = {"node_modules", "dist", "coverage"}

STAMPS = {
    "python-run": ROOT / ".venv" / ".fingerprint-run",
    "python-test": ROOT / ".venv" / ".fingerprint-test",
    "node": ROOT / "node_modules" / ".fingerprint",  # goes when the folder goes
    "app": ROOT / ".venv" / ".fingerprint-app",
}


def fingerprint(files: Iterable[Path], *words: str) -> str:
    digest = hashlib.sha256()
    for word in words:
        digest.update(word.encode() + b"\0")
    for file in sorted(files):
        digest.update(str(file.relative_to(ROOT)).encode() + b"\0")
        digest.update(hashlib.sha256(file.read_bytes()).digest())
    return digest.hexdigest()


def frontend_sources(folder: Path = ROOT / "frontend") -> Iterable[Path]:
    for entry in folder.iterdir() if folder.is_dir() else ():
        if entry.is_dir() and entry.name not in NOT_SOURCES:
            yield from frontend_sources(entry)
        elif entry.is_file() and entry.suffix != ".tsbuildinfo":
            yield entry


def package_files() -> list[Path]:
    named = [ROOT / "package.json", ROOT / "package-lock.json"]
    return [file for file in named if file.is_file()]


def current(part: str) -> str:
    if part == "node":
        return fingerprint(package_files())
    if part == "app":
        return fingerprint([*package_files(), *frontend_sources()])
    files = [ROOT / "pyproject.toml", *(ROOT / "constraints").glob("*.txt")]
    return fingerprint(files, sys.version, str(ROOT))


def is_fresh(part: str) -> bool:
    stamp = STAMPS[part]
    return stamp.is_file() and stamp.read_text() == current(part)


def stale_parts(purpose: str) -> list[str]:
    """Tests need what a run needs, and the JavaScript packages even when the app is already built."""
    ways = ["python-test"] if purpose == "test" else ["python-run", "python-test"]
    stale = [] if any(map(is_fresh, ways)) else ["python"]
    app_stale = not ((STATIC / "index.html").is_file() and is_fresh("app"))
    if (app_stale or purpose == "test") and not is_fresh("node"):
        stale.append("node")
    return [*stale, "app"] if app_stale else stale


def main(arguments: list[str]) -> None:
    match arguments:
        case ["--for", "run" | "test" as purpose]:
            print(*stale_parts(purpose))
        case ["--mark", part] if part in STAMPS:
            STAMPS[part].write_text(current(part))
        case _:
            sys.exit(__doc__)


if __name__ == "__main__":
    main(sys.argv[1:])
