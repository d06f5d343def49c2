# SPDX-License-Identifier: GPL-3.0-or-later
"""What is waited for before the process ends, and for how long."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Final

from agent.core.reasons import Reason
from agent.process import Asked, done_before
from agent.running.parts import Parts
from agent.telemetry import logs

LAST_BYES_SECONDS: Final = 2.0
COURIER_GRACE_SECONDS: Final = 10.0
_FORCED_SECONDS: Final = 2.0
_FORCED_GRACE_SECONDS: Final = 0.6
_UNRECORDED_SECONDS: Final = 120.0
"""For which an end waits for a storage that fails: as long as a signal is of use (the usual `signal_ttl`)."""

_log = logs.logger("node")


class Ends:
    """Lets what is under way come to its end.

    Args:
        asked: whether the node is to end without waiting.
        parts: those that end.
    """

    def __init__(self, asked: Asked, parts: Parts) -> None:
        self._asked = asked
        self._parts = parts

    async def all_recorded(self) -> None:
        """Wait until the last call is over, and then for its record; but for that not for ever."""
        saves = self._parts.saves
        await self._parts.register.idle()
        if saves.owed and (fault := self._parts.store.fault) is not None:
            _log.warning(
                "the end waits for the storage: moments of calls are not recorded yet",
                moments=saves.owed,
                fault=fault,
                at_most_seconds=_UNRECORDED_SECONDS,
            )
        with suppress(TimeoutError):
            await asyncio.wait_for(saves.idle(), _UNRECORDED_SECONDS)

    async def of_calls(self) -> None:
        """End those that are left; what they still have to do is waited for, though not for long."""
        if len(self._parts.register):
            self._parts.switchboard.end_all(Reason.SHUTDOWN)
            with suppress(TimeoutError):
                await asyncio.wait_for(self._parts.register.idle(), _FORCED_SECONDS)

    async def of_dialogs(self) -> None:
        """Let the last transactions and records end: no peer is left to find out by itself."""
        loop, parts = asyncio.get_running_loop(), self._parts
        parts.probes.end()
        until = loop.time() + LAST_BYES_SECONDS
        while parts.stack.native_calls() and loop.time() < until:
            await asyncio.sleep(0.02)
        parts.saves.save_late()

    async def of_records(self) -> None:
        """Store what is being stored, and say which calls the next start will find up."""
        try:
            await self._parts.tasks.end()
        finally:
            for call_id, project in self._parts.saves.waiting.items():
                _log.error(
                    "the end of this call is not recorded: the next start tells its script failed, if "
                    "nothing was told before",
                    call_id=call_id,
                    project=project,
                )

    async def of_journals(self) -> None:
        """Write what operators did, and what became of reloads."""
        await asyncio.gather(self._parts.audit.aclose(), self._parts.reload_history.aclose())

    async def of_deliveries(self) -> None:
        """Give what is under way its time, and less of it as soon as the node is to end now."""
        outbound = self._parts.outbound
        if not await done_before(self._asked.end_now, outbound.aclose(COURIER_GRACE_SECONDS)):
            await outbound.aclose(_FORCED_GRACE_SECONDS)

    async def of_sip(self) -> None:
        """End the stack: about a second of native code, in which the loop hears nothing."""
        self._parts.stack.close()
