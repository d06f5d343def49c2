# SPDX-License-Identifier: GPL-3.0-or-later
# ruff: noqa: S608 - the statements are made of constants of this module only
"""What is asked of SQLite."""

from __future__ import annotations

from typing import Final

from agent.delivery.queries import NOT_SETTLED, PARTS
from agent.delivery.rows import CALL_COLUMNS, HANDOFF_COLUMNS, SIGNAL_COLUMNS

INSERT_CALL: Final = (
    f"INSERT INTO calls ({', '.join(CALL_COLUMNS)}) VALUES ({', '.join('?' * len(CALL_COLUMNS))})"
)
UPDATE_CALL: Final = (
    'UPDATE calls SET state = ?, answered = ?, ended = ?, "end" = ?, reason = ? WHERE call_id = ?'
)
INSERT_SIGNAL: Final = (
    f"INSERT INTO signals ({', '.join(SIGNAL_COLUMNS)}) VALUES ({', '.join('?' * len(SIGNAL_COLUMNS))})"
    " ON CONFLICT DO NOTHING"
)
INSERT_HANDOFF: Final = (
    f"INSERT INTO handoffs ({', '.join(HANDOFF_COLUMNS)}) SELECT {', '.join('?' * len(HANDOFF_COLUMNS))}"
    " WHERE NOT EXISTS (SELECT 1 FROM signals WHERE call_id = ? AND channel = 'signal'"
    " AND moment <> 'arrival' AND signal_id <> ?)"
    " ON CONFLICT DO NOTHING"
)
UPDATE_SIGNAL: Final = f"UPDATE signals SET state = ? WHERE signal_id = ? AND {NOT_SETTLED}"
INSERT_ATTEMPT: Final = (
    "INSERT INTO attempts (signal_id, number, began, ended, outcome, status, detail)"
    " SELECT ?1, COALESCE(MAX(number), 0) + 1, ?2, ?3, ?4, ?5, ?6 FROM attempts WHERE signal_id = ?1"
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

SELECT_CALLS: Final = f"SELECT {', '.join(CALL_COLUMNS)} FROM calls"
SELECT_HANDOFFS: Final = f"SELECT {', '.join(HANDOFF_COLUMNS)} FROM handoffs"
SELECT_SIGNALS: Final = (
    f"SELECT {', '.join(SIGNAL_COLUMNS)}, (SELECT json_group_array(json_array(began, ended, outcome, status,"
    " detail)) FROM (SELECT * FROM attempts WHERE attempts.signal_id = signals.signal_id ORDER BY number))"
    " FROM signals"
)
SIGNALS_BY_IDS: Final = (
    f"{SELECT_SIGNALS} WHERE signal_id IN (SELECT value FROM json_each(?)) ORDER BY recorded, rowid"
)
LAST_SIGNAL: Final = "SELECT COALESCE(MAX(rowid), 0) FROM signals"
FIND_LEFT: Final = (
    f"SELECT signal_id, recorded, rowid FROM signals WHERE {NOT_SETTLED} AND (recorded, rowid) > (?, ?)"
    " AND rowid <= ? ORDER BY recorded, rowid LIMIT ?"
)
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
