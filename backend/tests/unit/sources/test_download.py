"""Files that another library writes, whose threads cannot be ended."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from greenroom.sources.download import Download
from greenroom.sources.job import Job, StoppedError
from greenroom.sources.plan import Counted, WantedFile, Write
from greenroom.words import ModelSpec, SourceError

DEADLINE_SECONDS = 10
NAME = "model.safetensors"
NOTHING: Mapping[str, Write] = {}


@dataclass
class SlowWriter:
    """Neither hears that nobody waits any more, nor says how far it is."""

    content: bytes
    begun: threading.Event = field(default_factory=threading.Event)
    may_write: threading.Event = field(default_factory=threading.Event)
    has_written: threading.Event = field(default_factory=threading.Event)
    may_end: threading.Event = field(default_factory=threading.Event)
    thread: threading.Thread | None = None

    def __call__(self, target: Path, counted: Counted) -> None:
        self.thread = threading.current_thread()
        self.begun.set()
        assert self.may_write.wait(DEADLINE_SECONDS)
        try:
            target.write_bytes(self.content)
        finally:
            self.has_written.set()
        assert self.may_end.wait(DEADLINE_SECONDS)

    def end(self) -> None:
        self.may_write.set()
        self.may_end.set()
        if self.thread:
            self.thread.join(DEADLINE_SECONDS)
            assert not self.thread.is_alive()


@pytest.fixture
def late() -> Iterator[SlowWriter]:
    writer = SlowWriter(b"late")
    yield writer
    writer.end()


def download(
    folder: Path, how: SlowWriter, stopped: threading.Event | None = None, others: Mapping[str, Write] = NOTHING
) -> None:
    job = Job(lambda stage, done, total: None, stopped)
    wanted = [WantedFile(NAME, how), *(WantedFile(path, write) for path, write in others.items())]
    Download(ModelSpec("mine", "gdrive:x"), "the file x", folder, job).run(wanted)


def left_alone(folder: Path, writer: SlowWriter) -> None:
    """Begin a download with `writer`, and stop it before it has written."""
    stopped = threading.Event()

    def stop() -> None:
        assert writer.begun.wait(DEADLINE_SECONDS)
        stopped.set()

    helper = threading.Thread(target=stop)
    helper.start()
    with pytest.raises(StoppedError):
        download(folder, writer, stopped)
    helper.join(DEADLINE_SECONDS)


def test_a_writer_that_was_left_alone_writes_into_nobodys_file(tmp_path: Path, late: SlowWriter) -> None:
    left_alone(tmp_path / "partial", late)
    good = SlowWriter(b"good")
    good.may_write.set()

    def write_in_between() -> None:
        assert good.has_written.wait(DEADLINE_SECONDS)
        late.may_write.set()
        assert late.has_written.wait(DEADLINE_SECONDS)
        good.may_end.set()

    between = threading.Thread(target=write_in_between)
    between.start()
    download(tmp_path / "partial", good)
    between.join(DEADLINE_SECONDS)
    assert (tmp_path / "partial" / NAME).read_bytes() == b"good"


def test_a_writer_puts_nothing_in_place_after_another_file_has_failed(tmp_path: Path, late: SlowWriter) -> None:
    def fail(target: Path, counted: Counted) -> None:
        assert late.begun.wait(DEADLINE_SECONDS)
        raise SourceError("no")

    late.may_write.set()
    with pytest.raises(SourceError, match="no"):
        download(tmp_path / "partial", late, others={"config.json": fail})
    late.end()
    assert list((tmp_path / "partial").iterdir()) == []


def test_what_a_killed_writer_left_is_taken_away(tmp_path: Path) -> None:
    (tmp_path / "partial/.writing-x").mkdir(parents=True)
    (tmp_path / "partial/.writing-x" / NAME).write_bytes(b"half")
    good = SlowWriter(b"good")
    good.may_write.set()
    good.may_end.set()
    download(tmp_path / "partial", good)
    assert [path.name for path in (tmp_path / "partial").iterdir()] == [NAME]
