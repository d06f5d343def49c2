# SPDX-License-Identifier: GPL-3.0-or-later
"""Reading from PostgreSQL, on connections of its own: a long list keeps no signal waiting."""

from __future__ import annotations

import asyncio
import re
from itertools import count
from typing import Any, Final

import asyncpg

from agent.core.errors import StorageError
from agent.core.record_form import Finished
from agent.core.records import CallRecord, Handoff, Signal
from agent.core.replication import Replication
from agent.delivery import finished
from agent.delivery import postgres_statements as sql
from agent.delivery.finished import Export, Filed, finished_of
from agent.delivery.opening import one_line
from agent.delivery.postgres_servers import Servers
from agent.delivery.postgres_session import LOST
from agent.delivery.queries import CallQuery, SignalQuery, Where, where_calls, where_signals
from agent.delivery.rows import call_of, handoff_of, signal_of

_READ_SECONDS: Final = 5.0
_READERS: Final = 2
UNREACHABLE: Final = (*LOST, ValueError)


class Reading:
    """The part of a `Store` that reads.

    Args:
        url: ``postgresql://…`` as libpq takes it.
        node: whose record files are asked about.
    """

    def __init__(self, url: str, node: str = "") -> None:
        self._url = url
        self._servers = Servers(url)
        self._node = node
        self._readers: asyncpg.Pool[asyncpg.Record] | None = None

    async def call(self, call_id: str) -> CallRecord | None:
        """See `Store`."""
        rows = await self._read(f"{sql.SELECT_CALLS} WHERE call_id = $1", call_id)
        return call_of(rows[0]) if rows else None

    async def calls(self, query: CallQuery) -> tuple[CallRecord, ...]:
        """See `Store`."""
        where = where_calls(query)
        order = f"ORDER BY began DESC, call_id DESC LIMIT {query.limit:d}"
        question = f"{sql.SELECT_CALLS} WHERE {_numbered(where)} {order}"
        return tuple(map(call_of, await self._read(question, *where.values)))

    async def signals(self, query: SignalQuery) -> tuple[Signal, ...]:
        """See `HandoffStates`."""
        where = where_signals(query)
        order = "recorded DESC, sequence DESC" if query.indexed else "sequence DESC"
        question = f"{sql.SELECT_SIGNALS} WHERE {_numbered(where)} ORDER BY {order} LIMIT {query.limit:d}"
        return tuple(map(signal_of, await self._read(question, *where.values)))

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

    async def finished(self, after: int, most: int) -> tuple[Finished, ...]:
        """See `Records`."""
        query, where = finished.after(after, most, (sql.MINE, self._node))
        return tuple(map(finished_of, await self._read(_numbered(query), *where.values)))

    async def filed(self) -> Filed:
        """See `Records`. Numbers are those of all nodes: one has some of them."""
        ((position, given),) = await self._read(sql.FILED, self._node)
        return Filed(position, given)

    async def places(self) -> tuple[int, int]:
        """See `Records`."""
        ((first, last),) = await self._read(finished.span("sequence"))
        return first, last

    async def finished_between(self, low: int, high: int, wanted: Export) -> tuple[Finished, ...]:
        """See `Records`."""
        query, where = finished.between(low, high, wanted, "sequence")
        return tuple(map(finished_of, await self._read(_numbered(query), *where.values)))

    async def replication(self) -> Replication:
        """See `Store`. Asked where lists are read; nothing of a call waits for it."""
        ((*found,),) = await self._read(sql.REPLICATION)
        return Replication(*found)

    async def _open_readers(self) -> None:
        self._readers = await asyncpg.create_pool(
            self._url,
            min_size=0,
            max_size=_READERS,
            command_timeout=_READ_SECONDS,
            connect=self._servers.connect,  # type: ignore[call-overload]  # its options are any
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


def _numbered(where: Where | str) -> str:
    """Conditions, or a query, with PostgreSQL's numbers for their question marks."""
    numbers = count(1)
    return re.sub(r"\?", lambda _: f"${next(numbers)}", str(where))


def said(error: BaseException) -> str:
    """What the driver or the database says is wrong, on one line."""
    if isinstance(error, TimeoutError):
        return "PostgreSQL does not answer"
    return one_line(error)
