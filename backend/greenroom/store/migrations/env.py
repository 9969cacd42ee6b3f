"""How Alembic reaches the tables: the connection is given by `store.migrate`, or by a test."""

from __future__ import annotations

from alembic import context
from sqlmodel import SQLModel

import greenroom.store.tables  # noqa: F401 - known to SQLModel once it is imported

context.configure(
    connection=context.config.attributes["connection"], target_metadata=SQLModel.metadata, render_as_batch=True,
    compare_type=True,
)  # fmt: skip
with context.begin_transaction():
    context.run_migrations()
