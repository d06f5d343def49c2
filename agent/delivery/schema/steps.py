# SPDX-License-Identifier: GPL-3.0-or-later
"""Taking the steps that a database lacks. Loads Alembic and SQLAlchemy: import it only when one is due."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any, Final

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, create_engine, event
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from agent.core.errors import StorageError
from agent.delivery.schema import FOLDER, HEAD

_LOCK: Final = "SELECT pg_advisory_xact_lock(hashtextextended('handoff-agent tables', 0))"
_FIRST: Final = "0001"


def upgrade_sqlite(path: Path, lock_wait: float, *, target: str = HEAD) -> None:
    """Bring a SQLite file to a version. Blocks; `lock_wait` is in seconds."""

    def connect() -> sqlite3.Connection:
        return sqlite3.connect(path, timeout=lock_wait, isolation_level=None)

    engine = create_engine("sqlite://", creator=connect, poolclass=NullPool)
    # The driver's own transactions leave CREATE TABLE out. BEGIN IMMEDIATE takes them in, and lets a second
    # agent that starts at once wait for the first and then find nothing to do.
    event.listen(engine, "begin", lambda connection: connection.exec_driver_sql("BEGIN IMMEDIATE"))
    try:
        with engine.connect() as connection:
            _upgrade(connection, target)
    except DBAPIError as error:
        raise (error.orig or error) from None  # what SQLite said, without the statement


async def upgrade_postgresql(connect: Any, *, target: str = HEAD) -> None:  # noqa: ANN401 - a coroutine function
    """Bring a PostgreSQL database to a version; `connect` opens an asyncpg connection."""
    engine = create_async_engine("postgresql+asyncpg://", async_creator=connect, poolclass=NullPool)
    try:
        async with engine.connect() as connection:
            await connection.exec_driver_sql(_LOCK)  # two agents that start at once take turns
            await connection.run_sync(_upgrade, target)
    except DBAPIError as error:
        raise StorageError(
            f"its tables can't be brought up to date: {' '.join(str(error.orig or error).split())}"
        ) from None
    finally:
        await engine.dispose()


def _upgrade(connection: Connection, target: str) -> None:
    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", str(FOLDER).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    if _made_without_alembic(connection):
        command.stamp(config, _FIRST)
    command.upgrade(config, target)
    connection.commit()


def _made_without_alembic(connection: Connection) -> bool:
    """Whether the tables of the first version are there, counted by SQLite's own ``user_version``."""
    if connection.dialect.name != "sqlite":
        return False
    counted = connection.exec_driver_sql("PRAGMA user_version").scalar()
    known = "SELECT 1 FROM sqlite_master WHERE name = 'alembic_version'"
    return bool(counted) and connection.exec_driver_sql(known).first() is None
