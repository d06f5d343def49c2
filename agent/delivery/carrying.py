# SPDX-License-Identifier: GPL-3.0-or-later
"""Carries out what the machine of an entry asks for, short of sending: writes, rests, ends."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from agent.core import delivery_events as on
from agent.core.errors import StorageError
from agent.core.moments import SignalState
from agent.delivery.job import Job
from agent.delivery.recording import STORAGE_RETRY, SignalStates


class Carrying:
    """What the courier does for each entry alike.

    Args:
        states: where they are made durable.
        clock: seconds since the epoch.

    Attributes:
        closes_at: when the courier ends, once that is known: nothing rests beyond it.
    """

    def __init__(self, states: SignalStates, clock: Callable[[], float]) -> None:
        self._states = states
        self._clock = clock
        self.closes_at: float | None = None

    async def prepared(self, job: Job, action: on.Action | None) -> on.Action | None:
        """Carry out what a machine asks for until it waits for its turn; None when it never will again."""
        while not isinstance(action, on.Queue):
            match action:
                case on.Write():
                    action = await self.written(job, action)
                case on.Rest():
                    action = await self._rested(job, action.until)
                case on.Settle():
                    await self._states.settle(job.signal, action.attempt)
                    return None
                case _:
                    return None
        return action

    async def written(self, job: Job, action: on.Action | None) -> on.Action | None:
        """Write what the machine wants written, if it does, and tell of it; gives what it wants next."""
        if isinstance(action, on.Write):
            signal = job.signal
            try:
                if not await self._states.write(signal.signal_id, action.state, action.attempt):
                    return job.handle(on.SettledElsewhere())
            except StorageError as error:
                return job.handle(on.NotWritten(self._clock(), str(error), STORAGE_RETRY))
            attempt, action = action.attempt, job.handle(on.Written(self._clock()))
            if job.signal.state is SignalState.RECORDED or isinstance(action, on.Send):
                self._states.tell(job.signal, attempt)
        elif isinstance(action, on.Send) and not action.again:
            self._states.tell(job.signal)
        return action

    async def _rested(self, job: Job, until: float) -> on.Action | None:
        """Wait; None when the courier closes first: the signal is left to the next process."""
        if self.closes_at is not None and until >= self.closes_at:
            return None
        job.wake.clear()
        try:
            async with asyncio.timeout(until - self._clock()):
                await job.wake.wait()
        except TimeoutError:
            return job.handle(on.Rested(self._clock()))
        return job.handle(on.Woken(self._clock()))

    async def leave(self, job: Job, action: on.Action | None) -> None:
        """Write down how a signal stands that this process will not deliver; once, for there is no time."""
        match action:
            case on.Settle():
                await self._states.settle(job.signal, action.attempt)
            case on.Write():
                await self.written(job, action)
