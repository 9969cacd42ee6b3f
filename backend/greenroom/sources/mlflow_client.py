"""The mlflow package, on our terms: imported late, with short timeouts, and its errors told as ours.

By default MLflow's client tries a dead server for about four minutes, a dead database for three, draws progress bars
and reports its use to its makers. All of that is decided when it is imported, so nobody else here may import it.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from greenroom.sources.http import untrusted
from greenroom.words import (
    ConfigError,
    GreenroomError,
    SourceError,
    SourceForbiddenError,
    SourceNotFoundError,
    SourceUnreachableError,
)

TERMS = {
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "4",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    "MLFLOW_LOGGING_LEVEL": "WARNING",
}
"""Whoever sets one of these for the server has their own way."""

FORBIDDEN = (
    "MLflow does not let the server in. Set MLFLOW_TRACKING_TOKEN, or MLFLOW_TRACKING_USERNAME and "
    "MLFLOW_TRACKING_PASSWORD, for the server, then press Try again."
)
UNREACHABLE = "MLflow does not answer. Check that it runs and that MLFLOW_TRACKING_URI names it."
_FORBIDDEN_CODES = frozenset({"PERMISSION_DENIED", "CUSTOMER_UNAUTHORIZED", "UNAUTHENTICATED"})
ABSENT = "RESOURCE_DOES_NOT_EXIST"
"""MLflow's word for a model or a version that is not there."""
INVALID = "INVALID_PARAMETER_VALUE"
"""MLflow's word for an alias that is not there, of a model that is; and for what cannot be an alias."""


def require_mlflow() -> Any:
    """The mlflow package. Raises ConfigError where it is not installed."""
    for name, value in TERMS.items():
        os.environ.setdefault(name, value)
    try:
        import mlflow
        import mlflow.store.db.utils as databases
    except ImportError as error:
        raise ConfigError(
            "MLflow is not installed, and this MLFLOW_TRACKING_URI needs it: pip install greenroom[mlflow]"
        ) from error
    databases.MAX_RETRY_COUNT = 3  # no setting exists for it; ten tries with doubled waits take minutes
    return mlflow


@contextmanager
def our_errors() -> Iterator[None]:
    """Let what MLflow's client and its drivers raise come out as SourceError, and a missing driver as ConfigError.
    A full disk stays what it is."""
    try:
        yield
    except GreenroomError:
        raise
    except Exception as error:  # drivers of many databases and stores, each with errors of its own
        if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise
        raise _ours(error) from error


def error_code(error: BaseException) -> str:
    """MLflow's code for what went wrong, such as ABSENT; empty for errors that are not MLflow's."""
    return str(getattr(error, "error_code", ""))


def _ours(error: Exception) -> GreenroomError:
    code = error_code(error)
    if isinstance(error, ImportError):
        return ConfigError(f"MLflow cannot reach its database or store without the module {error.name}. Install it.")
    if code in _FORBIDDEN_CODES:
        return SourceForbiddenError(FORBIDDEN)
    if code == ABSENT:
        return SourceNotFoundError(
            "MLflow does not know what it was asked for. Correct the name, then press Try again."
        )
    if code == INVALID:
        return SourceError(
            "MLflow refuses what it was asked. Correct the name, or let MLFLOW_TRACKING_URI name a server or "
            "a database."
        )
    return _of_store(error) or untrusted(error, "MLflow") or SourceUnreachableError(UNREACHABLE)


def _of_store(error: Exception) -> SourceError | None:
    """What the client of a store means, where no waiting mends it; None where it may."""
    status = _status(error)
    if status in (401, 403) or isinstance(error, PermissionError) or "Credentials" in type(error).__name__:
        return SourceForbiddenError(
            "The store in which MLflow keeps the files does not let the server in. Give the server the store's "
            "credentials, then start again."
        )
    if status in (404, 410) or isinstance(error, FileNotFoundError):
        return SourceNotFoundError(
            "MLflow names files that are not in its store. Register the version again, then press Try again."
        )
    return None


def _status(error: Exception) -> object:
    """The HTTP status of a store's answer, where the clients of S3, of Azure and of Google keep it."""
    response = getattr(error, "response", None)
    if isinstance(response, Mapping):
        return response.get("ResponseMetadata", {}).get("HTTPStatusCode")
    places = ((response, "status_code"), (error, "status_code"), (error, "code"))
    return next((found for found in (getattr(place, name, None) for place, name in places) if found), None)
