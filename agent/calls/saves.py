# SPDX-License-Identifier: GPL-3.0-or-later
"""Saves the states of calls in the background, and retries what failed."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

from agent.core.errors import StorageError
from agent.core.records import CallRecord
from agent.delivery.store import Store


class Saves:
    """Stores calls' new states.

    Args:
        store: where to.
        run: starts a coroutine and keeps it.
        not_stored: told of a state that could not be made durable, and why.
    """

    def __init__(
        self,
        store: Store,
        run: Callable[[Coroutine[Any, Any, None]], None],
        not_stored: Callable[[CallRecord, Exception], None],
    ) -> None:
        self._store = store
        self._run = run
        self._not_stored = not_stored
        self._unsaved: dict[str, CallRecord] = {}

    def save(self, record: CallRecord) -> None:
        """Store a call's new state; a fault is told, the call goes on, and `save_late` tries again."""
        self._unsaved.pop(record.call_id, None)
        self._run(self._save(record))

    def save_late(self) -> None:
        """Store what could not be stored at its time, if the storage has healed since."""
        if self._unsaved and self._store.fault is None:
            for record in tuple(self._unsaved.values()):
                self.save(record)

    async def _save(self, record: CallRecord) -> None:
        try:
            await self._store.update_call(record)
        except StorageError as error:
            self._unsaved[record.call_id] = record
            self._not_stored(record, error)
