# SPDX-License-Identifier: GPL-3.0-or-later
"""What each connection to PostgreSQL is opened with."""

from __future__ import annotations

from typing import Final

import asyncpg

CONNECT_SECONDS: Final = 3.0
SETTINGS: Final = {
    "application_name": "handoff-agent",
    "synchronous_commit": "on",  # durable, whatever the server's own setting
    "jit": "off",
    "lock_timeout": "3s",
    "statement_timeout": "10s",
    # An agent that is stopped in the middle of a transaction must not hold its neighbours up.
    "idle_in_transaction_session_timeout": "5s",
}
LOST: Final = (
    OSError,
    TimeoutError,
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,  # what the driver may say of a connection that was cut in the middle
)
"""What is raised when a server can't be had, or a connection to it breaks."""
