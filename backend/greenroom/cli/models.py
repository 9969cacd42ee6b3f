"""`greenroom models list | pull | reload | rollback | unpin | clear`: the models of a running server, and their files.

All but `pull` ask a server that runs. The exit status is 0 when it was done, 1 when it was tried and failed or the
server would not, 2 when the command was wrong, and 3 when no server answers. Results go to stdout, bars and errors to
stderr. Nothing but argparse is imported until a command runs: `greenroom serve` passes through here, too.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import sys
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from greenroom.wording import without_button

if TYPE_CHECKING:
    from greenroom.cli.remote import Remote
    from greenroom.protocol.answers import ReloadAnswer, RollbackAnswer
    from greenroom.protocol.base import Message

FAILED, NO_SERVER = 1, 3
RELOAD_SECONDS = 3600.0
"""A download may take most of an hour; whoever has bigger models says --timeout."""
ROLLBACK_SECONDS = 900.0
"""A load from disk: the server gives up at `load_timeout_seconds`, 600 unless set."""

Command = Callable[["Remote", argparse.Namespace], Awaitable[int]]
Commands = argparse._SubParsersAction  # the type has no public name


def add_models(commands: Commands[argparse.ArgumentParser]) -> None:
    """Put `models` among the commands of `greenroom`."""
    models = commands.add_parser("models", help="the models of a running server, and their files")
    actions = models.add_subparsers(required=True, metavar="list | pull | reload | rollback | unpin | clear")
    shared = argparse.ArgumentParser(add_help=False)
    shared.add_argument("--json", action="store_true", help="the answer as JSON, for programs")
    remote = argparse.ArgumentParser(add_help=False, parents=[shared])
    remote.add_argument("--url", help="where the server is (http:// with HOST and PORT)")
    pull = actions.add_parser("pull", parents=[shared], help="fetch and verify files; needs no server")
    pull.add_argument("names", nargs="*", metavar="NAME", help="all models when none is named")
    pull.set_defaults(command=_pull)
    _add(actions, remote, "list", _list, "what serves, and how it is")
    reload = _add(actions, remote, "reload", _reload, "look at the source now, and let what it names serve")
    reload.add_argument("name", nargs="?", metavar="NAME", help="may be left out where the server has one model")
    reload.add_argument("--force", action="store_true", help="load it again even if it serves already")
    reload.add_argument("--timeout", type=_seconds, default=RELOAD_SECONDS, help="seconds to wait (%(default)g)")
    rollback = _add(actions, remote, "rollback", _rollback, "let the previous version serve again, and hold it fast")
    rollback.add_argument("name", metavar="NAME")
    unpin = _add(actions, remote, "unpin", _unpin, "follow the source again after a rollback")
    unpin.add_argument("name", metavar="NAME")
    clear = _add(actions, remote, "clear", _clear, "delete downloaded files that no version needs any more")
    clear.add_argument("name", nargs="?", metavar="NAME", help="of this model alone")
    clear.add_argument("--all", action="store_true", help="also those of serving versions; they serve on")


def _add(
    actions: Commands[argparse.ArgumentParser], parent: argparse.ArgumentParser, name: str, command: Command, means: str
) -> argparse.ArgumentParser:
    action = actions.add_parser(name, parents=[parent], help=means, description=means)
    action.set_defaults(command=lambda options: _asked(command, options))
    return action


def _seconds(text: str) -> float:
    with contextlib.suppress(ValueError):
        if 0 < (value := float(text)) < float("inf"):
            return value
    raise argparse.ArgumentTypeError(f"{text} is no number of seconds above 0")


def _asked(command: Command, options: argparse.Namespace) -> int:
    """Run `command` against the server that `options` mean. Raises ConfigError."""
    from greenroom.cli.remote import NoServerError, RefusedError, Remote, address_of
    from greenroom.settings import load_settings

    settings = load_settings()
    token = settings.admin_token.get_secret_value() if settings.admin_token else None

    async def run() -> int:
        async with Remote(address_of(settings, options.url), token) as remote:
            return await command(remote, options)

    try:
        return asyncio.run(run())
    except NoServerError as error:
        return _failed(str(error), NO_SERVER)
    except RefusedError as error:
        return _failed(str(error))


def _failed(sentence: str, status: int = FAILED) -> int:
    print(f"greenroom: {without_button(sentence)}", file=sys.stderr)
    return status


def _say(options: argparse.Namespace, answer: Message, sentence: str) -> None:
    print(answer.model_dump_json(indent=2) if options.json else sentence)


async def _list(remote: Remote, options: argparse.Namespace) -> int:
    from greenroom.cli.tables import print_models
    from greenroom.protocol.answers import ModelsStatus

    status = await remote.read(ModelsStatus, "/models/status")
    if options.json:
        print(status.model_dump_json(indent=2))
    else:
        print_models(status)
    return 0


async def _reload(remote: Remote, options: argparse.Namespace) -> int:
    from greenroom.cli.bars import watched
    from greenroom.protocol.answers import ReloadAnswer

    name = options.name or await _only_model(remote)
    query = {"name": name} | ({"force": "true"} if options.force else {})
    order = remote.order(ReloadAnswer, "POST", "/models/reload", options.timeout, **query)
    answer = await watched(remote, name, order)
    if answer.status != "failed" or options.json:
        _say(options, answer, _reloaded(answer))
    else:
        _failed(_reloaded(answer))
    return FAILED if answer.status == "failed" else 0


async def _only_model(remote: Remote) -> str:
    """Raises ConfigError when there are several: nobody's model is changed on a guess."""
    from greenroom.protocol.answers import ModelsStatus
    from greenroom.words import ConfigError

    names = [report.state.name for report in (await remote.read(ModelsStatus, "/models/status")).models]
    if len(names) != 1:
        raise ConfigError(f"which one? {', '.join(names)}")
    return names[0]


def _reloaded(answer: ReloadAnswer) -> str:
    if answer.status == "unchanged":
        return f"{answer.model}: version {answer.model_version} serves, which is what its source names."
    if answer.status == "failed":
        return f"{answer.model} was not changed: {_why(answer)}"
    if answer.previous_version == answer.model_version:
        return f"{answer.model}: version {answer.model_version} was loaded again, and serves."
    before = f", {answer.previous_version} did before" if answer.previous_version else ""
    return f"{answer.model}: version {answer.model_version} serves now{before}."


def _why(answer: ReloadAnswer | RollbackAnswer) -> str:
    reason = answer.error.message if answer.error else "the server does not say why; its log does."
    serving = f"Version {answer.model_version} serves on." if answer.model_version else "No version serves."
    return f"{reason} {serving}"


async def _rollback(remote: Remote, options: argparse.Namespace) -> int:
    from greenroom.cli.bars import watched
    from greenroom.protocol.answers import RollbackAnswer

    order = remote.order(RollbackAnswer, "POST", f"/models/{_quoted(options.name)}/rollback", ROLLBACK_SECONDS)
    answer = await watched(remote, options.name, order)
    if answer.status == "failed":
        if options.json:
            print(answer.model_dump_json(indent=2))
        return _failed(f"{answer.model} was not rolled back: {_why(answer)}")
    before = f", {answer.previous_version} did before" if answer.previous_version else ""
    held = (
        f" It is held fast while its source names version {answer.previous_version}, or until you say: "
        f"greenroom models unpin {answer.model}"
        if answer.pinned else ""
    )  # fmt: skip
    _say(options, answer, f"{answer.model}: version {answer.model_version} serves again{before}.{held}")
    return 0


async def _unpin(remote: Remote, options: argparse.Namespace) -> int:
    from greenroom.protocol.answers import UnpinAnswer

    answer = await remote.order(UnpinAnswer, "POST", f"/models/{_quoted(options.name)}/unpin")
    now = "follows its source again." if answer.was_pinned else "was not pinned; nothing has changed."
    _say(options, answer, f"{answer.model}: {now}")
    return 0


async def _clear(remote: Remote, options: argparse.Namespace) -> int:
    from rich.filesize import decimal

    from greenroom.protocol.answers import ClearAnswer

    query = ({"name": options.name} if options.name else {}) | ({"all": "true"} if options.all else {})
    answer = await remote.order(ClearAnswer, "DELETE", "/models/clear", **query)
    freed = [f"{model}: {decimal(bytes_)} deleted." for model, bytes_ in answer.freed_bytes.items() if bytes_]
    _say(options, answer, "\n".join(freed) or "There was nothing to delete.")
    return 0


def _quoted(name: str) -> str:
    from urllib.parse import quote

    return quote(name, safe="")


def _pull(options: argparse.Namespace) -> int:
    """Raises ConfigError."""
    from greenroom.cli.pull import pull

    return pull(options.names, as_json=options.json)
