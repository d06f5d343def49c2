# SPDX-License-Identifier: GPL-3.0-or-later
"""Moves signals from state to state: on disk first, then everybody is told; a known end is never lost."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import Final

from agent.core.errors import StorageError
from agent.core.moments import SignalState
from agent.core.records import Attempt
from agent.delivery.job import Job, SignalEvent
from agent.delivery.store import Outbox
from agent.telemetry import logs

STORAGE_RETRY: Final = 1.0
"""Seconds between tries while the storage is faulty."""

_log = logs.logger("courier")


class Recording:
    """The states of signals on disk and in the ears of those who listen.

    Args:
        store: where states are durable.
        on_event: told of each change.
    """

    def __init__(self, store: Outbox, on_event: Callable[[SignalEvent], None]) -> None:
        self._store = store
        self._on_event = on_event
        self._late: deque[tuple[str, SignalState, Attempt | None]] = deque()
        self._writer: asyncio.Task[None] | None = None

    async def move(self, job: Job, state: SignalState, attempt: Attempt | None = None) -> bool:
        """Make a state durable and tell of it; False if the signal was settled by somebody else.

        Raises:
            StorageError: it is not durable, and nobody was told.
        """
        moved = await self._store.update_signal(job.signal.signal_id, state, attempt)
        if moved:
            self._tell(job, state, attempt)
        return moved

    async def go(self, job: Job) -> bool:
        """Make ``sending`` durable, unless the signal was recorded as that, and tell of it.

        Raises:
            StorageError: it is not durable.
        """
        if job.signal.state is SignalState.SENDING:
            self._tell(job, SignalState.SENDING, None)
            return True
        return await self.move(job, SignalState.SENDING)

    async def settle(self, job: Job, state: SignalState, attempt: Attempt | None = None) -> None:
        """Settle a signal. When the storage is faulty the fact stands all the same and is written later.

        Until then the disk says ``sending``, which nobody sends again, or ``recorded`` if it never went out.
        """
        try:
            await self._store.update_signal(job.signal.signal_id, state, attempt)
        except StorageError as error:
            _log.error("a signal's end can't be recorded yet", call_id=job.signal.call_id, error=str(error))
            self._late.append((job.signal.signal_id, state, attempt))
            if self._writer is None or self._writer.done():
                self._writer = asyncio.get_running_loop().create_task(self._write_when_healed())
        self._tell(job, state, attempt)

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

    def _tell(self, job: Job, state: SignalState, attempt: Attempt | None) -> None:
        job.signal = replace(job.signal, state=state)
        event = SignalEvent(job.signal, attempt)
        if state.final:
            _log.info(
                "signal settled",
                call_id=job.signal.call_id,
                contact_id=job.signal.contact_id,
                project=job.signal.project,
                moment=job.signal.moment.value,
                outcome=event.outcome,
                status=None if attempt is None else attempt.status,
                detail="" if attempt is None else attempt.detail,
                attempts=len(job.signal.attempts),
            )
        try:
            self._on_event(event)
        except Exception:  # noqa: BLE001 - a listener's mistake must not end the delivery
            _log.exception("nobody could be told of a signal", call_id=job.signal.call_id)
