"""Errors as clients are told of them."""

from __future__ import annotations

from greenroom.protocol.snapshot import ModelError
from greenroom.words import GreenroomError, LoadError


def describe(error: GreenroomError) -> ModelError:
    """The error as clients see it."""
    return ModelError(code=error.code, message=str(error), temporary=error.temporary)


def unforeseen(bug: Exception) -> LoadError:
    error = LoadError("The server itself failed while it looked after this model; its log says how.")
    error.temporary = True
    error.__cause__ = bug
    return error
