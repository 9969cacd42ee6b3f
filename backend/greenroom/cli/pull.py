"""`greenroom models pull`: the files of models, fetched and verified before any server needs them."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass

from rich.console import Console
from rich.filesize import decimal
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TaskProgressColumn,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)  # fmt: skip

from greenroom.protocol.snapshot import StageName
from greenroom.settings import load_settings
from greenroom.sources.seam import Fetcher, Report, Want
from greenroom.specs import configured
from greenroom.wording import without_button
from greenroom.words import ConfigError, GreenroomError, ModelSpec, ModelVersion

_DOING = {StageName.RESOLVE: "checking", StageName.DOWNLOAD: "downloading"}


@dataclass(frozen=True)
class Pulled:
    """What became of one model: a version, or why there is none."""

    spec: ModelSpec
    outcome: ModelVersion | GreenroomError

    @property
    def sentence(self) -> str:
        if isinstance(self.outcome, GreenroomError):
            return f"{self.spec.name} was not fetched: {without_button(str(self.outcome))}"
        version = self.outcome
        return f"{self.spec.name}: version {version.id} is here and verified, {decimal(version.bytes_total)}."

    def as_json(self) -> dict[str, object]:
        if isinstance(self.outcome, GreenroomError):
            error = {"code": self.outcome.code, "message": str(self.outcome)}
            absent = dict.fromkeys(("version", "digest", "stage", "bytes"))
            return {"model": self.spec.name, **absent, "error": error}
        version = self.outcome
        known = {"version": version.id, "digest": version.digest, "stage": version.stage, "bytes": version.bytes_total}
        return {"model": self.spec.name, **known, "error": None}


def pull(names: Sequence[str], *, as_json: bool = False) -> int:
    """Fetch what the sources of these models (none named: of all) name now; 1 when one could not be had.

    Raises ConfigError."""
    from greenroom.sources.fetcher import ProcessFetcher

    settings = load_settings()
    settings.data.mkdir(parents=True, exist_ok=True)
    specs = _chosen(names, configured(settings))
    pulled = asyncio.run(pull_all(ProcessFetcher(settings), specs, Console(stderr=True)))
    if as_json:
        print(json.dumps([one.as_json() for one in pulled], indent=2))
    for one in pulled:
        if isinstance(one.outcome, GreenroomError):
            print(f"greenroom: {one.sentence}", file=sys.stderr)
        elif not as_json:
            print(one.sentence)
    return int(any(isinstance(one.outcome, GreenroomError) for one in pulled))


def _chosen(names: Sequence[str], specs: Sequence[ModelSpec]) -> list[ModelSpec]:
    known = {spec.name: spec for spec in specs}
    if unknown := [name for name in names if name not in known]:
        raise ConfigError(f"There is no model named {', '.join(unknown)}. Configured: {', '.join(known)}.")
    return [known[name] for name in dict.fromkeys(names)] if names else list(specs)


async def pull_all(fetcher: Fetcher, specs: Sequence[ModelSpec], console: Console) -> list[Pulled]:
    """One model after the other, each with all the line's speed; one that fails keeps nobody else from its turn. Bars
    on `console` when a person is looking."""
    columns = (
        TextColumn("{task.description}"), TextColumn("{task.fields[doing]}", style="cyan"), BarColumn(),
        TaskProgressColumn(), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn(),
    )  # fmt: skip
    try:
        with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bars:
            return [Pulled(spec, await _fetched(fetcher, spec, _bar(bars, spec))) for spec in specs]
    finally:
        await fetcher.close()


async def _fetched(fetcher: Fetcher, spec: ModelSpec, report: Report) -> ModelVersion | GreenroomError:
    try:
        return await fetcher.fetch(spec, Want.LATEST, report)
    except GreenroomError as error:
        return error


def _bar(bars: Progress, spec: ModelSpec) -> Report:
    """A bar for the stage that `spec` is in. Each stage begins anew, so that its speed is its own."""
    task = bars.add_task(spec.name, total=None, doing="waiting")
    shown: StageName | None = None

    def report(stage: StageName, bytes_done: int, bytes_total: int) -> None:
        nonlocal shown
        if stage is not shown:
            shown = stage
            bars.reset(task, total=bytes_total, doing=_DOING.get(stage, stage))
        bars.update(task, completed=bytes_done, total=bytes_total or None)

    return report
