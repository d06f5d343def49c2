# SPDX-License-Identifier: GPL-3.0-or-later
# ruff: noqa: S608 - the statements are made of constants of this module only
"""What is asked of SQLite."""

from __future__ import annotations

from typing import Final

from agent.delivery.queries import ANY_NUMBER, HELD_SECONDS, NOT_SETTLED, PARTS
from agent.delivery.rows import ATTEMPT, CALL, CALL_CHANGES, HANDOFF, SIGNAL, Columns, names


def _at(columns: Columns, column: str) -> str:
    """The place of one value among those of `columns`."""
    return f"?{[*columns].index(column) + 1}"


def _values(columns: Columns, first: int = 1) -> str:
    """The places of all values, where they begin at ``first``."""
    return ", ".join(f"?{number}" for number, _ in enumerate(columns, first))


INSERT_CALL: Final = f"INSERT INTO calls ({names(CALL)}) VALUES ({_values(CALL)})"
_CHANGED: Final = ", ".join(
    f"{names([column])} = {_at(CALL_CHANGES, column)}" for column in CALL_CHANGES if column != "call_id"
)
UPDATE_CALL: Final = (
    f"UPDATE calls SET {_CHANGED} WHERE call_id = {_at(CALL_CHANGES, 'call_id')}"
    f" AND version <= {_at(CALL_CHANGES, 'version')}"
)
INSERT_SIGNAL: Final = (
    f"INSERT INTO signals ({names(SIGNAL)}) VALUES ({_values(SIGNAL)}) ON CONFLICT DO NOTHING"
)
INSERT_HANDOFF: Final = (
    f"INSERT INTO handoffs ({names(HANDOFF)}) SELECT {_values(HANDOFF)}"
    f" WHERE NOT EXISTS (SELECT 1 FROM signals WHERE call_id = {_at(HANDOFF, 'call_id')}"
    f" AND channel = 'signal' AND moment <> 'arrival' AND signal_id <> ?{len(HANDOFF) + 1})"
    " ON CONFLICT DO NOTHING"
)
"""Values: a handoff's, the id of its own signal."""
UPDATE_SIGNAL: Final = f"UPDATE signals SET state = ? WHERE signal_id = ? AND {NOT_SETTLED}"
INSERT_ATTEMPT: Final = (
    f"INSERT INTO attempts (signal_id, number, {names(ATTEMPT)})"
    f" SELECT ?1, COALESCE(MAX(number), 0) + 1, {_values(ATTEMPT, 2)} FROM attempts WHERE signal_id = ?1"
)
"""Values: the signal's id, an attempt's."""
TAKE_BACK_ENTRIES: Final = (
    f"DELETE FROM signals WHERE signal_id IN (SELECT value FROM json_each(?)) AND {NOT_SETTLED}"
    " AND NOT EXISTS (SELECT 1 FROM attempts WHERE attempts.signal_id = signals.signal_id)"
)
TAKE_BACK_HANDOFF: Final = (
    "DELETE FROM handoffs WHERE handoff_id = ?1 AND NOT EXISTS"
    " (SELECT 1 FROM signals WHERE signal_id IN (SELECT value FROM json_each(?2)))"
)
CANCEL: Final = "UPDATE signals SET state = 'cancelled' WHERE signal_id = ? AND state = 'recorded'"
REOPEN: Final = (
    "UPDATE signals SET state = 'recorded', expires = ? WHERE signal_id = ?"
    " AND state IN ('refused', 'unknown', 'expired', 'cancelled')"
)

# Among the oldest few, so that a look costs the same however many there are.
FIND_OLD: Final = (
    "SELECT call_id FROM (SELECT rowid AS place, * FROM calls ORDER BY rowid LIMIT 200) AS oldest"
    " WHERE ended IS NOT NULL AND (ended < ?1 OR place <= (SELECT MAX(rowid) FROM calls) - ?2)"
    f" AND (record IS NULL OR ended < ?1 - {HELD_SECONDS}"
    f" OR record <= COALESCE((SELECT filed FROM record_files), {ANY_NUMBER}))"
    + "".join(
        f" AND NOT EXISTS (SELECT 1 FROM signals WHERE signals.call_id = oldest.call_id AND {part}"
        f" AND {NOT_SETTLED})"
        for part in PARTS
    )
)
_AMONG: Final = "call_id IN (SELECT value FROM json_each(?1))"
_SIGNALS_AMONG: Final = " OR ".join(f"({_AMONG} AND {part})" for part in PARTS)
# An operator's command may have reopened a signal since; the probe's row is there to be written to.
NONE_REOPENED: Final = (
    "INSERT INTO probe SELECT 1, unixepoch() WHERE NOT EXISTS"
    f" (SELECT 1 FROM signals WHERE {NOT_SETTLED} AND {_AMONG})"
    " ON CONFLICT DO UPDATE SET at = excluded.at"
)
FORGET: Final = (
    f"DELETE FROM attempts WHERE signal_id IN (SELECT signal_id FROM signals WHERE {_SIGNALS_AMONG})",
    f"DELETE FROM signals WHERE {_SIGNALS_AMONG}",
    f"DELETE FROM handoffs WHERE {_AMONG}",
    f"DELETE FROM calls WHERE {_AMONG}",
)

SELECT_CALLS: Final = f"SELECT {names(CALL)} FROM calls"
SELECT_HANDOFFS: Final = f"SELECT {names(HANDOFF)} FROM handoffs"
SELECT_SIGNALS: Final = (
    f"SELECT {names(SIGNAL)}, (SELECT json_group_array(json_array({names(ATTEMPT)}))"
    " FROM (SELECT * FROM attempts WHERE attempts.signal_id = signals.signal_id ORDER BY number))"
    " FROM signals"
)
SIGNALS_BY_IDS: Final = (
    f"{SELECT_SIGNALS} WHERE signal_id IN (SELECT value FROM json_each(?)) ORDER BY recorded, rowid"
)
CALLS_UP: Final = "SELECT call_id FROM calls WHERE ended IS NULL ORDER BY rowid"
CALLS_UP_BY_IDS: Final = (
    f"{SELECT_CALLS} WHERE ended IS NULL AND call_id IN (SELECT value FROM json_each(?)) ORDER BY rowid"
)
LAST_SIGNAL: Final = "SELECT COALESCE(MAX(rowid), 0) FROM signals"
FIND_ORPHANS: Final = (
    f"SELECT signal_id, recorded, rowid FROM signals WHERE {NOT_SETTLED} AND (recorded, rowid) > (?, ?)"
    " AND rowid <= ? ORDER BY recorded, rowid LIMIT ?"
)
# One node uses the file, whatever its name.
FILED: Final = "SELECT (SELECT filed FROM record_files), given FROM record_numbers"
NOTE_FILED: Final = (
    "INSERT INTO record_files (node, filed) VALUES ('', ?)"
    " ON CONFLICT (node) DO UPDATE SET filed = excluded.filed"
)
FILED_NO_MORE: Final = "DELETE FROM record_files"
NUMBER_ANEW: Final = (
    "UPDATE calls SET record = record + ?2 WHERE record > ?1"
    " AND call_id NOT IN (SELECT value FROM json_each(?3))"
)
GO_ON_BEHIND: Final = "UPDATE record_numbers SET given = MAX(given, ?1) + ?2"
"""Values of both: the number from which on, by how much; ids of calls that keep theirs."""
BY_SHARED_ID: Final = (
    f"{SELECT_HANDOFFS} WHERE account = ?1 AND project = ?2 AND"
    " ((shared_id = ?3 AND shared_id <> '') OR contact_id = ?3)"
    " ORDER BY shared_id = ?3 DESC, asked DESC LIMIT 1"
)
BY_ID: Final = (
    f"{SELECT_HANDOFFS} WHERE account = ?1 AND project = ?2 AND"
    " (handoff_id = ?3 OR call_id = ?3 OR contact_id = ?3)"
    " ORDER BY handoff_id = ?3 DESC, call_id = ?3 DESC, asked DESC LIMIT 1"
)
