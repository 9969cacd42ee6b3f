from __future__ import annotations

from pathlib import Path

import pytest
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine, inspect, text

from greenroom.errors import ConfigError
from greenroom.store.migrate import HEAD, MIGRATIONS, migrate


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
