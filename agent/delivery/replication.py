# SPDX-License-Identifier: GPL-3.0-or-later
"""Looks now and then how safe the shared database is. No call waits for it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

from agent.core.errors import StorageError
from agent.core.replication import NO_DATABASE, Replication
from agent.delivery.store import Store
from agent.telemetry import logs

LOOK_SECONDS: Final = 15.0

_log = logs.logger("database")


class ReplicationWatch:
    """Looks, from the time it is made until `aclose`; at once given up where the record is a file.

    Args:
        store: whose database it is.
        tell: is told what each look has found.
        took: told of an error that is none of the storage's: it counts it and logs it.
        every: seconds between two looks.
    """

    def __init__(
        self,
        store: Store,
        tell: Callable[[Replication], None],
        took: Callable[[str, Exception], None],
        *,
        every: float = LOOK_SECONDS,
    ) -> None:
        self._store = store
        self._tell = tell
        self._took = took
        self._every = every
        self._said = False
        self._task = asyncio.get_running_loop().create_task(self._run())

    async def aclose(self) -> None:
        """End."""
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self) -> None:
        while True:
            try:
                found = await self._store.replication()
                if found is None:
                    return
                self._tell(found)
                self._say(found)
            except StorageError:
                self._tell(NO_DATABASE)
            except Exception as error:  # noqa: BLE001 - a look that fails must not be the last one
                self._took("replication", error)
            await asyncio.sleep(self._every)

    def _say(self, found: Replication) -> None:
        """Once: what is missing in the metrics, and why."""
        if found.readable is False and not self._said:
            self._said = True
            _log.warning(
                "the role may not read pg_stat_replication, so standbys and their lag are not told: "
                "GRANT pg_monitor to it"
            )
