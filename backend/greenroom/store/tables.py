"""The tables. Nothing in them is SQLite's alone: they work on PostgreSQL as they are.

Times are unix seconds (float). JSON is kept as UTF-8 bytes, because nothing here looks into it.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, ForeignKey, Index, LargeBinary
from sqlmodel import Field, SQLModel


class JobRow(SQLModel, table=True):
    """A job: see `jobs.seam.Job` and `jobs.rules.Row` for what each member means."""

    __tablename__ = "ml_jobs"
    __table_args__ = (
        Index("ix_ml_jobs_next", "state", "model", "rank", "turn", "number"),
        Index("ix_ml_jobs_newest", "state", "number"),
        Index("ix_ml_jobs_change", "change", "number"),
    )

    number: int | None = Field(default=None, primary_key=True)
    """Counts up in the order of acceptance."""
    id: str = Field(max_length=36, unique=True)
    model: str = Field(max_length=200)
    name: str | None = Field(default=None, max_length=200)
    """What its sender calls it."""
    state: str = Field(max_length=20)
    rank: int = 0
    """Less its priority, so that what goes first stands first in the index."""
    turn: int = Field(default=0, sa_column=Column(BigInteger, nullable=False))
    """Number of the commit in which it joined the others of its rank."""
    total: int
    done: int = 0
    attempts: int = 0
    created_at: float
    started_at: float | None = None
    finished_at: float | None = Field(default=None, index=True)
    retry_at: float | None = None
    cancelling: bool = False
    fault_code: str | None = Field(default=None, max_length=60)
    fault_message: str | None = None
    bad_line_count: int = 0
    version: str | None = Field(default=None, max_length=200)
    label: str | None = Field(default=None, max_length=200)
    score: float | None = None
    changes: int = 0
    change: int = Field(sa_column=Column(BigInteger, nullable=False))
    """Number of the commit that changed it last: see `JobChangeRow`."""
    worked_seconds: float = 0.0
    file: str | None = None
    """Name of the uploaded file in the data folder."""
    fence: int = 0
    lease_until: float | None = None
    worker: str | None = Field(default=None, max_length=100)
    bad_lines: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    inputs: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    """Last, so that SQLite reads what stands before it without the pages that it fills."""


class JobChangeRow(SQLModel, table=True):
    """The one row that counts the commits in which jobs changed, whichever process made them."""

    __tablename__ = "ml_job_change"

    change: int = Field(sa_column=Column(BigInteger, primary_key=True, autoincrement=False))


class LoadRow(SQLModel, table=True):
    """A finished load: see `readiness.history.LoadRecord`."""

    __tablename__ = "model_loads"

    number: int | None = Field(default=None, primary_key=True)
    """Counts up in the order in which they ended."""
    digest: str = Field(max_length=64, index=True)
    """Of the version."""
    record: bytes = Field(sa_column=Column(LargeBinary, nullable=False))


class JobKeyRow(SQLModel, table=True):
    """An Idempotency-Key and the job that it named last."""

    __tablename__ = "ml_job_keys"

    key: str = Field(primary_key=True, max_length=255)
    job_id: str = Field(max_length=36)
    fingerprint: str = Field(max_length=64)
    created_at: float = Field(index=True)


class ChunkRow(SQLModel, table=True):
    """Results of a job's inputs from `start` on. The primary key is what lets a chunk take effect once."""

    __tablename__ = "ml_job_chunks"

    job_number: int = Field(
        sa_column=Column(ForeignKey("ml_jobs.number", ondelete="CASCADE"), primary_key=True, autoincrement=False)
    )
    start: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    rows: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    version: str = Field(max_length=200)
