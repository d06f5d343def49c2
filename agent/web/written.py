# SPDX-License-Identifier: GPL-3.0-or-later
"""Knows of each request whether bytes of it may have left this machine.

aiohttp announces ``on_request_headers_sent`` right before it hands the first bytes of a request to the
transport, on a fresh connection and on a reused one. So a request that failed without it was surely not sent,
and one that failed after it may have been: that side errs only towards caution.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import SimpleNamespace

import aiohttp


@dataclass(slots=True)
class Written:
    """Pass it as ``trace_request_ctx`` of a request, and read it when the request failed."""

    may_have_left: bool = False


def watch(session: aiohttp.ClientSession) -> None:
    """Let a session keep the `Written` of each request up to date; other requests on it are not touched."""
    config = aiohttp.TraceConfig()
    config.on_request_headers_sent.append(_about_to_leave)
    config.freeze()
    session.trace_configs.append(config)


async def _about_to_leave(
    _: aiohttp.ClientSession, context: SimpleNamespace, __: aiohttp.TraceRequestHeadersSentParams
) -> None:
    written = context.trace_request_ctx
    if isinstance(written, Written):
        written.may_have_left = True
