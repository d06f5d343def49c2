# SPDX-License-Identifier: GPL-3.0-or-later
"""Streams of tests that talk to a listener by hand."""

from __future__ import annotations

import asyncio
from contextlib import suppress


async def hang_up(*writers: asyncio.StreamWriter) -> None:
    """Close connections and wait until they are: a loop that ends before complains in another test."""
    for writer in writers:
        if writer.get_extra_info("ssl_object") is None:
            writer.close()
        else:
            writer.transport.abort()  # a far end that does not close TLS in its turn is not waited for
    for writer in writers:
        with suppress(OSError):
            await writer.wait_closed()
