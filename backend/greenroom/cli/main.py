"""The command line: `greenroom serve | models | jobs | train | schema | doctor`."""

from __future__ import annotations

import argparse
import io
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from greenroom.cli.jobs import add_jobs
from greenroom.cli.models import add_models
from greenroom.cli.train import add_train
from greenroom.words import ConfigError

DEFAULT_APP = "greenroom:create_app"


def run(arguments: Sequence[str]) -> int:
    """Run one command; the result is the process's exit status."""
    options = _parser().parse_args(arguments)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a file's name that it cannot write ends no command half-way
            stream.reconfigure(errors="backslashreplace")
    try:
        status: int = options.command(options)
        sys.stdout.flush()
    except BrokenPipeError:  # whoever reads us has read enough, as `head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except ConfigError as error:
        print(f"greenroom: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("greenroom: Interrupted.", file=sys.stderr)
        return 130
    return status


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="greenroom", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="serve | models | jobs | train | schema | doctor")
    serve = commands.add_parser("serve", help="start the server")
    serve.add_argument("--host", help="address to listen on (HOST, 127.0.0.1)")
    serve.add_argument("--port", type=int, help="port to listen on, 0 for a free one (PORT, 8000)")
    serve.add_argument("--data", help="folder for what is kept between starts (GREENROOM_DATA, data)")
    serve.add_argument("--engine", choices=("local", "scripted"), help="scripted: no model, driven by tests")
    serve.add_argument("--app", default=DEFAULT_APP, help="module:factory of the ASGI app (%(default)s)")
    serve.set_defaults(command=_serve)
    add_models(commands)
    add_jobs(commands)
    add_train(commands)
    schema = commands.add_parser("schema", help="write the protocol's documents")
    schema.add_argument("--folder", type=Path, default=Path("docs/schema"), help="where to (%(default)s)")
    schema.add_argument("--check", action="store_true", help="write nothing; fail if they are out of date")
    schema.set_defaults(command=_schema)
    doctor = commands.add_parser("doctor", help="say what is wrong with this machine, and how to mend it")
    doctor.set_defaults(command=_doctor)
    return parser


def _serve(options: argparse.Namespace) -> int:
    for name, value in (
        ("HOST", options.host), ("PORT", options.port),
        ("GREENROOM_DATA", options.data), ("GREENROOM_ENGINE", options.engine),
    ):  # fmt: skip
        if value is not None:
            os.environ[name] = str(value)  # so that any app factory sees it, ours or not
    _import_structlog_alone()
    from greenroom.server import serve

    return serve(options.app)


def _import_structlog_alone() -> None:
    """structlog imports rich where there is one, for tracebacks that our logs do not have: a tenth of the half second
    within which the server answers. Whoever serves an app that uses rich can import it all the same."""
    absent: dict[str, Any] = {} if "rich" in sys.modules else {"rich": None}
    sys.modules.update(absent)
    import structlog  # noqa: F401 - for the effect

    for name in absent:
        del sys.modules[name]


def _schema(options: argparse.Namespace) -> int:
    stale = []
    for name, document in _documents().items():
        file = options.folder / name
        text = json.dumps(document, indent=2, ensure_ascii=False) + "\n"
        if options.check:
            if not file.exists() or file.read_text() != text:
                stale.append(str(file))
        else:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
    if stale:
        print(f"out of date: {', '.join(stale)}. Mend with: scripts/schema", file=sys.stderr)
    return 1 if stale else 0


def _documents() -> dict[str, dict[str, Any]]:
    from greenroom.protocol.schema import protocol_schema
    from greenroom.web import documents, embeddings, jobs, mount, predict

    routes = (*mount.ROUTES, *embeddings.ENDPOINTS, *predict.ENDPOINTS, *jobs.ENDPOINTS)
    return {
        "protocol.json": protocol_schema(),
        "openapi.json": documents.openapi(routes),
        "asyncapi.json": documents.asyncapi(),
    }


def _doctor(options: argparse.Namespace) -> int:
    from greenroom.doctor import diagnose, render
    from greenroom.settings import load_settings
    from greenroom.specs import configured

    settings = load_settings()
    findings = diagnose(settings, sources=[spec.source for spec in configured(settings)])
    print(render(findings))
    return 1 if any(finding.level == "problem" for finding in findings) else 0
