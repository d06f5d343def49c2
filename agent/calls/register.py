# SPDX-License-Identifier: GPL-3.0-or-later
"""The calls that are up, and how each is found."""

from __future__ import annotations

import asyncio
from collections import Counter

from agent.calls.live_call import LiveCall
from agent.core.records import CallRecord


class Register:
    """All calls that are up, by call id, by leg, by contact."""

    def __init__(self) -> None:
        self._calls: dict[str, LiveCall] = {}
        self._by_leg: dict[int, LiveCall] = {}
        self._projects: Counter[str] = Counter()
        self._contacts: Counter[tuple[str, str, str]] = Counter()
        self._idle = asyncio.Event()
        self._idle.set()

    def __len__(self) -> int:
        """How many are up."""
        return len(self._calls)

    # -- what comes and goes -------------------------------------------------------------------------------

    def add(self, call: LiveCall) -> None:
        """A call is up from now on."""
        self._calls[call.record.call_id] = call
        self._idle.clear()
        self._count(call.record, 1)

    def remove(self, call: LiveCall) -> None:
        """A call is over. Its legs stay known until each has ended."""
        if self._calls.pop(call.record.call_id, None) is None:
            return
        self._count(call.record, -1)
        if not self._calls:
            self._idle.set()

    def add_leg(self, leg: int, call: LiveCall) -> None:
        """The leg of this key belongs to a call from now on."""
        self._by_leg[leg] = call

    def remove_leg(self, leg: int) -> None:
        """The leg of this key has ended."""
        self._by_leg.pop(leg, None)

    def _count(self, record: CallRecord, step: int) -> None:
        contact = (record.account, record.project, record.contact_id)
        self._projects[record.project] += step
        self._contacts[contact] += step
        if not self._contacts[contact]:
            del self._contacts[contact]

    # -- what is asked -------------------------------------------------------------------------------------

    def calls(self) -> list[LiveCall]:
        """The calls that are up, oldest first."""
        return list(self._calls.values())

    def by_id(self, call_id: str) -> LiveCall | None:
        """The call of this id."""
        return self._calls.get(call_id)

    def by_leg(self, leg: int) -> LiveCall | None:
        """The call of this leg, which may be over while its leg is not."""
        return self._by_leg.get(leg)

    def find(self, account: str, project: str, call_id: str, contact_id: str) -> LiveCall | None:
        """The call of a project by call id, or the newest one by contact id."""
        for call in reversed(self._calls.values()):
            record = call.record
            if (record.account, record.project) != (account, project):
                continue
            if record.call_id == call_id or (not call_id and record.contact_id == contact_id):
                return call
        return None

    def of_project(self, project: str) -> int:
        """How many calls of a project are up."""
        return self._projects[project]

    def contact_is_up(self, account: str, project: str, contact_id: str) -> bool:
        """Whether a call of this contact is up in the project."""
        return self._contacts[account, project, contact_id] > 0

    async def idle(self) -> None:
        """Wait until no call is up."""
        await self._idle.wait()
