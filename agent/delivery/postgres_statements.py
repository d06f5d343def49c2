# SPDX-License-Identifier: GPL-3.0-or-later
# ruff: noqa: S608 - the statements are made of constants of this module only
"""What is asked of PostgreSQL. A write is one statement, so that what waits goes out in one go.

Each write ends in a number of the caller's and gives it back if it changed something: many of a kind run as
one prepared statement, and the numbers tell which of them held. ``owner`` is the process that a row belongs
to; a write of another process changes nothing. An empty owner stands for an operator's command, which may.
"""

from __future__ import annotations

from typing import Any, Final, get_args

from agent.delivery.queries import ANY_NUMBER, HELD_SECONDS, NOT_SETTLED, PARTS
from agent.delivery.rows import ATTEMPT, CALL, CALL_CHANGES, HANDOFF, SIGNAL, Columns, names


def _kind(field: Any) -> str:  # noqa: ANN401 - the type of a record's field
    """PostgreSQL's type for it."""
    kinds = {float: "float8", int: "int"}
    return next((kind for number, kind in kinds.items() if number in (field, *get_args(field))), "text")


def _at(columns: Columns, column: str, first: int = 1) -> str:
    """The place of one value, where those of `columns` begin at ``first``."""
    return f"${[*columns].index(column) + first}::{_kind(columns.types[column])}"


def _values(columns: Columns, first: int = 1) -> str:
    """The places of all values, where they begin at ``first``."""
    return ", ".join(_at(columns, column, first) for column in columns)


MINE_OF: Final = "split_part({}.owner, '/', 1)"
"""The node that ended a call; an index has it."""
_CALL: Final = f"INSERT INTO calls ({names(CALL)}, owner)"
_SIGNAL: Final = f"INSERT INTO signals ({names(SIGNAL)}, owner)"
_HANDOFF: Final = f"INSERT INTO handoffs ({names(HANDOFF)})"

OPEN_CALL: Final = f"{_CALL} VALUES ({_values(CALL)}, ${len(CALL) + 1}::text) RETURNING ${len(CALL) + 2}::int"
"""Values: a call's, owner, number."""
OPEN_CALL_WITH_SIGNAL: Final = (
    f"WITH call AS ({_CALL} VALUES ({_values(CALL)}, ${len(CALL) + 1}::text)),"
    f" arrival AS ({_SIGNAL} VALUES ({_values(SIGNAL, len(CALL) + 2)}, ${len(CALL) + 1}::text)"
    f" ON CONFLICT DO NOTHING) SELECT ${len(CALL) + len(SIGNAL) + 2}::int"
)
"""Values: a call's, owner, a signal's, number."""
_CHANGED: Final = ", ".join(
    f"{names([column])} = {_at(CALL_CHANGES, column)}" for column in CALL_CHANGES if column != "call_id"
)
_UPDATE_CALL: Final = (
    f"UPDATE calls SET {_CHANGED} WHERE call_id = {_at(CALL_CHANGES, 'call_id')}"
    f" AND version <= {_at(CALL_CHANGES, 'version')}"
    f" AND ${len(CALL_CHANGES) + 1}::text IN (owner, '')"
)
UPDATE_CALL: Final = f"{_UPDATE_CALL} RETURNING ${len(CALL_CHANGES) + 2}::int"
"""Values: what changes of a call, owner, number."""
UPDATE_CALL_WITH_WEBHOOK: Final = (
    f"WITH ended AS ({_UPDATE_CALL} RETURNING 1),"
    f" hooked AS ({_SIGNAL} SELECT {_values(SIGNAL, len(CALL_CHANGES) + 2)}, ${len(CALL_CHANGES) + 1}::text"
    f" FROM ended ON CONFLICT DO NOTHING) SELECT ${len(CALL_CHANGES) + len(SIGNAL) + 2}::int FROM ended"
)
"""Values: what changes of a call, owner, a webhook's, number."""
RECORD_SIGNAL: Final = (
    f"{_SIGNAL} VALUES ({_values(SIGNAL)}, ${len(SIGNAL) + 1}::text) ON CONFLICT DO NOTHING"
    f" RETURNING ${len(SIGNAL) + 2}::int"
)
"""Values: a signal's, owner, number."""
# Of two who ask at once one breaks on the other's handoff, and nothing of it stands, its signal neither.
_FIRST_HANDOFF: Final = (
    f"SELECT {_values(HANDOFF)} WHERE NOT EXISTS (SELECT 1 FROM signals"
    f" WHERE call_id = {_at(HANDOFF, 'call_id')} AND channel = 'signal' AND moment <> 'arrival')"
)
RECORD_HANDOFF: Final = (
    f"{_HANDOFF} {_FIRST_HANDOFF} ON CONFLICT DO NOTHING RETURNING ${len(HANDOFF) + 1}::int"
)
"""Values: a handoff's, number."""


def _entry(first: int, owner: int) -> str:
    """An entry of the outbox as a SELECT's values, from ``first`` on."""
    return f"{_values(SIGNAL, first)}, ${owner}::text"


def _told(owner: int) -> str:
    """The signal of a handoff, unless the call has a handoff or a terminal signal already."""
    call_id, handoff_id = _at(HANDOFF, "call_id"), _at(HANDOFF, "handoff_id")
    return (
        f"told AS ({_SIGNAL} SELECT {_entry(len(HANDOFF) + 1, owner)}"
        f" WHERE NOT EXISTS (SELECT 1 FROM handoffs WHERE call_id = {call_id} OR handoff_id = {handoff_id})"
        " ON CONFLICT DO NOTHING RETURNING 1)"
    )


_ONE, _TWO = len(HANDOFF) + len(SIGNAL) + 1, len(HANDOFF) + 2 * len(SIGNAL) + 1
RECORD_HANDOFF_WITH_SIGNAL: Final = (
    f"WITH {_told(_ONE)} {_HANDOFF} SELECT {_values(HANDOFF)} FROM told RETURNING ${_ONE + 1}::int"
)
"""Values: a handoff's, a signal's, owner, number."""
RECORD_HANDOFF_WITH_WEBHOOK: Final = (
    f"WITH handed AS ({_HANDOFF} {_FIRST_HANDOFF} ON CONFLICT DO NOTHING RETURNING 1)"
    f" {_SIGNAL} SELECT {_entry(len(HANDOFF) + 1, _ONE)} FROM handed RETURNING ${_ONE + 1}::int"
)
"""Values: a handoff's, a webhook's, owner, number."""
RECORD_HANDOFF_WITH_BOTH: Final = (
    f"WITH {_told(_TWO)},"
    f" hooked AS ({_SIGNAL} SELECT {_entry(_ONE, _TWO)} FROM told)"
    f" {_HANDOFF} SELECT {_values(HANDOFF)} FROM told RETURNING ${_TWO + 1}::int"
)
"""Values: a handoff's, a signal's, a webhook's, owner, number."""


def _tried(first: int) -> str:
    """An attempt of the signal $1 if that ``moved``: its values from ``first`` on, then the number."""
    return (
        f"tried AS (INSERT INTO attempts (signal_id, number, {names(ATTEMPT)}) SELECT $1::text,"
        " (SELECT COALESCE(MAX(number), 0) + 1 FROM attempts WHERE signal_id = $1::text),"
        f" {_values(ATTEMPT, first)} FROM moved) SELECT ${first + len(ATTEMPT)}::int FROM moved"
    )


UPDATE_SIGNAL: Final = (
    f"UPDATE signals SET state = $2::text WHERE signal_id = $1::text AND {NOT_SETTLED}"
    " AND $3::text IN (owner, '') RETURNING $4::int"
)
"""Values: signal id, state, owner, number."""
UPDATE_SIGNAL_WITH_ATTEMPT: Final = (
    f"WITH moved AS (UPDATE signals SET state = $2::text WHERE signal_id = $1::text AND {NOT_SETTLED}"
    f" AND $3::text IN (owner, '') RETURNING signal_id), {_tried(4)}"
)
"""Values: signal id, state, owner, an attempt's, number."""
REOPEN_SIGNAL: Final = (
    "WITH moved AS (UPDATE signals SET state = 'recorded', expires = $2::float8, owner = $3::text"
    " WHERE signal_id = $1::text AND state IN ('refused', 'unknown', 'expired', 'cancelled')"
    f" RETURNING signal_id), {_tried(4)}"
)
"""Values: signal id, expires, owner, an attempt's, number."""
DISCARD_SIGNAL: Final = (
    "WITH moved AS (UPDATE signals SET state = $2::text WHERE signal_id = $1::text AND state = 'recorded'"
    f" RETURNING signal_id), {_tried(3)}"
)
"""Values: signal id, state, an attempt's, number."""

TAKE_BACK_ENTRIES: Final = (
    f"DELETE FROM signals WHERE signal_id = ANY($1::text[]) AND owner = $2::text AND {NOT_SETTLED}"
    " AND NOT EXISTS (SELECT 1 FROM attempts WHERE attempts.signal_id = signals.signal_id)"
)
TAKE_BACK_HANDOFF: Final = (
    "DELETE FROM handoffs WHERE handoff_id = $1::text AND NOT EXISTS"
    " (SELECT 1 FROM signals WHERE signal_id = ANY($2::text[]))"
)

UNDO_CALL: Final = "DELETE FROM calls WHERE call_id = $1::text AND owner = $2::text"
UNDO_SIGNAL: Final = "DELETE FROM signals WHERE signal_id = $1::text AND owner = $2::text"
UNDO_HANDOFF: Final = "DELETE FROM handoffs WHERE handoff_id = $1::text AND $2::text IS NOT NULL"
UNDO_CLAIM_OF_CALLS: Final = (
    "UPDATE calls SET owner = '' WHERE call_id = ANY($1::text[]) AND owner = $2::text"
)
UNDO_CLAIM_OF_SIGNALS: Final = (
    "UPDATE signals SET owner = '' WHERE signal_id = ANY($1::text[]) AND owner = $2::text"
)

SELECT_CALLS: Final = f"SELECT {names(CALL)} FROM calls"
SELECT_HANDOFFS: Final = f"SELECT {names(HANDOFF)} FROM handoffs"
SELECT_SIGNALS: Final = (
    f"SELECT {names(SIGNAL)}, COALESCE((SELECT json_agg(json_build_array({names(ATTEMPT)}) ORDER BY number)"
    " FROM attempts WHERE attempts.signal_id = signals.signal_id), '[]')::text FROM signals"
)
BY_SHARED_ID: Final = (
    f"{SELECT_HANDOFFS} WHERE account = $1 AND project = $2 AND"
    " ((shared_id = $3 AND shared_id <> '') OR contact_id = $3)"
    " ORDER BY shared_id = $3 DESC, asked DESC LIMIT 1"
)
BY_ID: Final = (
    f"{SELECT_HANDOFFS} WHERE account = $1 AND project = $2 AND"
    " (handoff_id = $3 OR call_id = $3 OR contact_id = $3)"
    " ORDER BY handoff_id = $3 DESC, call_id = $3 DESC, asked DESC LIMIT 1"
)

MINE: Final = f"{MINE_OF.format('calls')} = ?"
FILED: Final = (
    "SELECT (SELECT filed FROM record_files WHERE node = $1::text),"
    " CASE WHEN is_called THEN last_value ELSE 0 END FROM record_numbers"
)
NOTE: Final = (
    "INSERT INTO record_files (node, filed) VALUES ($1::text, $2::bigint)"
    " ON CONFLICT (node) DO UPDATE SET filed = excluded.filed"
)
NOTE_FILED: Final = f"{NOTE} RETURNING $3::int"
FILED_NO_MORE: Final = "DELETE FROM record_files WHERE node = $1::text RETURNING $2::int"
# As the trigger does that numbers calls: none of the node's is over while this goes on.
HOLD_NUMBERS: Final = (
    "SELECT pg_advisory_xact_lock(hashtextextended('handoff-agent records ' || $1::text, 0))"
)
NUMBER_ANEW: Final = (
    f"UPDATE calls SET record = record + $3::bigint WHERE {MINE_OF.format('calls')} = $1::text"
    " AND record > $2::bigint AND call_id <> ALL ($4::text[])"
)
GO_ON_BEHIND: Final = (
    "SELECT setval('record_numbers',"
    " GREATEST(CASE WHEN is_called THEN last_value ELSE 0 END, $1::bigint) + $2::bigint) FROM record_numbers"
)

# Work of owners that are not alive. SKIP LOCKED lets survivors share it without waiting for each other.
_ORPHANED: Final = "owner <> ALL (ARRAY(SELECT incarnation FROM nodes))"
ANY_ORPHANS: Final = (
    f"SELECT EXISTS (SELECT 1 FROM calls WHERE ended IS NULL AND {_ORPHANED})"
    f" OR EXISTS (SELECT 1 FROM signals WHERE {NOT_SETTLED} AND {_ORPHANED})"
)
CLAIM_CALLS: Final = (
    "UPDATE calls SET owner = $1::text WHERE call_id IN (SELECT call_id FROM calls"
    f" WHERE ended IS NULL AND {_ORPHANED} ORDER BY sequence LIMIT $2::int FOR UPDATE SKIP LOCKED)"
    f" RETURNING {names(CALL)}"
)
CLAIM_SIGNALS: Final = (
    "UPDATE signals SET owner = $1::text WHERE signal_id IN (SELECT signal_id FROM signals"
    f" WHERE {NOT_SETTLED} AND {_ORPHANED} ORDER BY sequence LIMIT $2::int FOR UPDATE SKIP LOCKED)"
    " RETURNING signal_id"
)

# Among the oldest few, so that a look costs the same however many there are.
FIND_OLD: Final = (
    f"SELECT call_id FROM (SELECT * FROM calls ORDER BY sequence LIMIT $3::int) AS oldest"
    " WHERE ended IS NOT NULL"
    " AND (ended < $1::float8 OR sequence <= (SELECT MAX(sequence) FROM calls) - $2::bigint)"
    f" AND (record IS NULL OR ended < $1::float8 - {HELD_SECONDS} OR record <= COALESCE((SELECT filed"
    f" FROM record_files WHERE record_files.node = {MINE_OF.format('oldest')}), {ANY_NUMBER}))"
    f" AND NOT EXISTS (SELECT 1 FROM signals WHERE signals.call_id = oldest.call_id AND {NOT_SETTLED})"
)
# By parts, each of which has its index by call: without one a step reads the whole table.
_TOLD_OF_GONE: Final = ", ".join(
    f"told_{number} AS (DELETE FROM signals USING gone WHERE signals.call_id = gone.call_id AND {part}"
    " RETURNING signal_id)"
    for number, part in enumerate(PARTS)
)
_ALL_TOLD: Final = " UNION ALL ".join(f"SELECT signal_id FROM told_{number}" for number in range(len(PARTS)))
FORGET: Final = (
    # Two nodes may have found the same; and an operator may have reopened a signal in between.
    "WITH old AS (SELECT call_id FROM calls WHERE call_id = ANY($1::text[]) AND NOT EXISTS"
    f" (SELECT 1 FROM signals WHERE signals.call_id = calls.call_id AND {NOT_SETTLED})"
    " FOR UPDATE SKIP LOCKED),"
    " gone AS (DELETE FROM calls USING old WHERE calls.call_id = old.call_id RETURNING calls.call_id),"
    f" {_TOLD_OF_GONE}, told AS ({_ALL_TOLD}),"
    " tried AS (DELETE FROM attempts USING told WHERE attempts.signal_id = told.signal_id),"
    " handed AS (DELETE FROM handoffs USING gone WHERE handoffs.call_id = gone.call_id)"
    " SELECT $2::int, call_id FROM gone"
)
"""Values: call ids, number."""

# A role that may not read the view sees its rows without what they say (PostgreSQL manual, 28.2.1).
REPLICATION: Final = """
    SELECT writes, names <> '', readable,
        CASE WHEN readable THEN waited_for END, CASE WHEN readable THEN others END,
        CASE WHEN readable AND waited_for + others > 0 THEN COALESCE(bytes, 0) END,
        CASE WHEN readable AND waited_for + others > 0 THEN COALESCE(seconds, 0) END
    FROM (
        SELECT NOT pg_is_in_recovery() AND current_setting('transaction_read_only') = 'off' AS writes,
            current_setting('synchronous_standby_names') AS names,
            pg_has_role(current_user, 'pg_read_all_stats', 'USAGE') AS readable,
            count(*) FILTER (WHERE replay_lsn IS NOT NULL AND sync_state IN ('sync', 'quorum')) AS waited_for,
            count(*) FILTER (WHERE replay_lsn IS NOT NULL AND sync_state NOT IN ('sync', 'quorum')) AS others,
            max(CASE WHEN NOT pg_is_in_recovery() THEN pg_wal_lsn_diff(pg_current_wal_lsn(), replay_lsn) END)
                ::float8 AS bytes,
            extract(epoch FROM max(replay_lag))::float8 AS seconds
        FROM pg_stat_replication
    ) AS looked
"""
