# SPDX-License-Identifier: GPL-3.0-or-later
"""The HTTP client: connections that are kept and used again, one time limit, and what surely was not sent.

A request fails with `NoAnswerError`, which says whether bytes of it may have left us. They may from
the moment in which they are handed to the transport, on a fresh connection and on a kept one; so that errs
only towards caution. Nothing is ever repeated here. Redirects, cookies and proxies are not known.
"""

from __future__ import annotations

import asyncio
import math
import ssl
from collections import deque
from typing import Final, Self

from agent.core.failures import Failure
from agent.names.names import Names
from agent.web.answer import Response
from agent.web.connection import Connection
from agent.web.dialling import connected, trusted
from agent.web.failures import NoAnswerError
from agent.web.request import Origin
from agent.web.room import Room

IDLE_SECONDS: Final = 15.0
"""So long a connection is kept that nobody uses."""


class _Host:
    """The connections to one origin."""

    __slots__ = ("idle", "room")

    def __init__(self, most: int) -> None:
        self.idle: deque[Connection] = deque()  # the one put by last is at the end
        self.room = Room(most)


class Client:
    """Sends requests; made on the running loop.

    Args:
        names: looks hosts up; stays the caller's.
        most: requests under way to one origin at the same time; those beyond wait.
        context: for https, instead of what this machine trusts.
        idle_seconds: how long a connection is kept that nobody uses.
    """

    def __init__(
        self,
        names: Names,
        most: int,
        *,
        context: ssl.SSLContext | None = None,
        idle_seconds: float = IDLE_SECONDS,
    ) -> None:
        self._names, self._most, self._idle_seconds = names, most, idle_seconds
        self._context = context or trusted()
        self._loop = asyncio.get_running_loop()
        self._hosts: dict[Origin, _Host] = {}
        self._open: set[Connection] = set()
        self._last_gone = asyncio.Event()
        self._sweep: asyncio.TimerHandle | None = None
        self._under_way: set[Connection] = set()
        self._alarm: asyncio.TimerHandle | None = None
        self._alarm_at = math.inf

    async def request(self, to: Origin, request: bytes, *, seconds: float, limit: int) -> Response:
        """Send a request once.

        Args:
            to: where.
            request: all its bytes (`agent.web.request.whole`).
            seconds: for all of it: a connection, the request, the answer.
            limit: how many bytes of the answer's body are wanted.

        Raises:
            NoAnswerError: none came.
        """
        host = self._hosts.get(to)
        if host is None:
            host = self._hosts[to] = _Host(self._most)
        deadline = self._loop.time() + seconds
        connection = None if host.room.full else self._kept(host)
        if connection is None:
            connection = await self._room(host, to, deadline)
        else:
            host.room.take()
        connection.deadline = deadline
        self._under_way.add(connection)
        if deadline < self._alarm_at:
            self._set_alarm(deadline)
        try:
            return await connection.exchange(request, limit)
        finally:
            self._under_way.discard(connection)
            self._put_by(host, connection)

    async def aclose(self) -> None:
        """Close all connections; requests under way fail."""
        for timer in (self._sweep, self._alarm):
            if timer is not None:
                timer.cancel()
        self._sweep, self._alarm, self._alarm_at = None, None, math.inf
        while self._open:
            self._last_gone.clear()
            for connection in tuple(self._open):
                connection.abort()
            await self._last_gone.wait()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    @property
    def connections(self) -> int:
        """How many are open."""
        return len(self._open)

    async def _room(self, host: _Host, to: Origin, deadline: float) -> Connection:
        """Wait for room, and take a kept connection or make one."""
        try:
            async with asyncio.timeout_at(deadline):
                await host.room.wait()
                try:
                    return self._kept(host) or await self._made(to)
                except BaseException:
                    host.room.leave()
                    raise
        except TimeoutError:
            raise NoAnswerError(Failure.CONNECT_TIMEOUT.value, may_have_left=False) from None

    async def _made(self, to: Origin) -> Connection:
        connection = await connected(self._names, to, self._context, self._gone)
        if not connection.up:  # it was closed at once: nothing was sent, and nothing will be told of it
            raise NoAnswerError(Failure.LOST.value, may_have_left=False)
        self._open.add(connection)
        return connection

    def _kept(self, host: _Host) -> Connection | None:
        while host.idle:
            connection = host.idle.pop()
            if connection.usable():
                return connection
            connection.abort()
        return None

    def _put_by(self, host: _Host, connection: Connection) -> None:
        host.room.leave()
        if not connection.reusable:
            connection.abort()
            return
        connection.idle_since = self._loop.time()
        host.idle.append(connection)
        if self._sweep is None:
            self._sweep = self._loop.call_later(self._idle_seconds, self._close_idle)

    def _set_alarm(self, at: float) -> None:
        """Look at the deadlines then: one timer for all requests, few of which ever come near theirs."""
        if self._alarm is not None:
            self._alarm.cancel()
        self._alarm, self._alarm_at = self._loop.call_at(at, self._expire), at

    def _expire(self) -> None:
        now, self._alarm, self._alarm_at = self._loop.time(), None, math.inf
        for connection in tuple(self._under_way):
            if connection.deadline <= now:
                connection.expire()
            elif connection.deadline < self._alarm_at:
                self._set_alarm(connection.deadline)

    def _close_idle(self) -> None:
        """Close what was idle for too long, and come back for what is left."""
        self._sweep = None
        oldest = self._loop.time() - self._idle_seconds
        left = []
        for host in self._hosts.values():
            while host.idle and host.idle[0].idle_since <= oldest:
                host.idle.popleft().close()
            if host.idle:
                left.append(host.idle[0].idle_since)
        if left:
            self._sweep = self._loop.call_at(min(left) + self._idle_seconds, self._close_idle)

    def _gone(self, connection: Connection) -> None:
        self._open.discard(connection)
        if not self._open:
            self._last_gone.set()
