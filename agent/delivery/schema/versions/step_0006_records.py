# SPDX-License-Identifier: GPL-3.0-or-later
"""Calls that are over are numbered, in the order in which that became durable; what RTP did on their legs.

Whoever has seen a number has seen all smaller ones of the same node: record files follow them. SQLite has one
writer at a time. In PostgreSQL a transaction that numbers a call of a node lets no other one number any of
that node before it is over, also where a connection broke and nobody knows yet what became of it.
"""

from __future__ import annotations

from alembic import op

revision = "0006"
down_revision = "0004"

_TABLES = (
    "ALTER TABLE calls ADD COLUMN legs TEXT NOT NULL DEFAULT '[]'",
    # Calls that were over before have none: they are exported, but in no file.
    "ALTER TABLE calls ADD COLUMN record {bigint}",
    # How far the files of a node have come; a node that keeps none has no row.
    "CREATE TABLE record_files (node TEXT NOT NULL PRIMARY KEY, filed {bigint} NOT NULL)",
)
_SQLITE_NUMBER = """
    BEGIN
        UPDATE record_numbers SET given = given + 1;
        UPDATE calls SET record = (SELECT given FROM record_numbers) WHERE rowid = NEW.rowid;
    END
"""
_SQLITE = (
    "CREATE TABLE record_numbers (one INTEGER NOT NULL PRIMARY KEY CHECK (one = 1), given INTEGER NOT NULL)",
    "INSERT INTO record_numbers VALUES (1, 0)",
    "CREATE INDEX calls_record ON calls (record) WHERE record IS NOT NULL",
    f"""
    CREATE TRIGGER calls_are_numbered AFTER UPDATE OF ended ON calls
    WHEN NEW.ended IS NOT NULL AND OLD.ended IS NULL {_SQLITE_NUMBER}
    """,
    f"""
    CREATE TRIGGER calls_are_numbered_at_once AFTER INSERT ON calls
    WHEN NEW.ended IS NOT NULL {_SQLITE_NUMBER}
    """,
)
_POSTGRESQL = (
    "CREATE SEQUENCE record_numbers",
    # By the node that ended it: of a call that was taken over, the neighbour.
    "CREATE INDEX calls_record ON calls (split_part(owner, '/', 1), record) WHERE record IS NOT NULL",
    """
    CREATE FUNCTION calls_are_numbered() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        PERFORM pg_advisory_xact_lock(
            hashtextextended('handoff-agent records ' || split_part(NEW.owner, '/', 1), 0));
        NEW.record := nextval('record_numbers');
        RETURN NEW;
    END $$
    """,
    """
    CREATE TRIGGER calls_are_numbered BEFORE UPDATE OF ended ON calls FOR EACH ROW
    WHEN (NEW.ended IS NOT NULL AND OLD.ended IS NULL) EXECUTE FUNCTION calls_are_numbered()
    """,
    """
    CREATE TRIGGER calls_are_numbered_at_once BEFORE INSERT ON calls FOR EACH ROW
    WHEN (NEW.ended IS NOT NULL) EXECUTE FUNCTION calls_are_numbered()
    """,
)


def upgrade() -> None:
    """Take this step."""
    sqlite = op.get_bind().dialect.name == "sqlite"
    for statement in _TABLES:
        op.execute(statement.format(bigint="INTEGER" if sqlite else "BIGINT"))
    for statement in _SQLITE if sqlite else _POSTGRESQL:
        op.execute(statement)
