# SPDX-License-Identifier: GPL-3.0-or-later
"""The outbox carries webhooks and transcripts besides signals; a handoff says how it was asked for."""

from __future__ import annotations

from alembic import op

revision = "0003"
down_revision = "0002"

_TABLES = (
    # What is there already are signals.
    """
    ALTER TABLE signals ADD COLUMN channel TEXT NOT NULL DEFAULT 'signal'
        CHECK (channel IN ('signal', 'webhook', 'transcript'))
    """,
    "ALTER TABLE handoffs ADD COLUMN way TEXT NOT NULL DEFAULT 'http'",
    "ALTER TABLE handoffs ADD COLUMN target TEXT NOT NULL DEFAULT ''",
    # The promise of one terminal signal per call is about signals: a handoff may have a webhook as well.
    "DROP INDEX signals_one_terminal",
    "DROP INDEX signals_one_arrival",
    """
    CREATE UNIQUE INDEX signals_one_terminal ON signals (call_id)
        WHERE channel = 'signal' AND moment <> 'arrival'
    """,
    """
    CREATE UNIQUE INDEX signals_one_arrival ON signals (call_id)
        WHERE channel = 'signal' AND moment = 'arrival'
    """,
    "CREATE INDEX signals_other_channels ON signals (call_id) WHERE channel <> 'signal'",
    # NICE takes one transcript of a master contact; what it does with a second one nobody says.
    """
    CREATE UNIQUE INDEX signals_one_transcript ON signals (account, project, contact_id)
        WHERE channel = 'transcript'
    """,
)
_SQLITE = (
    "DROP TRIGGER signals_keep_their_call",
    """
    CREATE TRIGGER signals_keep_their_call BEFORE UPDATE OF call_id, moment, channel ON signals
    BEGIN SELECT RAISE(ABORT, 'a signal keeps its call and its moment'); END
    """,
)
_POSTGRESQL = (
    "DROP TRIGGER signals_keep_their_call ON signals",
    """
    CREATE TRIGGER signals_keep_their_call BEFORE UPDATE OF call_id, moment, channel ON signals
    FOR EACH ROW EXECUTE FUNCTION signals_keep_their_call()
    """,
)


def upgrade() -> None:
    """Take this step."""
    for statement in _TABLES:
        op.execute(statement)
    for statement in _SQLITE if op.get_bind().dialect.name == "sqlite" else _POSTGRESQL:
        op.execute(statement)
