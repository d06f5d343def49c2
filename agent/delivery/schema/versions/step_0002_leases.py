# SPDX-License-Identifier: GPL-3.0-or-later
"""Several agents on one database: each process has a lease, and every row that is unsettled has an owner."""

from __future__ import annotations

from alembic import op

revision = "0002"
down_revision = "0001"

_POSTGRESQL = (
    # `beats` is what neighbours watch; `at` is for people. A process is dead once its row is gone.
    """
    CREATE TABLE nodes (
        node TEXT NOT NULL PRIMARY KEY,
        incarnation TEXT NOT NULL UNIQUE,
        beats BIGINT NOT NULL,
        at TIMESTAMPTZ NOT NULL DEFAULT now()
    )
    """,
    # Rows of before belong to nobody: whoever comes first takes them over.
    "ALTER TABLE calls ADD COLUMN owner TEXT NOT NULL DEFAULT ''",
    "ALTER TABLE signals ADD COLUMN owner TEXT NOT NULL DEFAULT ''",
    "DROP INDEX calls_live",
    "CREATE INDEX calls_live ON calls (owner) WHERE ended IS NULL",
    "DROP INDEX signals_pending",
    "CREATE INDEX signals_pending ON signals (owner) WHERE state IN ('recorded', 'sending')",
)


def upgrade() -> None:
    """Take this step. A SQLite file has one agent: a lock on it says who."""
    if op.get_bind().dialect.name == "postgresql":
        for statement in _POSTGRESQL:
            op.execute(statement)
