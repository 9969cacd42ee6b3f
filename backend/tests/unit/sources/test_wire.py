from __future__ import annotations

from pathlib import Path

import pytest

from greenroom.sources import wire
from greenroom.words import (
    ConfigError,
    DiskFullError,
    FileCorruptError,
    GreenroomError,
    ModelFile,
    ModelSpec,
    ModelVersion,
    SourceError,
    SourceForbiddenError,
    SourceNotFoundError,
    SourceUnreachableError,
)  # fmt: skip


def test_a_spec_and_a_version_arrive_as_they_were_sent() -> None:
    spec = ModelSpec("mine", "path:a", sha256={"a": "b"})
    asked = wire.read_question(wire.encode(wire.Fetch(3, spec, "latest")))
    assert asked == wire.Fetch(3, spec, "latest")
    version = ModelVersion("mine", "d", Path("/a"), (ModelFile("x", 1, "y"),), stage="production", encoder=Path("/e"))
    assert wire.read_answer(wire.encode(wire.Fetched(3, version))) == wire.Fetched(3, version)
    assert wire.encode(asked).count(b"\n") == 1


def test_a_spec_with_nothing_set_arrives_too() -> None:
    asked = wire.read_question(wire.encode(wire.Look(1, ModelSpec("mine", "path:a"))))
    assert asked == wire.Look(1, ModelSpec("mine", "path:a"))


@pytest.mark.parametrize(
    "kind",
    [ConfigError, SourceError, SourceNotFoundError, FileCorruptError, SourceUnreachableError, SourceForbiddenError,
     DiskFullError],
)  # fmt: skip
def test_an_error_arrives_as_what_it_is(kind: type[GreenroomError]) -> None:
    sent = wire.with_retry_after(kind("No.\nReally."), 7.5)
    failed = wire.read_answer(wire.encode(wire.failure(1, sent)))
    assert isinstance(failed, wire.Failed)
    error = wire.error_of(failed)
    assert (type(error), str(error), error.temporary) == (kind, "No.\nReally.", kind.temporary)
    assert wire.retry_after_seconds(error) == 7.5


def test_an_error_that_is_not_of_the_sources_arrives_as_theirs() -> None:
    assert type(wire.error_of(wire.Failed(1, "internal-error", "x"))) is SourceError
