"""Jobs over HTTP: submit, list, look up, fetch results, try again, cancel. PROTOCOL §5."""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import BaseRoute, Route, WebSocketRoute

from greenroom.jobs.answer import job_answer
from greenroom.jobs.formats import MEDIA_TYPES, Answered, ResultFormat, encoded
from greenroom.jobs.naming import attachment
from greenroom.jobs.reading import beside
from greenroom.jobs.seam import Job, JobState
from greenroom.protocol.jobs import MAX_PRIORITY, JobAnswer, JobRequest, JobResult
from greenroom.web.base_path import base_of
from greenroom.web.bodies import json_answer
from greenroom.web.downloads import Download, downloads_of
from greenroom.web.endpoint import Operation, Parameter, endpoint
from greenroom.web.forms import KINDS
from greenroom.web.job_requests import (
    MAX_COLUMN_CHARACTERS,
    NO_STORE,
    accepted_answer,
    job_id,
    jobs_of,
    submit_from,
)
from greenroom.web.job_sockets import all_jobs_socket, job_socket
from greenroom.web.mount import upgrade_required
from greenroom.web.rates import address_of
from greenroom.words import InputFault, InvalidInputError, Task

PAGE = 10
MAX_PAGE = 100
MAX_SKIP = 10**9

_JOB = (Parameter("id", "The job's `job_uuid`.", "path"),)
_KEY = Parameter("Idempotency-Key", "Kept for 24 hours: the same key with the same request names the same job.",
                 "header", schema={"pattern": "^[!-~]{1,255}$"})  # fmt: skip
_PRIORITY = {"type": "integer", "minimum": -MAX_PRIORITY, "maximum": MAX_PRIORITY, "default": 0}
_FILE_PARAMETERS = (
    Parameter("model", "Name of a spec; absent: the first one that classifies texts. The body wins over it."),
    Parameter("column", "With a file: the CSV column, or the member of each JSON object, that has the text; `text`.",
              schema={"minLength": 1, "maxLength": MAX_COLUMN_CHARACTERS}),
    Parameter("name", "What to call the job in lists; longer ones are cut. The body wins over it."),
    Parameter("priority", "Higher goes first. The body wins over it.", schema=_PRIORITY),
)  # fmt: skip
_FORM = {
    "type": "object",
    "required": ["file"],
    "properties": {
        "file": {
            "type": "string", "format": "binary",
            "description": "One file, by its part's type or its name: .txt, .csv, .tsv, .jsonl, .ndjson.",
        },
        "model": {"type": "string", "description": "Empty: as when absent, so too the column."},
        "column": {"type": "string", "maxLength": MAX_COLUMN_CHARACTERS},
        "name": {"type": "string", "description": "What to call the job; absent or empty: as its file."},
        "priority": _PRIORITY,
    },
}  # fmt: skip
_RESULT_PARAMETERS = (
    Parameter("format", "`json` when absent.", choices=tuple(ResultFormat)),
    Parameter("inputs", "Whether each result has its input beside it, as `text` or `row` (in CSV a cell of JSON).",
              schema={"type": "boolean", "default": False}),
    Parameter("bom", "Whether a CSV file begins with a byte order mark, by which Excel knows it as UTF-8.",
              schema={"type": "boolean", "default": False}),
)  # fmt: skip
_STATE = f"({'|'.join(JobState)})"
_PAGE_PARAMETERS = (
    Parameter("skip", "How many to leave out.",
              schema={"type": "integer", "minimum": 0, "maximum": MAX_SKIP, "default": 0}),
    Parameter("limit", "How many to list.",
              schema={"type": "integer", "minimum": 1, "maximum": MAX_PAGE, "default": PAGE}),
    Parameter("status", "Only those in one of these states, separated by commas.",
              schema={"pattern": f"^{_STATE}(,{_STATE})*$"}),
)  # fmt: skip


@endpoint(
    "/jobs",
    Operation("Submit a job; it is accepted while models load, and runs when they are ready.", {202: JobAnswer},
              JobRequest, files=tuple(KINDS), form=_FORM, parameters=(_KEY, *_FILE_PARAMETERS), refusals=(503,)),
    method="POST",
)  # fmt: skip
async def submit_job(request: Request) -> Response:
    return accepted_answer(request, await submit_from(request))


@endpoint(
    "/jobs",
    Operation("The jobs, the newest first. `X-Total-Count` says how many there are, `Link` where the others stand.",
              {200: [JobAnswer]},
              parameters=_PAGE_PARAMETERS,
              refusals=(422, 503)),
)  # fmt: skip
async def list_jobs(request: Request) -> Response:
    skip, limit = _number(request, "skip", 0, 0, MAX_SKIP), _number(request, "limit", PAGE, 1, MAX_PAGE)
    jobs = jobs_of(request)
    page = await (await jobs.queue()).page(skip, limit, _states(request))
    answers = (job_answer(job).to_json() for job in page.jobs)
    headers = {**NO_STORE, "x-total-count": str(page.total)}
    if links := _links(request, skip, limit, page.total):
        headers["link"] = links
    return Response(b"[" + b",".join(answers) + b"]", 200, headers, "application/json")


@endpoint("/jobs/{id}", Operation("How a job stands.", {200: JobAnswer}, parameters=_JOB, refusals=(503,)))
async def job_by_id(request: Request) -> Response:
    return _answer(request, await (await jobs_of(request).queue()).get(job_id(request.path_params)))


@endpoint(
    "/jobs/{id}/results",
    Operation("What there is of the results, as a file, in the order of the inputs.", {200: [JobResult]},
              parameters=(*_JOB, *_RESULT_PARAMETERS),
              downloads=("text/csv", "application/jsonl"), refusals=(410, 422, 503)),
)  # fmt: skip
async def job_results(request: Request) -> Response:
    id_, format_ = job_id(request.path_params), _format(request)
    with_inputs, with_mark = _wants(request, "inputs"), _wants(request, "bom")
    queue = await jobs_of(request).queue()
    job = await queue.get(id_)
    kept_as = attachment(job.name, id_, format_, is_whole=job.state is JobState.COMPLETED)
    headers = {**NO_STORE, "content-disposition": kept_as}
    if request.method == "HEAD":
        return StreamingResponse(_nothing(), 200, headers, MEDIA_TYPES[format_])
    with contextlib.ExitStack() as place:
        place.enter_context(downloads_of(request.app).place(address_of(request)))
        chunks = queue.results(id_)
        answered = beside(chunks, *await queue.inputs(id_)) if with_inputs else beside(chunks, (), None)
        body = encoded(format_, await _begun(answered), _embeds(request, job), with_inputs, with_mark)
        return Download(body, headers, MEDIA_TYPES[format_], place.pop_all())


@endpoint(
    "/jobs/{id}/retry",
    Operation("Run a failed or cancelled job again, from where it ended.", {202: JobAnswer}, parameters=_JOB,
              refusals=(409, 503)),
    method="POST",
)  # fmt: skip
async def retry_job(request: Request) -> Response:
    return _answer(request, await jobs_of(request).retry(job_id(request.path_params)), 202)


@endpoint(
    "/jobs/{id}",
    Operation("Cancel a job: 200 when it has ended with that, 202 while it runs on to its next chunk.",
              {200: JobAnswer, 202: JobAnswer}, parameters=_JOB, refusals=(409, 503)),
    method="DELETE",
)  # fmt: skip
async def cancel_job(request: Request) -> Response:
    job = await jobs_of(request).cancel(job_id(request.path_params))
    return _answer(request, job, 200 if job.is_terminal else 202)


def _answer(request: Request, job: Job, status: int = 200) -> Response:
    return json_answer(job_answer(job), status, NO_STORE)


async def _nothing() -> AsyncIterator[bytes]:
    """A body whose length nobody knows."""
    none: tuple[bytes, ...] = ()
    for piece in none:
        yield piece


def _embeds(request: Request, job: Job) -> bool:
    keeper = jobs_of(request).greenroom.keepers.get(job.model)
    return keeper is not None and keeper.spec.task is Task.EMBED


async def _begun(answered: AsyncIterator[Answered]) -> AsyncIterator[Answered]:
    """`answered`, the first of which has come: what is refused is refused before an answer begins."""
    first = await anext(answered, None)

    async def all_of_them() -> AsyncIterator[Answered]:
        if first is not None:
            yield first
        async for one in answered:
            await asyncio.sleep(0)  # a reader who keeps up would leave nobody else a turn
            yield one

    return all_of_them()


def _refused(detail: str) -> InvalidInputError:
    return InvalidInputError(detail, (InputFault("", detail),))


def _number(request: Request, name: str, default: int, least: int, most: int) -> int:
    value = request.query_params.get(name, str(default))
    if not re.fullmatch(r"\d{1,10}", value, re.ASCII) or not least <= int(value) <= most:
        raise _refused(f"{name}: a whole number from {least} to {most} is needed")
    return int(value)


def _states(request: Request) -> tuple[JobState, ...]:
    asked = request.query_params.get("status")
    names = [] if asked is None else asked.split(",")
    if any(name not in list(JobState) for name in names):
        raise _refused(f"status: {', '.join(JobState)} are known, separated by commas")
    return tuple(dict.fromkeys(map(JobState, names)))


def _format(request: Request) -> ResultFormat:
    value = request.query_params.get("format", ResultFormat.JSON)
    if value not in list(ResultFormat):
        raise _refused(f"format: {', '.join(ResultFormat)} are known")
    return ResultFormat(value)


def _wants(request: Request, name: str) -> bool:
    value = request.query_params.get(name, "false")
    if value not in ("true", "false"):
        raise _refused(f"{name}: true or false is needed")
    return value == "true"


def _links(request: Request, skip: int, limit: int, total: int) -> str:
    """RFC 8288: where the pages before and after stand."""
    others = {}
    if skip + limit < total:
        others["next"] = skip + limit
    if skip > 0:
        others |= {"first": 0, "prev": max(0, skip - limit)}
    status = request.query_params.get("status")
    asked = {"limit": limit} | ({"status": status} if status else {})
    path = f"{base_of(request.scope)}/jobs"
    return ", ".join(f'<{path}?{urlencode({"skip": at, **asked})}>; rel="{name}"' for name, at in others.items())


ENDPOINTS = (submit_job, list_jobs, job_by_id, job_results, retry_job, cancel_job)
_SOCKETS: tuple[BaseRoute, ...] = (
    WebSocketRoute("/ws/jobs/{id}", job_socket), WebSocketRoute("/ws/jobs", all_jobs_socket),
    Route("/ws/jobs/{id}", upgrade_required), Route("/ws/jobs", upgrade_required),
)  # fmt: skip
ROUTES: tuple[BaseRoute, ...] = (*ENDPOINTS, *_SOCKETS)
