from __future__ import annotations

import sqlite3
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine, inspect, text

from greenroom.errors import ConfigError, JobsUnavailableError
from greenroom.store import migrate as module
from greenroom.store.migrate import HEAD, MIGRATIONS, migrate

KILLED_AT_ITS_THIRD_TABLE = """
import os, signal, sys
from sqlalchemy import Engine, event
from greenroom.store.migrate import migrate

tables = []

@event.listens_for(Engine, "before_cursor_execute")
def count(connection, cursor, statement, *_):
    tables.extend([statement] if "CREATE TABLE" in statement else [])
    if len(tables) == 3:
        os.kill(os.getpid(), signal.SIGKILL)

migrate(sys.argv[1])
"""


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'greenroom.db'}"


def config_for(connection: object) -> Config:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["connection"] = connection
    return config


def test_an_empty_database_gets_the_tables_once(url: str) -> None:
    assert migrate(url)
    assert not migrate(url)
    engine = create_engine(url)
    assert {"ml_jobs", "ml_job_chunks", "ml_job_keys"} <= set(inspect(engine).get_table_names())
    engine.dispose()


def test_the_migrations_give_what_the_tables_say(url: str) -> None:
    migrate(url)
    engine = create_engine(url)
    with engine.connect() as connection:
        command.check(config_for(connection))
    engine.dispose()


def test_head_is_the_last_migration() -> None:
    assert ScriptDirectory.from_config(config_for(None)).get_heads() == [HEAD]


def test_the_way_back_is_open(url: str) -> None:
    migrate(url)
    engine = create_engine(url)
    with engine.connect() as connection:
        command.downgrade(config_for(connection), "base")
        connection.commit()
    assert set(inspect(engine).get_table_names()) <= {"alembic_version"}
    engine.dispose()


def test_a_database_of_a_later_version_is_left_alone(url: str) -> None:
    migrate(url)
    engine = create_engine(url)
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    engine.dispose()
    with pytest.raises(ConfigError, match="later Greenroom"):
        migrate(url)


def test_a_process_killed_on_the_way_leaves_an_empty_database_that_the_next_one_fills(url: str) -> None:
    killed = subprocess.run([sys.executable, "-c", KILLED_AT_ITS_THIRD_TABLE, url], check=False)
    assert killed.returncode == -9
    engine = create_engine(url)
    assert inspect(engine).get_table_names() == []
    assert migrate(url)
    assert "model_loads" in inspect(engine).get_table_names()
    engine.dispose()


def test_of_many_that_begin_together_one_does_it_and_all_go_on(url: str) -> None:
    with ThreadPoolExecutor(8) as starts:
        assert sorted(starts.map(migrate, [url] * 8)) == [False] * 7 + [True]


def test_a_database_that_somebody_else_holds_is_told_and_one_as_it_should_be_needs_no_lock(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PATIENCE_SECONDS", 0.1)
    other = sqlite3.connect(url.removeprefix("sqlite:///"), isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(JobsUnavailableError):
        migrate(url)
    other.execute("ROLLBACK")
    assert migrate(url)
    other.execute("BEGIN IMMEDIATE")
    assert not migrate(url)
    other.close()
