"""Alembic's: one file for each change of the tables, in `versions`. Run by `store.migrate`."""
