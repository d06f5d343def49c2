# SPDX-License-Identifier: GPL-3.0-or-later
"""Deletes old calls in small steps, so that the database stays within bounds and no write waits for it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Final

from agent.core.errors import StorageError
from agent.core.model import Retention
from agent.delivery.store import Store
from agent.telemetry import logs

LOOK_SECONDS: Final = 60.0
STEP_SECONDS: Final = 0.2
"""Between two steps while there is something to delete; a step takes up to 200 calls."""
_DAY: Final = 86_400.0

_log = logs.logger("retention")


class Keeper:
    """Deletes old calls, from the time it is made until `aclose`.

    Args:
        store: what to delete from.
        wanted: how many days and calls to keep now; a reload may change it.
        took: told of an error that is none of the storage's: it counts it and logs it.
        clock: seconds since the epoch.
    """

    def __init__(
        self,
        store: Store,
        wanted: Callable[[], Retention],
        took: Callable[[str, Exception], None],
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._store = store
        self._wanted = wanted
        self._took = took
        self._clock = clock
        self._task = asyncio.get_running_loop().create_task(self._run())

    async def aclose(self) -> None:
        """End; what is left is deleted the next time."""
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def tidy(self) -> int:
        """Delete all that may go, step by step. Returns how many calls went.

        Raises:
            StorageError: the storage is faulty.
        """
        wanted, gone = self._wanted(), 0
        while step := await self._store.forget(self._clock() - wanted.days * _DAY, wanted.calls):
            gone += step
            await asyncio.sleep(STEP_SECONDS)
        return gone

    async def _run(self) -> None:
        while True:
            try:
                if gone := await self.tidy():
                    _log.info("old calls were deleted", calls=gone)
            except StorageError as error:
                _log.debug("old calls can't be deleted now", error=str(error))
            except Exception as error:  # noqa: BLE001 - a record that nobody tidies grows without bound
                self._took("retention", error)
            await asyncio.sleep(LOOK_SECONDS)
