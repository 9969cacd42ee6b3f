"""The tree of errors, and what each of them is to a client. Pure, and cheap to import: hosts use it too.

GreenroomError
├── ConfigError              the operator's settings or greenroom.toml are wrong
├── SourceError              a version's files cannot be had
│   ├── SourceNotFoundError  the package or folder is not there
│   ├── FileMissingError     a file of the manifest is not there
│   ├── FileCorruptError     a file's SHA-256 or size is not the one that was promised
│   ├── SourceUnreachableError  nobody answers there, or not now
│   ├── SourceForbiddenError    it wants a token, or another one
│   └── DiskFullError        the files do not fit on the disk
├── LoadError                a host could not get ready with a version
│   ├── HostLostError        the host ended before or while it answered
│   ├── CrashLoopError       it ended five times in a row before it answered a call
│   ├── VersionRefusedError  a new version did not pass the promotion gate
│   └── NotEnoughMemoryError it would not fit beside what serves
├── NotReadyError            a model that the caller needs is not ready
├── UnknownModelError        no model of this name is configured
├── UnsupportedTaskError     the model exists, and cannot do this
├── InvalidInputError        the caller's input breaks a rule; says which and where
│   └── InputRefusedError    this very input has ended the model's process twice
├── PayloadTooLargeError     more bytes than a request may have
├── UnsupportedMediaTypeError
├── BadRequestError          not even HTTP as it should be
├── NothingThereError        no socket at this address
├── UpgradeRequiredError     a plain request where sockets are
├── BodyTooSlowError         the body did not arrive within its deadline
├── HostRefusedError         asked under a name that this server does not go by
├── OriginRefusedError       a browser page of another origin asked
├── NotAuthorisedError       an admin call without the right token
├── ForbiddenError           an admin call where no token can help
├── ClientLeftError          the caller went away; nobody reads the answer
├── RetryRefusedError        "try again" for a model that has not failed
├── NoPreviousVersionError   there is nothing to roll back to
├── OverloadedError          the queue is full: come back later
├── DeadlineExceededError    the answer would have come too late
├── ShuttingDownError        the server is about to stop: ask its successor
├── JobNotFoundError         no job of this id, or not any more
├── JobEndedError            what only a living job allows
├── JobNotEndedError         what only a job that failed or was cancelled allows
├── JobInputsGoneError       the file with a job's inputs is not there any more
├── IdempotencyConflictError the same key for something else
├── JobsUnavailableError     the database of jobs is locked, full or away
├── LeaseLostError           somebody else has the job now; no client ever sees it
├── JobCancelledError        the job is cancelled; no client ever sees it
└── PredictionError          the model itself failed on this input
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class ErrorCode(StrEnum):
    """What went wrong, for programs. Each is also the slug of its problem type, `/problems/<code>`."""

    INTERNAL = "internal-error"
    NOT_FOUND = "not-found"
    METHOD_NOT_ALLOWED = "method-not-allowed"
    BAD_REQUEST = "bad-request"
    CONFIG = "config-error"
    SOURCE = "source-error"
    SOURCE_NOT_FOUND = "source-not-found"
    FILE_MISSING = "file-missing"
    FILE_CORRUPT = "file-corrupt"
    SOURCE_UNREACHABLE = "source-unreachable"
    SOURCE_FORBIDDEN = "source-forbidden"
    DISK_FULL = "disk-full"
    LOAD_FAILED = "load-failed"
    HOST_LOST = "host-lost"
    CRASH_LOOP = "crash-loop"
    VERSION_REFUSED = "version-refused"
    NOT_ENOUGH_MEMORY = "not-enough-memory"
    NO_PREVIOUS_VERSION = "no-previous-version"
    UNKNOWN_MODEL = "unknown-model"
    UNSUPPORTED_TASK = "unsupported-task"
    INVALID_INPUT = "invalid-input"
    INPUT_REFUSED = "input-refused"
    PAYLOAD_TOO_LARGE = "payload-too-large"
    UNSUPPORTED_MEDIA_TYPE = "unsupported-media-type"
    BODY_TOO_SLOW = "body-too-slow"
    HOST_REFUSED = "host-refused"
    ORIGIN_REFUSED = "origin-refused"
    NOT_AUTHORISED = "not-authorised"
    FORBIDDEN = "forbidden"
    RETRY_REFUSED = "retry-refused"
    OVERLOADED = "overloaded"
    DEADLINE_EXCEEDED = "deadline-exceeded"
    PREDICTION_FAILED = "prediction-failed"
    NOT_READY = "not-ready"
    TOO_MANY_MESSAGES = "too-many-messages"
    MALFORMED_MESSAGE = "malformed-message"
    SHUTTING_DOWN = "shutting-down"
    JOB_NOT_FOUND = "job-not-found"
    JOB_ENDED = "job-ended"
    JOB_NOT_ENDED = "job-not-ended"
    JOB_INPUTS_GONE = "job-inputs-gone"
    IDEMPOTENCY_CONFLICT = "idempotency-conflict"
    JOBS_UNAVAILABLE = "jobs-unavailable"


class GreenroomError(Exception):
    """Root of everything Greenroom raises on purpose. `str(error)` is safe to show to any client:
    no path, no stack, no secret."""

    code: ErrorCode = ErrorCode.INTERNAL
    status: int = 500
    title: str = "Something went wrong inside the server"
    temporary: bool = False
    """Whether the same request can succeed later with nothing changed by anybody."""


class ConfigError(GreenroomError):
    code = ErrorCode.CONFIG
    title = "The configuration is wrong"


class SourceError(GreenroomError):
    code = ErrorCode.SOURCE
    status = 503
    title = "The model's files cannot be had"


class SourceNotFoundError(SourceError):
    code = ErrorCode.SOURCE_NOT_FOUND


class FileMissingError(SourceError):
    code = ErrorCode.FILE_MISSING


class FileCorruptError(SourceError):
    code = ErrorCode.FILE_CORRUPT


class SourceUnreachableError(SourceError):
    code = ErrorCode.SOURCE_UNREACHABLE
    title = "The place where the model's files come from does not answer"
    temporary = True


class SourceForbiddenError(SourceError):
    code = ErrorCode.SOURCE_FORBIDDEN
    title = "The place where the model's files come from does not let us in"


class DiskFullError(SourceError):
    code = ErrorCode.DISK_FULL
    title = "The model's files do not fit on the disk"


class LoadError(GreenroomError):
    code = ErrorCode.LOAD_FAILED
    status = 503
    title = "The model could not be loaded"


class HostLostError(LoadError):
    code = ErrorCode.HOST_LOST
    title = "The model's process ended"
    temporary = True


class CrashLoopError(LoadError):
    code = ErrorCode.CRASH_LOOP
    title = "The model's process keeps ending"


class VersionRefusedError(LoadError):
    code = ErrorCode.VERSION_REFUSED
    title = "The new version did not pass the promotion gate"


class NotEnoughMemoryError(LoadError):
    code = ErrorCode.NOT_ENOUGH_MEMORY
    title = "There is not enough memory for the model"
    temporary = True


class NotReadyError(GreenroomError):
    """The answer to a client is the snapshot of `names`, not a problem document."""

    code = ErrorCode.NOT_READY
    status = 425
    title = "The model is not ready yet"
    temporary = True

    def __init__(self, names: tuple[str, ...]) -> None:
        super().__init__(f"not ready yet: {', '.join(names)}")
        self.names = names


class UnknownModelError(GreenroomError):
    code = ErrorCode.UNKNOWN_MODEL
    status = 404
    title = "No such model"


class UnsupportedTaskError(GreenroomError):
    code = ErrorCode.UNSUPPORTED_TASK
    status = 422
    title = "The model cannot do this"


@dataclass(frozen=True)
class InputFault:
    """One broken rule. `pointer` is an RFC 6901 JSON pointer into the body ("" is the whole body)."""

    pointer: str
    detail: str


class InvalidInputError(GreenroomError):
    code = ErrorCode.INVALID_INPUT
    status = 422
    title = "The input breaks a rule"

    def __init__(self, detail: str, faults: tuple[InputFault, ...] = ()) -> None:
        super().__init__(detail)
        self.faults = faults


class InputRefusedError(InvalidInputError):
    """The faults' pointers name each text that is refused. Lasts until somebody forgives it."""

    code = ErrorCode.INPUT_REFUSED
    title = "This input ends the model's process"

    def __init__(self, detail: str, faults: tuple[InputFault, ...] = ()) -> None:
        remedy = "Send the others without it. An operator can let it be tried again: DELETE /models/{name}/refused."
        super().__init__(f"{detail}. {remedy}", faults)


class PayloadTooLargeError(GreenroomError):
    code = ErrorCode.PAYLOAD_TOO_LARGE
    status = 413
    title = "The request is too large"


class UnsupportedMediaTypeError(GreenroomError):
    code = ErrorCode.UNSUPPORTED_MEDIA_TYPE
    status = 415
    title = "The body's media type is not supported"


class BadRequestError(GreenroomError):
    code = ErrorCode.BAD_REQUEST
    status = 400
    title = "The request is not well formed"


class NothingThereError(GreenroomError):
    code = ErrorCode.NOT_FOUND
    status = 404
    title = "Not found"


class UpgradeRequiredError(GreenroomError):
    code = ErrorCode.BAD_REQUEST
    status = 426
    title = "A WebSocket handshake is needed"


class BodyTooSlowError(GreenroomError):
    """The connection is closed after the answer: nobody knows where on it the next request would begin."""

    code = ErrorCode.BODY_TOO_SLOW
    status = 408
    title = "The body came too slowly"
    temporary = True


class HostRefusedError(GreenroomError):
    code = ErrorCode.HOST_REFUSED
    status = 421
    title = "This server does not go by that name"


class OriginRefusedError(GreenroomError):
    code = ErrorCode.ORIGIN_REFUSED
    status = 403
    title = "This page may not ask here"


class NotAuthorisedError(GreenroomError):
    code = ErrorCode.NOT_AUTHORISED
    status = 401
    title = "This call needs the admin token"


class ForbiddenError(GreenroomError):
    code = ErrorCode.FORBIDDEN
    status = 403
    title = "This call is closed here"


class ClientLeftError(GreenroomError):
    code = ErrorCode.BAD_REQUEST
    status = 499
    title = "The caller left"


class RetryRefusedError(GreenroomError):
    code = ErrorCode.RETRY_REFUSED
    status = 409
    title = "There is nothing to try again"


class NoPreviousVersionError(GreenroomError):
    code = ErrorCode.NO_PREVIOUS_VERSION
    status = 409
    title = "There is nothing to roll back to"


class OverloadedError(GreenroomError):
    code = ErrorCode.OVERLOADED
    status = 429
    title = "Too much at once"
    temporary = True

    def __init__(self, detail: str, retry_after_seconds: int = 1) -> None:
        super().__init__(detail)
        self.retry_after_seconds = retry_after_seconds


class ShuttingDownError(GreenroomError):
    code = ErrorCode.SHUTTING_DOWN
    status = 503
    title = "The server is about to stop"
    temporary = True
    retry_after_seconds = 1


class DeadlineExceededError(GreenroomError):
    code = ErrorCode.DEADLINE_EXCEEDED
    status = 504
    title = "The answer would have come too late"
    temporary = True


class PredictionError(GreenroomError):
    code = ErrorCode.PREDICTION_FAILED
    status = 502
    title = "The model failed on this input"


class JobNotFoundError(GreenroomError):
    code = ErrorCode.JOB_NOT_FOUND
    status = 404
    title = "Job not found"

    def __init__(self) -> None:
        super().__init__("Job not found: it never was, or it ended so long ago that it was forgotten.")


class JobEndedError(GreenroomError):
    code = ErrorCode.JOB_ENDED
    status = 409
    title = "The job has ended"


class JobNotEndedError(GreenroomError):
    code = ErrorCode.JOB_NOT_ENDED
    status = 409
    title = "The job has not failed"


class JobInputsGoneError(GreenroomError):
    code = ErrorCode.JOB_INPUTS_GONE
    status = 410
    title = "The job's inputs are gone"


class IdempotencyConflictError(GreenroomError):
    code = ErrorCode.IDEMPOTENCY_CONFLICT
    status = 422
    title = "The key was used for something else"

    def __init__(self) -> None:
        super().__init__("This Idempotency-Key came with another request in the last 24 hours. Take a new key.")


class JobsUnavailableError(GreenroomError):
    code = ErrorCode.JOBS_UNAVAILABLE
    status = 503
    title = "Jobs cannot be kept just now"
    temporary = True

    def __init__(self, detail: str, retry_after_seconds: int = 2) -> None:
        super().__init__(detail)
        self.retry_after_seconds = retry_after_seconds


class LeaseLostError(GreenroomError):
    """The worker's right to this job has ended: it must write nothing for it."""


class JobCancelledError(GreenroomError):
    """The worker is to drop this job; it is cancelled."""
