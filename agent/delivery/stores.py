# SPDX-License-Identifier: GPL-3.0-or-later
"""Opening the store that ``storage`` in agent.yaml names."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from agent.core.errors import StorageError
from agent.delivery.sqlite import SqliteStore
from agent.delivery.store import Store


async def open_store(
    storage: str,
    on_fault: Callable[[str | None], None] | None = None,
    broke: Callable[[Exception], None] | None = None,
    *,
    node: str = "",
    owner: bool = True,
) -> Store:
    """Open ``sqlite://`` and a path, or ``postgresql://…``.

    Args:
        storage: the URL.
        on_fault: told on the loop when writing begins to fail (why) and when it heals (None).
        broke: told on the loop of an error of ours in what goes on in the background.
        node: the name of this node, under which its neighbours on a shared database know it.
        owner: whether signals are delivered from here; False for a command that looks or helps.

    Raises:
        StorageError: it can't be used, or is of a kind that this agent does not have.
    """
    scheme, _, path = storage.partition("://")
    if scheme == "sqlite":
        return await SqliteStore.open(Path(path), on_fault, owner=owner)
    if scheme == "postgresql":
        from agent.delivery.postgres import PostgresStore  # noqa: PLC0415 - only those who use it load the driver

        return await PostgresStore.open(storage, on_fault, broke, node=node, owner=owner)
    raise StorageError(f"storage {scheme}:// is not built in: write sqlite:///path/agent.db")
