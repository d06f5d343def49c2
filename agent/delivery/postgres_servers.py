# SPDX-License-Identifier: GPL-3.0-or-later
"""The servers that may hold the database: one of them is the primary, and after a failover another one is.

All that the URL names are asked at once, so that a dead machine holds nobody up. Where several take writes,
one of them is a primary of before that nobody fenced: a promotion starts a new timeline (PostgreSQL manual,
26.3), so the highest is the truth. A process that has seen a timeline never writes to an older one again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, Final, TypeAlias
from urllib.parse import unquote, urlsplit

import asyncpg

from agent.delivery.postgres_session import CONNECT_SECONDS, LOST, SETTINGS

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"
_Try: TypeAlias = "asyncio.Task[tuple[Connection, _Truth]]"
_Truth: TypeAlias = tuple[int, int]
"""The cluster's identifier, and the timeline on which it writes; zeros where the server does not say."""

_PORT: Final = 5432
_GRACE_SECONDS: Final = 0.3
"""For the other servers once one has answered that takes writes."""
_TRUTH: Final = (
    "SELECT system_identifier, CASE WHEN pg_is_in_recovery() THEN 0"
    " ELSE ('x' || left(pg_walfile_name(pg_current_wal_lsn()), 8))::bit(32)::int END FROM pg_control_system()"
)
_SILENT: Final = (
    asyncpg.InsufficientPrivilegeError,
    asyncpg.FeatureNotSupportedError,
    asyncpg.UndefinedFunctionError,
)


class Servers:
    """Opens connections to the server that takes writes. Used on the loop thread.

    Args:
        url: ``postgresql://…`` as libpq takes it; hosts are separated by commas.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self._hosts: tuple[tuple[str, int], ...] | None = None
        self._seen: _Truth = (0, 0)

    async def connect(self, _url: str | None = None, **options: Any) -> Connection:  # noqa: ANN401 - the driver's
        """Open a connection.

        Args:
            _url: what a pool of the driver gives; this knows it.
            options: of the driver besides.

        Raises:
            OSError: none of the servers can be had; one line says why of each.
            TimeoutError: as the driver raises it, of a single server; so are asyncpg's errors.
        """
        if self._hosts is None:
            self._hosts = hosts_of(self._url)
        if self._hosts:
            connection, truth = await self._best(self._hosts, options)
        else:
            connection, truth = await self._ask(options)
        cluster, timeline = truth
        if cluster == self._seen[0] and timeline < self._seen[1]:
            connection.terminate()
            raise ConnectionError(
                f"it is a primary of before (timeline {timeline}, this node wrote on {self._seen[1]}): "
                "stop it, and make it a standby of the new one"
            )
        if truth[1]:
            self._seen = truth
        return connection

    async def _best(
        self, hosts: Sequence[tuple[str, int]], options: dict[str, Any]
    ) -> tuple[Connection, _Truth]:
        """Of those that take writes, the one with the highest timeline."""
        tries = [asyncio.ensure_future(self._ask(options, host, port)) for host, port in hosts]
        chosen: Connection | None = None
        try:
            found = await _first(tries)
            if found is None:
                raise ConnectionError(_refusals(hosts, tries))
            chosen, truth = max((one.result() for one in tries if _answered(one)), key=lambda one: one[1][1])
            return chosen, truth
        finally:
            for one in tries:
                one.cancel()
            await asyncio.gather(*tries, return_exceptions=True)
            for one in tries:
                if _answered(one) and one.result()[0] is not chosen:
                    one.result()[0].terminate()

    async def _ask(
        self, options: dict[str, Any], host: str | None = None, port: int | None = None
    ) -> tuple[Connection, _Truth]:
        connection: Connection = await asyncpg.connect(
            self._url, host=host, port=port, timeout=CONNECT_SECONDS, server_settings=SETTINGS, **options
        )
        try:
            return connection, await _truth(connection)
        except BaseException:
            connection.terminate()
            raise


async def _truth(connection: Connection) -> _Truth:
    """What a server says of itself; some that are rented out do not."""
    async with asyncio.timeout(CONNECT_SECONDS):
        try:
            cluster, timeline = await connection.fetchrow(_TRUTH) or (0, 0)
        except _SILENT:
            return 0, 0
    return int(cluster), int(timeline)


async def _first(tries: Sequence[_Try]) -> _Try | None:
    """Wait for one that takes writes, and a little for the others; None when there is none."""
    pending: set[_Try] = set(tries)
    while pending:
        done, pending = await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
        if found := next((one for one in done if _answered(one)), None):
            if pending:
                await asyncio.wait(pending, timeout=_GRACE_SECONDS)
            return found
    return None


def _answered(one: _Try) -> bool:
    return one.done() and not one.cancelled() and one.exception() is None


def _refusals(hosts: Sequence[tuple[str, int]], tries: Sequence[_Try]) -> str:
    """Why none of them will do.

    Raises:
        BaseException: an error that is none of a server's.
    """
    said = []
    for (host, port), one in zip(hosts, tries, strict=True):
        error = one.exception()
        if error is not None and not isinstance(error, LOST):
            raise error
        said.append(f"{host}:{port} {refusal(error)}")
    return "; ".join(said)


def refusal(error: BaseException | None) -> str:
    """What a server's refusal means, in a few words."""
    if isinstance(error, asyncpg.TargetServerAttributeNotMatched):
        return "takes no writes: a standby, or read-only"
    if isinstance(error, TimeoutError):
        return "does not answer"
    if isinstance(error, ConnectionRefusedError):
        return "refuses connections"
    return f"says: {' '.join(str(error).split())}" if error is not None else ""


def hosts_of(url: str) -> tuple[tuple[str, int], ...]:
    """The servers that a URL names before its path, each with its port; empty where it is one alone.

    Raises:
        ValueError: one of them is none; the text says what would be right.
    """
    netloc = ""
    with suppress(ValueError):  # brackets that do not match: the driver says it
        netloc = urlsplit(url).netloc.rpartition("@")[2]
    if "," not in netloc:
        return ()
    return tuple(map(_host, netloc.split(",")))


def _host(text: str) -> tuple[str, int]:
    if text.startswith("["):
        host, _, port = text[1:].partition("]")
        port = port.removeprefix(":")
    else:
        host, _, port = text.partition(":")
    if not host or (port and not port.isdecimal()):
        raise ValueError(f"{text!r} is no server: write host or host:port, with commas between several")
    return unquote(host), int(port or _PORT)
