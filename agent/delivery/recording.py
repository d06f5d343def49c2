# SPDX-License-Identifier: GPL-3.0-or-later
"""Makes states of signals durable and tells of them: on disk first; a known end is never lost."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import Final

from agent.core.errors import StorageError
from agent.core.moments import SignalState
from agent.core.records import Attempt, Signal
from agent.delivery.job import SignalEvent
from agent.delivery.store import Outbox
from agent.telemetry import logs

STORAGE_RETRY: Final = 1.0
"""Seconds between tries while the storage is faulty."""

_log = logs.logger("courier")


class SignalStates:
    """Where the states of signals are made durable, and told to those who listen.

    Args:
        store: where states are durable.
        on_event: told of each change.
    """

    def __init__(self, store: Outbox, on_event: Callable[[SignalEvent], None]) -> None:
        self._store = store
        self._on_event = on_event
        self._late: deque[tuple[str, SignalState, Attempt | None]] = deque()
        self._writer: asyncio.Task[None] | None = None

    async def write(self, signal_id: str, state: SignalState, attempt: Attempt | None) -> bool:
        """Make a state durable; False if the signal was settled by somebody else.

        Raises:
            StorageError: it is not durable.
        """
        return await self._store.update_signal(signal_id, state, attempt)

    async def settle(self, signal: Signal, attempt: Attempt | None) -> None:
        """Write the end of a signal down and tell of it. When the storage is faulty it is written later.

        Until then the disk says ``sending``, which nobody sends again, or ``recorded`` if it never went out.
        """
        try:
            await self._store.update_signal(signal.signal_id, signal.state, attempt)
        except StorageError as error:
            _log.error("a signal's end can't be recorded yet", call_id=signal.call_id, error=str(error))
            self._late.append((signal.signal_id, signal.state, attempt))
            if self._writer is None or self._writer.done():
                self._writer = asyncio.get_running_loop().create_task(self._write_when_healed())
        self.tell(signal, attempt)

    def tell(self, signal: Signal, attempt: Attempt | None = None) -> None:
        """Tell of a signal's state."""
        event = SignalEvent(signal, attempt)
        if signal.state.final:
            _log.info(
                f"{signal.channel.value} settled",
                call_id=signal.call_id,
                contact_id=signal.contact_id,
                project=signal.project,
                moment=signal.moment.value,
                outcome=event.outcome,
                status=None if attempt is None else attempt.status,
                detail="" if attempt is None else attempt.detail,
                attempts=len(signal.attempts),
            )
        try:
            self._on_event(event)
        except Exception:  # noqa: BLE001 - a listener's mistake must not end the delivery
            _log.exception("nobody could be told of a signal", call_id=signal.call_id)

    async def aclose(self) -> None:
        """Write what is late, if the storage lets us."""
        if self._writer is not None:
            self._writer.cancel()
            await asyncio.gather(self._writer, return_exceptions=True)
        with suppress(StorageError):
            await self._write_late()

    async def _write_when_healed(self) -> None:
        while self._late:
            await asyncio.sleep(STORAGE_RETRY)
            with suppress(StorageError):
                await self._write_late()

    async def _write_late(self) -> None:
        while self._late:
            await self._store.update_signal(*self._late[0])
            self._late.popleft()
