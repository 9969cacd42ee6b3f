"""`greenroom train NAME --data FILE`: from labelled texts to a version, and on to the registry if it is good enough."""

from __future__ import annotations

import argparse
import asyncio
import csv
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

from greenroom.frames import StageStep
from greenroom.lesson import Figures, Learnt, Lesson, Sheet
from greenroom.settings import DEFAULT_SPEC, Settings, load_settings, tracking_uri_fault
from greenroom.sources.fetcher import ProcessFetcher
from greenroom.sources.seam import Want
from greenroom.training import sheet as sheets
from greenroom.training.process import learn
from greenroom.training.report import console, progress_shown, show
from greenroom.words import ConfigError, ModelSpec, ModelVersion

BELOW_THRESHOLD = 3
FILES = frozenset({"classifier.json", "head.safetensors", "metrics.json", "SHA256SUMS"})


def train(options: argparse.Namespace) -> int:
    """The exit status: 0, or BELOW_THRESHOLD. Raises ConfigError before anything slow starts, SourceError for the
    encoder or the registry, TrainingError."""
    settings = load_settings()
    folder = options.folder or settings.data / "trained" / options.name
    _require_ours(folder)
    uri = settings.mlflow_tracking_uri if options.tracking_uri is None else options.tracking_uri
    _require_registry(uri, options.alias)
    data, test = _read(options)
    screen, out = console(to_errors=True), console()
    encoder = options.encoder or DEFAULT_SPEC.source
    with progress_shown(screen) as step:
        version = asyncio.run(_fetch_encoder(settings, encoder, step))
        lesson = Lesson(encoder, str(version.folder), str(folder.resolve()), data, test, options.seed)
        learnt = learn(lesson, step)
    show(out, learnt)
    out.print(f"\nWritten to {folder}", soft_wrap=True)
    if options.mistakes:
        _write_mistakes(options.mistakes, learnt)
    passed = _decisive(learnt).accuracy >= options.min_accuracy
    if not passed:
        screen.print(f"The accuracy is below {options.min_accuracy:g}: no alias is moved.")
    if uri:
        number = _register(folder, options, learnt, encoder, uri, options.alias if passed else None)
        moved = f"; the alias {options.alias} names it now" if options.alias and passed else ""
        out.print(f"Registered as version {number} of {options.name}{moved}")
    return 0 if passed else BELOW_THRESHOLD


def _require_registry(uri: str, alias: str | None) -> None:
    """Raises ConfigError when the version could not be registered as asked."""
    if alias and not uri:
        raise ConfigError("--alias needs --tracking-uri or MLFLOW_TRACKING_URI.")
    if fault := tracking_uri_fault(uri):
        raise ConfigError(f"--tracking-uri: {fault}.")
    if uri and find_spec("mlflow") is None:
        raise ConfigError("MLflow is not installed, and a registry needs it: pip install greenroom[mlflow]")


def _require_ours(folder: Path) -> None:
    """Whatever else lies in the folder would count as part of the version. Raises ConfigError."""
    if folder.exists() and not folder.is_dir():
        raise ConfigError(f"--folder: {folder} is a file.")
    if folder.exists() and (others := sorted({file.name for file in folder.iterdir()} - FILES)):
        raise ConfigError(f"--folder: {folder} holds other files ({', '.join(others[:3])}). Name an empty folder.")


def _read(options: argparse.Namespace) -> tuple[Sheet, Sheet | None]:
    columns = (options.text_column, options.label_column)
    data = sheets.read_sheet(options.data, *columns)
    if options.test is None:
        sheets.require_enough(options.data, data)
        return data, None
    test = sheets.read_sheet(options.test, *columns)
    # Nobody may be tested on what he has learnt from.
    apart = sheets.without(data, test.texts)
    sheets.require_enough(options.data, apart)
    sheets.require_known(options.test, test, set(apart.labels))
    return apart, test


async def _fetch_encoder(settings: Settings, source: str, step: Callable[[StageStep], None]) -> ModelVersion:
    """Raises ConfigError, SourceError."""
    fetcher = ProcessFetcher(settings)

    def report(stage: str, done: int, total: int) -> None:
        if total:
            step(StageStep(stage, done, total, "bytes"))

    try:
        return await fetcher.fetch(ModelSpec(name="encoder", source=source), Want.CACHED, report)
    finally:
        await fetcher.close()


def _decisive(learnt: Learnt) -> Figures:
    """Of the test file, which is further from what was learnt; without one, of the held-out texts."""
    return learnt.test or learnt.held_out


def _write_mistakes(file: Path, learnt: Learnt) -> None:
    with file.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(("text", "label", "judged", "score"))
        writer.writerows((mistake.text, mistake.label, mistake.given, mistake.score) for mistake in learnt.mistakes)


def _register(
    folder: Path, options: argparse.Namespace, learnt: Learnt, encoder: str, uri: str, alias: str | None
) -> str:
    from greenroom.registering import register

    measured = {"held_out": learnt.held_out, "test": learnt.test}
    metrics = {
        f"{part}_{name}": float(getattr(figures, name))
        for part, figures in measured.items() if figures is not None
        for name in ("accuracy", "macro_f1", "log_loss", "calibration_error")
    }  # fmt: skip
    params = {"rows": str(learnt.rows), "seed": str(options.seed), "strength": str(learnt.strength),
              "layers": str(learnt.layers), "data": options.data.name}  # fmt: skip
    tags = {"encoder": encoder, "runtime": "text-classifier", "task": "classify"}
    return register(folder, options.name, metrics, tags, alias, uri, params)
