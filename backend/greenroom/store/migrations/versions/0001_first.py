"""Jobs, their keys and their results; what loads took."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = depends_on = None


def upgrade() -> None:
    _create_jobs()
    _create_what_belongs_to_jobs()
    op.create_table(
        "model_loads",
        sa.Column("number", sa.Integer(), primary_key=True),
        sa.Column("digest", sa.String(64), nullable=False, index=True),
        sa.Column("record", sa.LargeBinary(), nullable=False),
    )


def _create_jobs() -> None:
    op.create_table(
        "ml_jobs",
        sa.Column("number", sa.Integer(), primary_key=True),
        sa.Column("id", sa.String(36), nullable=False, unique=True),
        sa.Column("model", sa.String(200), nullable=False),
        sa.Column("name", sa.String(200)),
        sa.Column("state", sa.String(20), nullable=False),
        sa.Column("rank", sa.Integer(), nullable=False),
        sa.Column("turn", sa.BigInteger(), nullable=False),
        sa.Column("total", sa.Integer(), nullable=False),
        sa.Column("done", sa.Integer(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.Float(), nullable=False),
        sa.Column("started_at", sa.Float()),
        sa.Column("finished_at", sa.Float(), index=True),
        sa.Column("retry_at", sa.Float()),
        sa.Column("cancelling", sa.Boolean(), nullable=False),
        sa.Column("fault_code", sa.String(60)),
        sa.Column("fault_message", sa.String()),
        sa.Column("bad_line_count", sa.Integer(), nullable=False),
        sa.Column("version", sa.String(200)),
        sa.Column("label", sa.String(200)),
        sa.Column("score", sa.Float()),
        sa.Column("changes", sa.Integer(), nullable=False),
        sa.Column("change", sa.BigInteger(), nullable=False),
        sa.Column("worked_seconds", sa.Float(), nullable=False),
        sa.Column("file", sa.String()),
        sa.Column("fence", sa.Integer(), nullable=False),
        sa.Column("lease_until", sa.Float()),
        sa.Column("worker", sa.String(100)),
        sa.Column("bad_lines", sa.LargeBinary(), nullable=False),
        sa.Column("inputs", sa.LargeBinary(), nullable=False),
    )
    op.create_index("ix_ml_jobs_next", "ml_jobs", ["state", "model", "rank", "turn", "number"])
    op.create_index("ix_ml_jobs_newest", "ml_jobs", ["state", "number"])
    op.create_index("ix_ml_jobs_change", "ml_jobs", ["change", "number"])


def _create_what_belongs_to_jobs() -> None:
    counted = op.create_table(
        "ml_job_change", sa.Column("change", sa.BigInteger(), primary_key=True, autoincrement=False)
    )
    op.bulk_insert(counted, [{"change": 0}])
    op.create_table(
        "ml_job_keys",
        sa.Column("key", sa.String(255), primary_key=True),
        sa.Column("job_id", sa.String(36), nullable=False),
        sa.Column("fingerprint", sa.String(64), nullable=False),
        sa.Column("created_at", sa.Float(), nullable=False, index=True),
    )
    op.create_table(
        "ml_job_chunks",
        sa.Column(
            "job_number", sa.Integer(), sa.ForeignKey("ml_jobs.number", ondelete="CASCADE"), primary_key=True,
            autoincrement=False,
        ),
        sa.Column("start", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("rows", sa.LargeBinary(), nullable=False),
        sa.Column("version", sa.String(200), nullable=False),
    )  # fmt: skip


def downgrade() -> None:
    for table in ("model_loads", "ml_job_chunks", "ml_job_keys", "ml_job_change", "ml_jobs"):
        op.drop_table(table)
