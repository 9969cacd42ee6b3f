"""The command line of `scripts/bench`: which benches there are, running them, keeping what they found."""

from __future__ import annotations

import argparse
import importlib
import pkgutil
import sys
import time
import traceback
from collections.abc import Sequence
from datetime import date
from pathlib import Path

import bench
from bench.document import Run, as_json, as_text, with_section
from bench.harness import DEFAULT_ROUNDS, Bench, Plan
from bench.machine import this_machine

PAGE = Path(__file__).resolve().parents[2] / "docs" / "performance.md"


def find_benches() -> dict[str, tuple[Bench, str]]:
    """Name → (bench, its module's docstring), of every module here that has a `BENCH`, by name."""
    found = {}
    for module_info in pkgutil.iter_modules(bench.__path__):
        if module_info.name == "__main__":
            continue
        module = importlib.import_module(f"bench.{module_info.name}")
        if isinstance(one := getattr(module, "BENCH", None), Bench):
            found[one.name] = (one, module.__doc__ or "")
    return dict(sorted(found.items()))


def run(arguments: Sequence[str]) -> int:
    """Run what is asked for; 0 when every bench ran, whatever it found."""
    parser = _parser()
    options = parser.parse_args(arguments)
    if options.write and options.scale < 1:
        parser.error("--write wants figures of the full size: leave out --scale")
    benches = find_benches()
    names = list(benches) if options.names == ["all"] else options.names
    if unknown := [name for name in names if name not in benches]:
        print(f"bench: there is no {', '.join(unknown)}. There are: {', '.join(benches)}.", file=sys.stderr)
        return 2
    if not names:
        _list(benches)
        return 0
    runs: list[Run] = []
    failed = [name for name in names if not _run_one(*benches[name], options, runs)]
    if failed:
        print(f"bench: did not finish: {', '.join(failed)}", file=sys.stderr)
    return 1 if failed else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="scripts/bench", description="Measured comparisons.")
    parser.add_argument("names", nargs="*", metavar="name", help="which to run, or `all`; none: list them")
    parser.add_argument("--rounds", type=_at_least_one, default=DEFAULT_ROUNDS, help="rounds that count (%(default)s)")
    parser.add_argument("--warmups", type=int, default=1, help="rounds before them that do not (%(default)s)")
    parser.add_argument("--scale", type=_share, default=1.0, help="for a try, this share of the size (%(default)s)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all figures there")
    parser.add_argument("--write", action="store_true", help="replace the benches' sections of docs/performance.md")
    return parser


def _at_least_one(text: str) -> int:
    if (rounds := int(text)) < 1:
        raise argparse.ArgumentTypeError("at least 1")
    return rounds


def _share(text: str) -> float:
    if not 0 < (share := float(text)) <= 1:
        raise argparse.ArgumentTypeError("above 0, and 1 at most")
    return share


def _list(benches: dict[str, tuple[Bench, str]]) -> None:
    for name, (one, about) in benches.items():
        print(f"{name:12s} {one.title}. {about.strip().splitlines()[0] if about.strip() else ''}")


def _run_one(one: Bench, about: str, options: argparse.Namespace, runs: list[Run]) -> bool:
    """Run a bench and keep what it found at once: a later one may fail. False when this one did."""
    machine = this_machine()
    print(f"\n{one.name}: {one.title}\non {machine.text()}")
    if machine.busy:
        print(f"warning: the machine is busy ({machine.busy_share:.0%} in use by others); do not trust these figures")
    begun = time.monotonic()
    try:
        report = one.measure(Plan(options.rounds, options.warmups, _say, options.scale))
    except Exception as error:
        print(f"{one.name} failed: {''.join(traceback.format_exception_only(error))}", file=sys.stderr)
        return False
    finally:
        _say("")
    print(f"{as_text(report)}\n({time.monotonic() - begun:.0f} s)", flush=True)
    runs.append(Run(one, about, report, machine, date.today(), options.rounds))
    if options.json:
        options.json.write_text(as_json(runs), encoding="utf-8")
    if options.write:
        page = PAGE.read_text(encoding="utf-8") if PAGE.exists() else ""
        PAGE.write_text(with_section(page, runs[-1]), encoding="utf-8")
    return True


def _say(line: str) -> None:
    """How far it is, on one line that the next replaces; only where a person looks."""
    if sys.stderr.isatty():
        print(f"\r\x1b[K{line}", end="", file=sys.stderr, flush=True)
