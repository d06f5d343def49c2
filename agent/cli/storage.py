# SPDX-License-Identifier: GPL-3.0-or-later
"""Opens the agent's storage for a command, beside the agent that may run on it."""

from __future__ import annotations

import fcntl
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from agent.cli.where import Where
from agent.core.errors import StorageError

if TYPE_CHECKING:
    from agent.delivery.store import Store


@asynccontextmanager
async def opened(where: Where) -> AsyncIterator[Store]:
    """The record; nothing is delivered from here, and no file is made.

    Raises:
        StorageError: it is not there or can't be used; one line says why.
    """
    # Imported here: most commands need no storage.
    from agent.delivery.stores import open_store  # noqa: PLC0415
    from agent.telemetry import logs  # noqa: PLC0415

    path = sqlite_path(where)
    if path is not None and not path.exists():
        raise StorageError(
            f"there is no record yet: {path} does not exist (the agent creates it when it starts)"
        )
    logs.configure("warning", "text")  # what there is to be said stands beside the answer, not in it
    store = await open_store(where.database, owner=False)
    try:
        yield store
    finally:
        await store.aclose()


def sqlite_path(where: Where) -> Path | None:
    """The SQLite file, if the storage is one."""
    scheme, _, path = where.database.partition("://")
    return Path(path) if scheme == "sqlite" else None


def in_use(where: Where) -> bool:
    """Whether an agent holds the SQLite file now, wherever its listeners are."""
    path = sqlite_path(where)
    if path is None:
        return False
    try:
        lock = os.open(f"{path}.lock", os.O_RDONLY)
    except OSError:
        return False
    try:
        fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    else:
        return False
    finally:
        os.close(lock)
