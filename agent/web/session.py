# SPDX-License-Identifier: GPL-3.0-or-later
"""The sessions that requests leave by, and how much of an answer is read."""

from __future__ import annotations

from typing import Final

import aiohttp

from agent.names.names import Names
from agent.web.resolver import NamesResolver

_BEGINNING: Final = 65_536
_CONNECTIONS: Final = 256


def new_session(names: Names) -> aiohttp.ClientSession:
    """A session as the agent wants it for NICE: no cookies shared between tenants, no proxies by surprise."""
    return _session(names, _CONNECTIONS)


def new_session_apart(names: Names) -> aiohttp.ClientSession:
    """A session for webhooks and transcripts: what hangs there takes nothing that a signal needs.

    It has connections of its own, which the courier bounds by project. Names hold nobody up.
    """
    return _session(names, 0)


def _session(names: Names, connections: int) -> aiohttp.ClientSession:
    connector = aiohttp.TCPConnector(limit=connections, use_dns_cache=False, resolver=NamesResolver(names))
    return aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar(), trust_env=False)


async def beginning(response: aiohttp.ClientResponse) -> str:
    """The body, as far as it is worth reading; a status that came counts even when the body breaks off."""
    try:
        return await read_text(response, _BEGINNING)
    except (aiohttp.ClientError, OSError):
        return ""


async def read_text(response: aiohttp.ClientResponse, limit: int) -> str:
    """The body of an answer as text, or its first ``limit`` bytes."""
    parts, length = [], 0
    while length < limit and (part := await response.content.read(limit - length)):
        parts.append(part)
        length += len(part)
    return b"".join(parts).decode(errors="replace")
