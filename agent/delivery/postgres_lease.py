# SPDX-License-Identifier: GPL-3.0-or-later
"""A node's lease on a shared PostgreSQL: taken at start, kept by beats, given back at the end."""

from __future__ import annotations

import asyncio
from typing import Final

from agent.core.errors import StorageError
from agent.delivery.lease import LEASE_SECONDS, Beat, Watch, new_incarnation
from agent.delivery.postgres_writer import Connection, Rows, Undo
from agent.telemetry import logs

_LOOK_SECONDS: Final = 0.5

# PostgreSQL releases this lock as soon as a process dies, however it dies: a node that is started again at
# once need not wait for its own lease. The lock only shortens the wait; what decides is the row.
_LOCK: Final = "SELECT pg_try_advisory_lock(hashtextextended('handoff-agent node ' || $1::text, 0))"
_READ: Final = "SELECT node, incarnation, beats FROM nodes"
_TAKE: Final = (
    "INSERT INTO nodes (node, incarnation, beats) VALUES ($1, $2, 0) ON CONFLICT DO NOTHING RETURNING 1"
)
_BEAT: Final = "UPDATE nodes SET beats = beats + 1, at = now() WHERE incarnation = $1 RETURNING 1"
_DECLARE_DEAD: Final = "DELETE FROM nodes WHERE incarnation = $1 AND beats = $2 RETURNING 1"
_CHECK: Final = "SELECT 1 FROM nodes WHERE incarnation = $1"
_RELEASE: Final = "DELETE FROM nodes WHERE incarnation = $1"

_log = logs.logger("lease")


class Lease:
    """The lease of one process.

    Args:
        node: the node's name; no two live processes on one database may share it.

    Attributes:
        node: the same.
        incarnation: the name of this process in the rows that it owns; a new one after neighbours declared it
            dead and took over what it owned.
    """

    def __init__(self, node: str) -> None:
        self.node = node
        self._watch = Watch()
        self._locked: Connection | None = None
        self.incarnation = new_incarnation(node)

    async def acquire(self, connection: Connection) -> None:
        """Take the lease; wait for that of an earlier process of this node where it may still live.

        Raises:
            StorageError: it does live.
        """
        loop = asyncio.get_running_loop()
        watch, waiting = Watch(), False
        first: dict[str, int] = {}
        while not await connection.fetchval(_TAKE, self.node, self.incarnation):
            found = [Beat(*row) for row in await connection.fetch(_READ) if row[0] == self.node]
            alone = await self._lock(connection)
            dead = found if alone else watch.look(loop.time(), found)
            for beat in dead:
                await connection.fetchval(_DECLARE_DEAD, beat.incarnation, beat.beats)
            if any(first.setdefault(beat.incarnation, beat.beats) != beat.beats for beat in found):
                raise StorageError(
                    f"another agent named {self.node} is alive on it: give each node a name of its own"
                )
            if not dead:
                if not waiting:
                    waiting = True
                    _log.info(
                        "waiting for the lease of an earlier process", node=self.node, seconds=LEASE_SECONDS
                    )
                await asyncio.sleep(_LOOK_SECONDS)
        await self._lock(connection)

    async def check(self, connection: Connection) -> None:
        """Raise `StorageError` if this process was declared dead: it must not write under its old name."""
        if not await connection.fetchval(_CHECK, self.incarnation):
            raise StorageError(
                "this node missed its heartbeats for too long and its neighbours took its work over"
            )

    async def beat(self, connection: Connection, _undo: list[Undo]) -> Rows:
        """Beat once, and declare neighbours dead that have missed theirs.

        Raises:
            StorageError: another process has this node's name by now.
        """
        await self._lock(connection)
        alive = await connection.fetchval(_BEAT, self.incarnation)
        found = [Beat(*row) for row in await connection.fetch(_READ)]
        others = [beat for beat in found if beat.incarnation != self.incarnation]
        for beat in self._watch.look(asyncio.get_running_loop().time(), others):
            if await connection.fetchval(_DECLARE_DEAD, beat.incarnation, beat.beats):
                _log.warning("a neighbour's lease has run out: its work is taken over", neighbour=beat.node)
        if not alive:
            await self._come_back(connection)
        return []

    async def release(self, connection: Connection, _undo: list[Undo]) -> Rows:
        """Give the lease back: neighbours take over what is unfinished."""
        await connection.execute(_RELEASE, self.incarnation)
        return []

    async def _lock(self, connection: Connection) -> bool:
        if self._locked is not connection and await connection.fetchval(_LOCK, self.node):
            self._locked = connection
        return self._locked is connection

    async def _come_back(self, connection: Connection) -> None:
        fresh = new_incarnation(self.node)
        if not await connection.fetchval(_TAKE, self.node, fresh):
            raise StorageError(
                f"another agent named {self.node} is alive on the database: give each node a name of its own"
            )
        _log.error("this node's lease had run out; it starts anew and owns nothing of before", node=self.node)
        self.incarnation = fresh
