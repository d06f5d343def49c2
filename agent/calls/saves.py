# SPDX-License-Identifier: GPL-3.0-or-later
"""What calls owe to the storage: of each call one thing after the other, again and again until it is durable.

The promise of one terminal signal must have no hole where storage fails. So a moment that can't be stored
waits here, the call goes on, and its later states wait behind it: a process that dies meanwhile leaves a call
that is up on disk, and the next one tells its script that it failed.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

from agent.core.errors import StorageError
from agent.core.records import CallRecord
from agent.delivery.store import Store
from agent.telemetry.logs import call_facts

AT_MOST: Final = 10_000
"""Calls of which something may wait; more than can be up, since a node that can't write takes none."""

Work: TypeAlias = Callable[[], Awaitable[object]]
"""Does something that is owed; it may be asked to again where it raised."""


@dataclass
class _Account:
    """What one call owes: first this, then its newest state."""

    owed: deque[Work] = field(default_factory=deque)
    record: CallRecord | None = None
    busy: bool = False
    rested: asyncio.Event | None = None  # made by whoever waits, which hardly anybody does
    project: str = field(default_factory=lambda: call_facts().get("project", ""))


class Saves:
    """Stores what calls owe.

    Args:
        store: where to.
        run: starts a coroutine and keeps it.
        not_stored: told of a state that could not be made durable, and why.
        dropped: told of a call of which nothing more is stored, since too much waits: it stays up on disk.
        at_most: so many calls may wait.
    """

    def __init__(
        self,
        store: Store,
        run: Callable[[Coroutine[Any, Any, None]], None],
        not_stored: Callable[[CallRecord, Exception], None],
        dropped: Callable[[str], None],
        *,
        at_most: int = AT_MOST,
    ) -> None:
        self._store = store
        self._run = run
        self._not_stored = not_stored
        self._dropped = dropped
        self._at_most = at_most
        self._accounts: dict[str, _Account] = {}
        self._lost: set[str] = set()
        self._idle = asyncio.Event()
        self._idle.set()

    @property
    def owed(self) -> int:
        """How many things that must not be lost wait for the storage."""
        return sum(len(account.owed) for account in self._accounts.values())

    @property
    def waiting(self) -> Mapping[str, str]:
        """The calls of which something waits for the storage, each with its project."""
        return {call_id: account.project for call_id, account in self._accounts.items()}

    async def idle(self) -> None:
        """Wait until nothing waits for the storage."""
        await self._idle.wait()

    def save(self, record: CallRecord) -> None:
        """Store a call's new state, after what it owes; where that fails, again until it is stored."""
        if (account := self._account(record.call_id)) is not None:
            account.record = record
            self._begin(record.call_id, account)

    def renew(self, record: CallRecord) -> bool:
        """Take this in the place of the state that waits to be stored; False where none waits any more."""
        account = self._accounts.get(record.call_id)
        if account is None or account.record is None:
            return False
        account.record = record
        return True

    def owe(self, call_id: str, work: Work) -> None:
        """Do this now, or once the storage lets us; no later state of the call is stored before that."""
        if (account := self._account(call_id)) is not None:
            account.owed.append(work)
            self._begin(call_id, account)

    async def settle(self, call_id: str) -> None:
        """Do what a call owes now.

        Raises:
            StorageError: it can't be done yet.
        """
        account = self._accounts.get(call_id)
        while account is not None and account.busy:
            if account.rested is None:
                account.rested = asyncio.Event()
            await account.rested.wait()
        if account is None or not account.owed:
            return
        account.busy = True
        try:
            while account.owed:
                await self._do_first(account)
        finally:
            self._leave(call_id, account)
        if account.record is not None:
            self._begin(call_id, account)

    def save_late(self) -> None:
        """Store what could not be stored at its time, if the storage has healed since."""
        if self._accounts and self._store.fault is None:
            for call_id, account in tuple(self._accounts.items()):
                self._begin(call_id, account)

    def _account(self, call_id: str) -> _Account | None:
        if call_id in self._lost:
            return None
        account = self._accounts.get(call_id)
        if account is None and len(self._accounts) >= self._at_most:
            self._lost.add(call_id)  # nor a later state of it: the next process must find it up
            self._dropped(call_id)
            return None
        self._idle.clear()
        if account is None:
            account = self._accounts[call_id] = _Account()
        return account

    def _begin(self, call_id: str, account: _Account) -> None:
        if not account.busy:
            account.busy = True
            self._run(self._work(call_id, account))

    async def _work(self, call_id: str, account: _Account) -> None:
        record: CallRecord | None = None
        try:
            while account.owed or account.record is not None:
                if account.owed:
                    await self._do_first(account)
                    continue
                record, account.record = account.record, None
                if record is not None:
                    await self._store.update_call(record)
                record = None
        except StorageError as error:
            if record is not None:
                account.record = account.record or record
                self._not_stored(record, error)
        finally:
            self._leave(call_id, account)

    async def _do_first(self, account: _Account) -> None:
        await account.owed[0]()
        account.owed.popleft()

    def _leave(self, call_id: str, account: _Account) -> None:
        account.busy = False
        if account.rested is not None:
            account.rested.set()
            account.rested = None
        if not account.owed and account.record is None:
            self._accounts.pop(call_id, None)
        if not self._accounts:
            self._idle.set()
