"""Jobs out of requests: a JSON body or a file, for `POST /jobs`, and a `POST /predict` that shall not wait."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from greenroom.errors import JobNotFoundError
from greenroom.jobs.answer import job_answer
from greenroom.jobs.inputs import FileKind, Wanted, too_long
from greenroom.jobs.seam import Job
from greenroom.jobs.service import Jobs
from greenroom.protocol.jobs import MAX_JOB_INPUTS, MAX_PRIORITY, JobRequest
from greenroom.serving.greenroom import Greenroom
from greenroom.web.base_path import base_of
from greenroom.web.bodies import json_answer, media_type_of, read_json, require_not_packed
from greenroom.web.forms import FORM, KINDS, SPARE_BYTES, Form, require_utf8
from greenroom.web.rates import rates_of, spend
from greenroom.web.uploads import Upload, upload_from
from greenroom.wording import counted
from greenroom.words import (
    BadRequestError,
    GreenroomError,
    InputFault,
    InvalidInputError,
    RuntimeName,
    UnknownModelError,
    UnsupportedMediaTypeError,
)  # fmt: skip

NO_STORE = {"cache-control": "no-store"}
MAX_FAULTS = 20
MAX_COLUMN_CHARACTERS = 200
_ID = re.compile(r"[0-9a-f-]{36}")
_KEY = re.compile(r"[!-~]{1,255}")
_RESPOND_ASYNC = re.compile(r"(?:^|[,;\s])respond-async(?=$|[,;\s])", re.IGNORECASE)


@dataclass(frozen=True)
class _Options:
    """What the address says beside the body, or a form beside its file."""

    model: str | None
    column: str | None
    name: str | None
    priority: int


def prefers_job(request: Request) -> bool:
    """Whether the caller would rather have a job than wait (RFC 7240 §4.1)."""
    return _RESPOND_ASYNC.search(request.headers.get("prefer", "")) is not None


def default_model(greenroom: Greenroom) -> str:
    """The first one that classifies texts. Raises UnknownModelError."""
    for spec in greenroom.specs:
        if spec.runtime is RuntimeName.TEXT_CLASSIFIER:
            return spec.name
    raise UnknownModelError("No model that classifies texts is configured. Name another one with `model`.")


def job_id(path_params: Mapping[str, str]) -> str:
    """Raises JobNotFoundError for what is none: the database is not asked for any text that somebody makes up."""
    if not _ID.fullmatch(path_params["id"]):
        raise JobNotFoundError
    return path_params["id"]


def jobs_of(request: Request) -> Jobs:
    jobs: Jobs = request.app.state.jobs
    return jobs


def accepted_answer(request: Request, job: Job, preferred: bool = False) -> Response:
    """202 with the job; `preferred`: because the caller said so."""
    headers = {**NO_STORE, "location": f"{base_of(request.scope)}/jobs/{job.id}"}
    if preferred:
        headers["preference-applied"] = "respond-async"
    return json_answer(job_answer(job), 202, headers)


async def submit_from(request: Request) -> Job:
    """The job that a `POST /jobs` asks for.

    Raises InvalidInputError, BadRequestError for a key that is none, UnknownModelError, UnsupportedMediaTypeError,
    PayloadTooLargeError, BodyTooSlowError, IdempotencyConflictError, OverloadedError, JobsUnavailableError."""
    options, media_type = _options(request.query_params), media_type_of(request)
    if media_type == FORM:
        return await _submit_form(request)
    if media_type in KINDS:
        return await _submit_file(request, KINDS[media_type], options)
    if not media_type.endswith("json"):
        raise UnsupportedMediaTypeError(f"Send JSON, a form with a file, or a file as {', '.join(KINDS)}.")
    asked = await read_json(request, JobRequest)
    priority = asked.priority if "priority" in asked.model_fields_set else options.priority
    single, inputs = asked.text is not None, _inputs_of(asked)
    model, called = asked.model or options.model, asked.name or options.name
    return await submit_inputs(request, inputs, model, priority, called, is_single=single)


def _inputs_of(asked: JobRequest) -> Sequence[object]:
    """Raises InvalidInputError."""
    inputs: Sequence[object] = asked.inputs or ()
    if (asked.text is None) == (asked.inputs is None) or asked.inputs == []:
        detail = "one of `text` and `inputs` is needed, with at least one input"
        raise InvalidInputError(detail, (InputFault("" if asked.inputs is None else "/inputs", detail),))
    if len(inputs) > MAX_JOB_INPUTS:
        detail = f"At most {counted(MAX_JOB_INPUTS)} inputs are allowed; send more of them as a file."
        raise InvalidInputError(detail, (InputFault("/inputs", detail),))
    return inputs if asked.text is None else (asked.text,)


async def submit_inputs(
    request: Request, inputs: Sequence[object], model: str | None, priority: int = 0, called: str | None = None,
    *, is_single: bool = False,
) -> Job:  # fmt: skip
    """`is_single`: it was sent as `text`. Raises what `submit_from` does."""
    key, jobs = _key(request), jobs_of(request)
    _count(request)
    name = _require_model(jobs.greenroom, model)
    _require_fitting(jobs.greenroom, name, inputs, "/text" if is_single else None)
    fingerprint = hashlib.sha256(msgspec.json.encode([model, priority, inputs])).hexdigest()
    job, _ = await jobs.submit(name, inputs, name=called, priority=priority, key=key, fingerprint=fingerprint)
    return job


async def _submit_file(request: Request, kind: FileKind, options: _Options) -> Job:
    require_not_packed(request)
    require_utf8(request.headers.get("content-type", ""))
    _require_model(jobs_of(request).greenroom, options.model)
    key = _key(request)
    _count(request)
    async with upload_from(request) as upload:
        await upload.receive()
        return await _submit_upload(request, upload, kind, options, key)


async def _submit_form(request: Request) -> Job:
    """Its fields win over the address, as those of a JSON body do; the address over what only the file is called."""
    require_not_packed(request)
    form, key = Form(request.headers["content-type"]), _key(request)
    _count(request)
    async with upload_from(request) as upload:
        await upload.receive(form.take, SPARE_BYTES)
        kind, fields = form.end()
        options = _options({"name": form.file_name or "", **request.query_params, **fields})
        return await _submit_upload(request, upload, kind, options, key)


async def _submit_upload(request: Request, upload: Upload, kind: FileKind, options: _Options, key: str | None) -> Job:
    """The file is in its place before the job is: a job without its file could never run. Whoever is cancelled on the
    way leaves the file there, since nobody knows then whether there is a job."""
    jobs = jobs_of(request)
    name = _require_model(jobs.greenroom, options.model)
    await upload.read(
        kind, Wanted(_reads_rows(jobs.greenroom, name), options.column, jobs.settings.max_text_characters)
    )
    asked = [options.model, options.priority, options.column, kind, upload.sha256]
    fingerprint = hashlib.sha256(msgspec.json.encode(asked)).hexdigest()
    await upload.keep()
    inputs = upload.inputs
    try:
        job, is_new = await jobs.submit(
            name, id_=upload.id, file=upload.file, total=inputs.total, bad_lines=inputs.bad_lines,
            bad_line_count=inputs.bad_line_count, name=options.name, priority=options.priority, key=key,
            fingerprint=fingerprint,
        )  # fmt: skip
    except GreenroomError:
        if not await jobs.may_exist(upload.id):
            await upload.drop()
        raise
    if not is_new:
        await upload.drop()
    return job


def _count(request: Request) -> None:
    """A job is a call like any other. Raises OverloadedError (GREENROOM_CALLS_PER_MINUTE)."""
    if (rate := rates_of(request).calls) is not None:
        spend(rate, request)


def _require_model(greenroom: Greenroom, model: str | None) -> str:
    return greenroom.scope((model or default_model(greenroom),))[0]


def _reads_rows(greenroom: Greenroom, name: str) -> bool:
    return greenroom.keepers[name].spec.runtime is RuntimeName.TABULAR


def _require_fitting(greenroom: Greenroom, name: str, inputs: Sequence[object], single: str | None) -> None:
    """Rows for a model that reads rows, texts within the limits for the others."""
    rows, most = _reads_rows(greenroom, name), greenroom.settings.max_text_characters
    faults: list[InputFault] = []
    for index, one in enumerate(inputs):
        if detail := _fault_of(one, rows, most):
            faults.append(InputFault(single or f"/inputs/{index}", detail))
        if len(faults) == MAX_FAULTS:
            break
    if faults:
        raise InvalidInputError(f"{_named(faults[0].pointer)} {faults[0].detail}.", tuple(faults))


def _named(pointer: str) -> str:
    """As whoever wrote it counts: from 1."""
    index = pointer.rpartition("/")[2]
    return f"Input {int(index) + 1}" if index.isdecimal() else "The text"


def _fault_of(one: object, rows: bool, most: int) -> str | None:
    if isinstance(one, str) is rows:
        reads_rows = "is no row, and the model reads rows: column name → value"
        return reads_rows if rows else "is a row, and the model reads texts"
    if not isinstance(one, str):
        return None
    if len(one) > most:
        return too_long(len(one), most)
    return None if one.strip() else "has nothing but blanks" if one else "is empty"


def _key(request: Request) -> str | None:
    key = request.headers.get("idempotency-key")
    if key is not None and not _KEY.fullmatch(key):
        raise BadRequestError("Idempotency-Key: 1 to 255 visible ASCII characters without spaces are needed.")
    return key


def _options(said: Mapping[str, str]) -> _Options:
    """Raises InvalidInputError."""
    column, priority = _column(said.get("column")), _priority(said.get("priority", "0"))
    return _Options(said.get("model"), column, said.get("name"), priority)


def _priority(value: str) -> int:
    if not re.fullmatch(r"-?\d{1,3}", value, re.ASCII) or abs(int(value)) > MAX_PRIORITY:
        detail = f"priority: a whole number from {-MAX_PRIORITY} to {MAX_PRIORITY} is needed"
        raise InvalidInputError(detail, (InputFault("", detail),))
    return int(value)


def _column(value: str | None) -> str | None:
    if value is not None and not 1 <= len(value) <= MAX_COLUMN_CHARACTERS:
        detail = f"column: 1 to {MAX_COLUMN_CHARACTERS} characters are allowed"
        raise InvalidInputError(detail, (InputFault("", detail),))
    return value
