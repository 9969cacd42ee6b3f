"""The models as an operator sees and changes them: what is there, and reload, rollback, unpin, clear, try again."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path, PurePath

from starlette.requests import Request
from starlette.responses import Response

from greenroom.protocol.answers import (
    ClearAnswer,
    CurrentModel,
    FileState,
    LoadSeconds,
    ModelReport,
    ModelsStatus,
    ReloadAnswer,
    RetryAnswer,
    RollbackAnswer,
    UnpinAnswer,
)  # fmt: skip
from greenroom.protocol.base import timestamp
from greenroom.protocol.snapshot import InitState, ModelState
from greenroom.readiness.history import LoadRecord
from greenroom.serving.change import Result
from greenroom.serving.greenroom import Greenroom
from greenroom.serving.keeper import Keeper
from greenroom.web.admin import require_admin
from greenroom.web.bodies import json_answer
from greenroom.web.endpoint import Operation, Parameter, endpoint
from greenroom.web.rates import rates_of, spend
from greenroom.words import InputFault, InvalidInputError, ModelVersion, NotReadyError

NO_STORE = {"cache-control": "no-store"}
CHARTED_LOADS = 20
_FLAG = ("true", "false")
_SECRETS = re.compile(r"(?<=//)[^/?#]*@|[?#].*$")
_NAME = (Parameter("name", "The model.", "path"),)
_WHICH = Parameter("name", "The model; may be left out while one alone is configured or required.")


def _greenroom(request: Request) -> Greenroom:
    greenroom: Greenroom = request.app.state.greenroom
    return greenroom


@endpoint("/models/status", Operation("Every configured model: state, files, memory, loads.", {200: ModelsStatus}))
async def models_status(request: Request) -> Response:
    greenroom = _greenroom(request)
    states = greenroom.board.posted(greenroom.scope(tuple(greenroom.keepers))).state.models
    there = await asyncio.to_thread(_files_there, [keeper.version for keeper in greenroom.keepers.values()])
    answer = ModelsStatus(
        epoch=greenroom.epoch,
        models=tuple(_report(greenroom, greenroom.keepers[state.name], state, there) for state in states),
        max_resident=greenroom.settings.model_cache_size,
        updated_every_seconds=greenroom.settings.model_update_interval,
    )
    return json_answer(answer, headers=NO_STORE)


def _files_there(versions: list[ModelVersion | None]) -> set[tuple[str, str]]:
    """(digest, path) of each file that lies where it should. Asks the disk, so it runs in a thread."""
    return {
        (version.digest, file.path)
        for version in versions
        if version is not None
        for file in version.files
        if _place(version, file.path).is_file()
    }


def _place(version: ModelVersion, path: str) -> Path:
    head, _, tail = path.partition("/")
    if head == "encoder" and version.encoder is not None:
        return version.encoder / tail
    return version.folder / path


def _report(greenroom: Greenroom, keeper: Keeper, state: ModelState, there: set[tuple[str, str]]) -> ModelReport:
    host, spec, version = keeper.host, keeper.spec, keeper.version
    info = host.info if host else None
    files = version.files if version else ()
    idle = None if keeper.busy_calls or not keeper.used_at else asyncio.get_running_loop().time() - keeper.used_at
    return ModelReport(
        state=state, source=shown_source(spec.source), runtime=spec.runtime, loads=keeper.loads,
        stage=version.stage if version else None, source_look=greenroom.updaters[spec.name].last_look,
        digest=version.digest if version else None,
        space=(version.space or None) if version else None, resident=keeper.is_resident,
        loaded_at=_when(keeper.loaded_at) if keeper.is_resident else None,
        pinned=keeper.entry.pinned_against is not None, gate=greenroom.changes[spec.name].gate,
        refused_versions=keeper.refused_versions.report(), busy_calls=keeper.busy_calls,
        idle_seconds=None if idle is None else round(idle, 1),
        classes=info.classes if info else (), columns=dict(info.columns) if info else {},
        device=info.device if info else None, dtype=info.dtype if info else None,
        dimension=info.dimension if info else None, max_tokens=info.max_tokens if info else None,
        pid=info.pid if info else None, memory_bytes=host.memory_bytes() if host else None,
        load_history=tuple(map(_load_seconds, greenroom.means.memory.history.of_model(spec.name, CHARTED_LOADS))),
        files=tuple(
            FileState(
                path=file.path, bytes=file.bytes, sha256=file.sha256,
                cached=version is not None and (version.digest, file.path) in there,
            )
            for file in files
        ),
    )  # fmt: skip


def _load_seconds(load: LoadRecord) -> LoadSeconds:
    seconds = {stage: round(measured.seconds, 3) for stage, measured in load.stages.items()}
    return LoadSeconds(version=load.version or load.digest[:8], at=_when(load.at), seconds=seconds)


def _when(at: float | None) -> str | None:
    return None if at is None else timestamp(at)


def shown_source(source: str) -> str:
    """A folder is shown by its last part: where the operator keeps it is nobody's business. Nor is who an address is
    asked as, or what it carries behind its path, for both may be secrets."""
    scheme, _, rest = source.partition(":")
    if scheme == "path":
        return f"{scheme}:…/{PurePath(rest).name}"
    return _SECRETS.sub("", source)


@endpoint(
    "/models/current",
    Operation("The version that serves.", {200: CurrentModel}, None, (_WHICH,), guarded=True),
)
async def current(request: Request) -> Response:
    keeper = _greenroom(request).keepers[_which(request)]
    if keeper.host is None or keeper.version is None or keeper.loaded_at is None:
        raise NotReadyError((keeper.spec.name,))
    answer = CurrentModel(
        name=keeper.spec.name, version=keeper.version.id, stage=keeper.version.stage,
        loaded_at=timestamp(keeper.loaded_at),
    )  # fmt: skip
    return json_answer(answer, headers=NO_STORE)


@endpoint(
    "/models/reload",
    Operation("Look at the source now and wait for the outcome.", {200: ReloadAnswer, 425: InitState}, None,
              (_WHICH, Parameter("force", "true: load it again even if it serves.", choices=_FLAG)), admin=True),
    method="POST",
)  # fmt: skip
@require_admin
async def reload(request: Request) -> Response:
    name, force = _which(request), _flag(request, "force")
    outcome = await _greenroom(request).reload(name, force=force)
    status = {Result.CHANGED: "reloaded", Result.UNCHANGED: "unchanged", Result.FAILED: "failed"}[outcome.result]
    answer = ReloadAnswer.model_validate(
        {"status": status, "model": name, "model_version": outcome.version, "previous_version": outcome.left,
         "error": outcome.error}
    )  # fmt: skip
    return json_answer(answer, headers=NO_STORE)


@endpoint(
    "/models/{name}/rollback",
    Operation("Let the version before this one serve again, and pin it.", {200: RollbackAnswer}, None, _NAME,
              admin=True, refusals=(409,)),
    method="POST",
)  # fmt: skip
@require_admin
async def rollback(request: Request) -> Response:
    greenroom, name = _greenroom(request), request.path_params["name"]
    outcome = await greenroom.rollback(name)
    answer = RollbackAnswer(
        status="failed" if outcome.result is Result.FAILED else "rolled_back", model=name,
        model_version=outcome.version, previous_version=outcome.left, error=outcome.error,
        pinned=greenroom.keepers[name].entry.pinned_against is not None,
    )  # fmt: skip
    return json_answer(answer, headers=NO_STORE)


@endpoint(
    "/models/{name}/unpin",
    Operation("Follow the source again after a rollback.", {200: UnpinAnswer}, None, _NAME, admin=True),
    method="POST",
)
@require_admin
async def unpin(request: Request) -> Response:
    greenroom, name = _greenroom(request), request.path_params["name"]
    was_pinned = await greenroom.unpin(name)
    greenroom.updaters[name].wake()
    return json_answer(UnpinAnswer(model=name, was_pinned=was_pinned), headers=NO_STORE)


@endpoint(
    "/models/clear",
    Operation("Delete downloaded files that nothing serves from.", {200: ClearAnswer}, None,
              (Parameter("name", "The model; all of them when absent."),
               Parameter("all", "true: those of serving versions, too; the next load downloads them again.",
                         choices=_FLAG)),
              admin=True),
    method="DELETE",
)  # fmt: skip
@require_admin
async def clear(request: Request) -> Response:
    greenroom, everything = _greenroom(request), _flag(request, "all")
    named = request.query_params.get("name")
    names = greenroom.scope((named,)) if named else tuple(greenroom.keepers)
    freed = {name: await greenroom.clear(name, everything=everything) for name in names}
    return json_answer(ClearAnswer(freed_bytes=freed), headers=NO_STORE)


@endpoint(
    "/models/{name}/retry",
    Operation("Try a failed model again now.",
              {202: RetryAnswer}, None, (Parameter("name", "The model.", "path"),), refusals=(409,)),
    method="POST",
)  # fmt: skip
async def retry(request: Request) -> Response:
    spend(rates_of(request).retries, request)
    name = request.path_params["name"]
    _greenroom(request).retry(name)
    return json_answer(RetryAnswer(model=name), 202, NO_STORE)


def _which(request: Request) -> str:
    """The model that `name` means. Raises UnknownModelError, InvalidInputError."""
    greenroom, name = _greenroom(request), request.query_params.get("name")
    if name is not None:
        return greenroom.scope((name,))[0]
    names = tuple(greenroom.keepers)
    if len(names) == 1:
        return names[0]
    required = [one for one in names if greenroom.keepers[one].spec.required]
    if len(required) == 1:
        return required[0]
    detail = f"several models are configured, name one of {', '.join(names)}"
    raise InvalidInputError(f"name: {detail}", (InputFault("", detail),))


def _flag(request: Request, name: str) -> bool:
    """Raises InvalidInputError for what is neither true nor false."""
    value = request.query_params.get(name, "false")
    if value not in _FLAG:
        raise InvalidInputError(f"{name}: true or false is allowed", (InputFault("", f"{name}: true or false"),))
    return value == "true"


ENDPOINTS = (models_status, current, reload, rollback, unpin, clear, retry)
