# SPDX-License-Identifier: GPL-3.0-or-later
"""The tables, as the ordered steps that lead to them; ``PRAGMA user_version`` counts those taken.

A step is never changed once it was released: a new one is appended.
"""

from __future__ import annotations

import sqlite3
from typing import Final

from agent.core.errors import StorageError

MIGRATIONS: Final[tuple[tuple[str, ...], ...]] = (
    (
        """
        CREATE TABLE calls (
            call_id TEXT NOT NULL PRIMARY KEY,
            node TEXT NOT NULL,
            carrier TEXT NOT NULL,
            account TEXT NOT NULL,
            project TEXT NOT NULL,
            number TEXT NOT NULL,
            contact_id TEXT NOT NULL,
            master_id TEXT NOT NULL,
            sip_call_id TEXT NOT NULL,
            state TEXT NOT NULL,
            began REAL NOT NULL,
            answered REAL,
            ended REAL,
            "end" TEXT NOT NULL,
            reason TEXT NOT NULL
        )
        """,
        # Those that were up when a process died are looked for at every start; they are few among many.
        "CREATE INDEX calls_live ON calls (node) WHERE ended IS NULL",
        "CREATE INDEX calls_of_contact ON calls (contact_id)",
        """
        CREATE TABLE signals (
            signal_id TEXT NOT NULL PRIMARY KEY,
            call_id TEXT NOT NULL,
            account TEXT NOT NULL,
            project TEXT NOT NULL,
            contact_id TEXT NOT NULL,
            moment TEXT NOT NULL CHECK (moment IN ('arrival', 'handoff', 'completed', 'failed')),
            parameters TEXT NOT NULL,
            recorded REAL NOT NULL,
            expires REAL NOT NULL,
            state TEXT NOT NULL CHECK (state IN
                ('recorded', 'sending', 'accepted', 'refused', 'unknown', 'expired', 'cancelled'))
        )
        """,
        # The promise of the whole product: one terminal signal per call, for ever, whoever asks first.
        "CREATE UNIQUE INDEX signals_one_terminal ON signals (call_id) WHERE moment <> 'arrival'",
        "CREATE UNIQUE INDEX signals_one_arrival ON signals (call_id) WHERE moment = 'arrival'",
        "CREATE INDEX signals_pending ON signals (recorded) WHERE state IN ('recorded', 'sending')",
        """
        CREATE TRIGGER signals_keep_their_call BEFORE UPDATE OF call_id, moment ON signals
        BEGIN SELECT RAISE(ABORT, 'a signal keeps its call and its moment'); END
        """,
        """
        CREATE TABLE attempts (
            signal_id TEXT NOT NULL,
            number INTEGER NOT NULL,
            began REAL NOT NULL,
            ended REAL NOT NULL,
            outcome TEXT NOT NULL,
            status INTEGER,
            detail TEXT NOT NULL,
            PRIMARY KEY (signal_id, number)
        ) WITHOUT ROWID
        """,
        """
        CREATE TABLE handoffs (
            handoff_id TEXT NOT NULL PRIMARY KEY,
            call_id TEXT NOT NULL UNIQUE,
            account TEXT NOT NULL,
            project TEXT NOT NULL,
            contact_id TEXT NOT NULL,
            asked REAL NOT NULL,
            destination TEXT NOT NULL,
            skill TEXT NOT NULL,
            reason TEXT NOT NULL,
            parameters TEXT NOT NULL,
            data TEXT NOT NULL,
            shared_id TEXT NOT NULL
        )
        """,
        "CREATE INDEX handoffs_of_contact ON handoffs (contact_id)",
        "CREATE INDEX handoffs_shared ON handoffs (shared_id) WHERE shared_id <> ''",
        # What the probe writes while the storage is faulty, to find out whether it healed.
        "CREATE TABLE probe (one INTEGER NOT NULL PRIMARY KEY CHECK (one = 1), at REAL NOT NULL)",
    ),
)


def migrate(connection: sqlite3.Connection) -> None:
    """Take the steps that this database lacks, each in one transaction.

    Raises:
        StorageError: the database was written by a newer version of the agent.
    """
    version: int = connection.execute("PRAGMA user_version").fetchone()[0]
    if version > len(MIGRATIONS):
        raise StorageError(
            f"its tables are of version {version}, this agent knows {len(MIGRATIONS)}: use the newer agent"
        )
    for number, steps in enumerate(MIGRATIONS[version:], version + 1):
        connection.execute("BEGIN IMMEDIATE")
        try:
            for step in steps:
                connection.execute(step)
            connection.execute(f"PRAGMA user_version = {number}")
            connection.execute("COMMIT")
        except sqlite3.Error:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise
