# SPDX-License-Identifier: GPL-3.0-or-later
"""Reading from PostgreSQL, on connections of its own: a long list keeps no signal waiting."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any, Final

import asyncpg

from agent.core.errors import StorageError
from agent.core.moments import Moment, SignalState
from agent.core.records import CallRecord, Channel, Handoff, Signal
from agent.delivery import postgres_statements as sql
from agent.delivery.finding import OF_CALL, OF_CONTACT, of_calls
from agent.delivery.opening import one_line
from agent.delivery.rows import call_of, handoff_of, signal_of

CONNECT_SECONDS: Final = 3.0
_READ_SECONDS: Final = 5.0
_READERS: Final = 2
SETTINGS: Final = {
    "application_name": "handoff-agent",
    "synchronous_commit": "on",  # durable, whatever the server's own setting
    "jit": "off",
    "lock_timeout": "3s",
    "statement_timeout": "10s",
    # An agent that is stopped in the middle of a transaction must not hold its neighbours up.
    "idle_in_transaction_session_timeout": "5s",
}
UNREACHABLE: Final = (
    OSError,
    TimeoutError,
    ValueError,
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
)


class Reading:
    """The questions of a `Store`.

    Args:
        url: ``postgresql://…`` as libpq takes it.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self._readers: asyncpg.Pool[asyncpg.Record] | None = None

    async def call(self, call_id: str) -> CallRecord | None:
        """See `Store`."""
        rows = await self._read(f"{sql.SELECT_CALLS} WHERE call_id = $1", call_id)
        return call_of(rows[0]) if rows else None

    async def calls(
        self,
        *,
        live: bool | None = None,
        node: str = "",
        contact_id: str = "",
        project: str = "",
        sip_call_id: str = "",
        since: float | None = None,
        limit: int = 100,
    ) -> tuple[CallRecord, ...]:
        """See `Store`."""
        where = _Where(
            {"node": node, "contact_id": contact_id, "project": project, "sip_call_id": sip_call_id}
        )
        if live is not None:
            where.add("ended IS NULL" if live else "ended IS NOT NULL")
        if since is not None:
            where.add("began >= ?", since)
        query = f"{sql.SELECT_CALLS} WHERE {where} ORDER BY sequence DESC LIMIT {limit:d}"
        return tuple(map(call_of, await self._read(query, *where.values)))

    async def signals(
        self,
        *,
        call_id: str = "",
        contact_id: str = "",
        project: str = "",
        state: SignalState | None = None,
        moment: Moment | None = None,
        since: float | None = None,
        limit: int = 100,
        channel: Channel | None = Channel.SIGNAL,
    ) -> tuple[Signal, ...]:
        """See `HandoffStates`."""
        where = _Where({"project": project, "state": state, "moment": moment, "channel": channel})
        for which, wanted in ((OF_CALL, call_id), (OF_CONTACT, contact_id)):
            if wanted:
                condition, times = of_calls(which, channel)
                where.add(condition, *[wanted] * times)
        if state is not None and not state.final:
            where.add(sql.NOT_SETTLED)  # lets the index of the few that wait serve
        if since is not None:
            where.add("recorded >= ?", since)
        few = call_id or contact_id or (state is not None and not state.final)
        # Without an index that finds them, the table is walked from its new end, and no further than needed.
        order = "recorded DESC, sequence DESC" if few else "sequence DESC"
        query = f"{sql.SELECT_SIGNALS} WHERE {where} ORDER BY {order} LIMIT {limit:d}"
        return tuple(map(signal_of, await self._read(query, *where.values)))

    async def signal(self, signal_id: str) -> Signal | None:
        """See `Store`."""
        rows = await self._read(f"{sql.SELECT_SIGNALS} WHERE signal_id = $1", signal_id)
        return signal_of(rows[0]) if rows else None

    async def handoff(self, handoff_id: str) -> Handoff | None:
        """See `HandoffStates`."""
        rows = await self._read(f"{sql.SELECT_HANDOFFS} WHERE handoff_id = $1", handoff_id)
        return handoff_of(rows[0]) if rows else None

    async def handoff_by_key(
        self, account: str, project: str, *, handoff_id: str = "", shared_id: str = ""
    ) -> Handoff | None:
        """See `HandoffStates`."""
        query, key = (sql.BY_SHARED_ID, shared_id) if shared_id else (sql.BY_ID, handoff_id)
        rows = await self._read(query, account, project, key)
        return handoff_of(rows[0]) if rows else None

    async def _open_readers(self) -> None:
        self._readers = await asyncpg.create_pool(
            self._url,
            min_size=0,
            max_size=_READERS,
            timeout=CONNECT_SECONDS,
            command_timeout=_READ_SECONDS,
            server_settings=SETTINGS,
        )

    def _close_readers(self) -> None:
        if self._readers is not None:
            self._readers.terminate()
            self._readers = None

    async def _read(self, query: str, *values: object) -> list[Any]:
        if self._readers is None:
            raise StorageError("the storage is closed")
        try:
            async with asyncio.timeout(_READ_SECONDS):
                return [tuple(row) for row in await self._readers.fetch(query, *values)]
        except UNREACHABLE as error:
            raise StorageError(f"the storage refused: {said(error)}") from error


class _Where:
    """Conditions that all hold, and their values; `wanted` is by column, empty where anything will do."""

    def __init__(self, wanted: Mapping[str, str | None]) -> None:
        self._conditions = ["TRUE"]
        self.values: list[object] = []
        for column, value in wanted.items():
            if value:
                self.add(f"{column} = ?", str(value))

    def add(self, condition: str, *values: object) -> None:
        """Add one; each question mark stands for a value."""
        for value in values:
            self.values.append(value)
            condition = condition.replace("?", f"${len(self.values)}", 1)
        self._conditions.append(condition)

    def __str__(self) -> str:
        return " AND ".join(self._conditions)


def said(error: BaseException) -> str:
    """What the driver or the database says is wrong, on one line."""
    if isinstance(error, TimeoutError):
        return "PostgreSQL does not answer"
    return one_line(error)
