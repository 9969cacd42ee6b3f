"""Errors as clients and the log are told of them."""

from __future__ import annotations

import traceback

from greenroom.protocol.snapshot import ModelError
from greenroom.words import GreenroomError, LoadError


def describe(error: GreenroomError) -> ModelError:
    """The error as clients see it."""
    return ModelError(code=error.code, message=str(error), temporary=error.temporary)


def cause_of(error: GreenroomError) -> str | None:
    """What it came from, for the log alone: it may hold paths."""
    return "".join(traceback.format_exception_only(error.__cause__)).strip() if error.__cause__ else None


def unforeseen(bug: Exception) -> LoadError:
    error = LoadError("The server itself failed while it looked after this model; its log says how.")
    error.temporary = True
    error.__cause__ = bug
    return error
