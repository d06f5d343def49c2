# SPDX-License-Identifier: GPL-3.0-or-later
"""Calls, signals with their attempts, handoffs."""

from __future__ import annotations

from alembic import op

revision = "0001"
down_revision = None

_TABLES = (
    """
    CREATE TABLE calls (
        {sequence}
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
        began {real} NOT NULL,
        answered {real},
        ended {real},
        "end" TEXT NOT NULL,
        reason TEXT NOT NULL
    )
    """,
    # Those that were up when a process died are looked for at every start; they are few among many.
    "CREATE INDEX calls_live ON calls (node) WHERE ended IS NULL",
    "CREATE INDEX calls_of_contact ON calls (contact_id)",
    """
    CREATE TABLE signals (
        {sequence}
        signal_id TEXT NOT NULL PRIMARY KEY,
        call_id TEXT NOT NULL,
        account TEXT NOT NULL,
        project TEXT NOT NULL,
        contact_id TEXT NOT NULL,
        moment TEXT NOT NULL CHECK (moment IN ('arrival', 'handoff', 'completed', 'failed')),
        parameters TEXT NOT NULL,
        recorded {real} NOT NULL,
        expires {real} NOT NULL,
        state TEXT NOT NULL CHECK (state IN
            ('recorded', 'sending', 'accepted', 'refused', 'unknown', 'expired', 'cancelled'))
    )
    """,
    # The promise of the whole product: one terminal signal per call, for ever, whoever asks first.
    "CREATE UNIQUE INDEX signals_one_terminal ON signals (call_id) WHERE moment <> 'arrival'",
    "CREATE UNIQUE INDEX signals_one_arrival ON signals (call_id) WHERE moment = 'arrival'",
    "CREATE INDEX signals_pending ON signals (recorded) WHERE state IN ('recorded', 'sending')",
    """
    CREATE TABLE attempts (
        signal_id TEXT NOT NULL,
        number INTEGER NOT NULL,
        began {real} NOT NULL,
        ended {real} NOT NULL,
        outcome TEXT NOT NULL,
        status INTEGER,
        detail TEXT NOT NULL,
        PRIMARY KEY (signal_id, number)
    ){without_rowid}
    """,
    """
    CREATE TABLE handoffs (
        handoff_id TEXT NOT NULL PRIMARY KEY,
        call_id TEXT NOT NULL UNIQUE,
        account TEXT NOT NULL,
        project TEXT NOT NULL,
        contact_id TEXT NOT NULL,
        asked {real} NOT NULL,
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
)
_SQLITE = (
    """
    CREATE TRIGGER signals_keep_their_call BEFORE UPDATE OF call_id, moment ON signals
    BEGIN SELECT RAISE(ABORT, 'a signal keeps its call and its moment'); END
    """,
    # What the probe writes while the storage is faulty, to find out whether it healed.
    "CREATE TABLE probe (one INTEGER NOT NULL PRIMARY KEY CHECK (one = 1), at REAL NOT NULL)",
)
_POSTGRESQL = (
    """
    CREATE FUNCTION signals_keep_their_call() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN RAISE integrity_constraint_violation USING MESSAGE = 'a signal keeps its call and its moment';
    END $$
    """,
    """
    CREATE TRIGGER signals_keep_their_call BEFORE UPDATE OF call_id, moment ON signals
    FOR EACH ROW EXECUTE FUNCTION signals_keep_their_call()
    """,
)


def upgrade() -> None:
    """Take this step."""
    sqlite = op.get_bind().dialect.name == "sqlite"
    words = {
        "real": "REAL" if sqlite else "DOUBLE PRECISION",
        "without_rowid": " WITHOUT ROWID" if sqlite else "",
        # The order in which they were recorded; SQLite's rowid says it.
        "sequence": "" if sqlite else "sequence BIGINT NOT NULL GENERATED ALWAYS AS IDENTITY UNIQUE,",
    }
    for statement in _TABLES:
        op.execute(statement.format(**words))
    for statement in _SQLITE if sqlite else _POSTGRESQL:
        op.execute(statement)
