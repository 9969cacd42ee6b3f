"""The ledger must see what must never be: each fault is made by hand, in the tables of the product."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from sqlmodel import SQLModel, create_engine

from bench.jobs_ledger import Kept, Ledger
from greenroom.store.tables import JobRow

CLAIM = "UPDATE ml_jobs SET state = 'processing', fence = fence + 1, worker = 'here-7-ab'"
CHUNK = "INSERT INTO ml_job_chunks VALUES (1, ?, ?, 'v1')"
COMPLETE = "UPDATE ml_jobs SET state = 'completed', done = total, finished_at = created_at + 2"
ROWS = b'[{"label":"good"},{"label":"bad"}]'


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A database with one job of four inputs, and a ledger of it."""
    file = tmp_path / "greenroom.db"
    engine = create_engine(f"sqlite:///{file}")
    SQLModel.metadata.create_all(engine)
    with engine.begin() as connection:
        new = JobRow(id="a", model="mood", state="pending", total=4, created_at=1.0, change=1,
                     bad_lines=b"", inputs=b"")  # fmt: skip
        connection.execute(JobRow.__table__.insert(), [new.model_dump(exclude={"number"})])  # type: ignore[attr-defined]
    engine.dispose()
    Ledger(file).begin()
    return file


@pytest.fixture
def database(file: Path) -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(file, isolation_level=None)) as connection:
        yield connection


def judged(file: Path) -> Kept:
    (job,) = Ledger(file).jobs()
    return job


def run(database: sqlite3.Connection) -> None:
    """As it should be: claimed by one who died, claimed again, done."""
    database.execute(CLAIM)
    database.execute(CHUNK, (0, ROWS))
    database.execute(CLAIM)
    database.execute(CHUNK, (2, ROWS))
    database.execute(COMPLETE)


def test_a_job_that_is_taken_up_again_and_done_once_has_no_fault(file: Path, database: sqlite3.Connection) -> None:
    run(database)
    job = judged(file)
    assert (job.state, job.claims, job.seconds, job.faults) == ("completed", 2, 2.0, [])
    assert Ledger(file).unfinished() == 0


@pytest.mark.parametrize(
    ("statement", "fault"),
    [
        ("UPDATE ml_jobs SET state = 'completed'", "touched after its end"),
        ("UPDATE ml_job_chunks SET rows = '[]' WHERE start = 0", "chunk changed"),
        ("DELETE FROM ml_job_chunks WHERE start = 0", "chunk gone"),
        ("UPDATE ml_jobs SET state = 'processing', fence = fence - 1", "a fencing number given twice"),
        ("INSERT INTO ml_job_chunks VALUES (1, 4, '[{}]', 'v1')", "5 results for 4 inputs"),
        ("INSERT INTO ml_job_chunks VALUES (1, 3, '[{}]', 'v1')", "a chunk from 3 where one from 4 was due"),
    ],
)
def test_whatever_befalls_a_job_after_its_end_is_a_fault(
    file: Path, database: sqlite3.Connection, statement: str, fault: str
) -> None:
    run(database)
    database.execute(statement)
    assert fault in judged(file).faults


def test_a_job_that_ends_twice_is_a_fault(file: Path, database: sqlite3.Connection) -> None:
    run(database)
    database.execute(CLAIM)
    database.execute(COMPLETE)
    assert "ended 2 times" in judged(file).faults


def test_results_that_are_missing_are_a_fault(file: Path, database: sqlite3.Connection) -> None:
    database.execute(CLAIM)
    database.execute(CHUNK, (0, ROWS))
    database.execute(COMPLETE)
    assert judged(file).faults == ["2 results for 4 inputs"]


def test_who_holds_a_job_and_who_keeps_others_from_writing_can_be_seen(
    file: Path, database: sqlite3.Connection
) -> None:
    ledger = Ledger(file)
    database.execute(CLAIM)
    assert [ledger.held_by(pid) for pid in (7, 8)] == [True, False]
    assert not ledger.is_locked(0.01)
    database.execute("BEGIN IMMEDIATE")
    assert ledger.is_locked(0.01)
