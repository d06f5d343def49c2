# SPDX-License-Identifier: GPL-3.0-or-later
"""What the agent made durable, read from its SQLite file beside it."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

from agent.core.record_form import as_record
from agent.delivery.finished import Export, between, finished_of
from agent.delivery.queries import ANY_NUMBER

Row = dict[str, Any]


class Records:
    """A reader of the agent's database; opens it anew for each question, so it never holds a lock."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def call(self, sip_call_id: str) -> Row | None:
        """The record of the call with that Call-ID on the caller's leg."""
        return next(iter(self._rows("SELECT * FROM calls WHERE sip_call_id = ?", sip_call_id)), None)

    def calls(self) -> list[Row]:
        """Every call."""
        return self._rows("SELECT * FROM calls ORDER BY began")

    def signals(self, call_id: str) -> list[Row]:
        """The signals of a call in the order in which they were recorded; ``parameters`` parsed."""
        rows = self._rows("SELECT * FROM signals WHERE call_id = ? ORDER BY recorded", call_id)
        return [{**row, "parameters": json.loads(row["parameters"])} for row in rows]

    def handoff(self, call_id: str) -> Row | None:
        """What the voice agent said at the handoff of a call; ``data`` and ``parameters`` parsed."""
        for row in self._rows("SELECT * FROM handoffs WHERE call_id = ?", call_id):
            return {**row, **{name: json.loads(row[name]) for name in ("data", "parameters")}}
        return None

    def attempts(self, signal_id: str) -> list[Row]:
        """The attempts at one signal, first to last."""
        return self._rows("SELECT * FROM attempts WHERE signal_id = ? ORDER BY number", signal_id)

    def finished(self) -> list[dict[str, Any]]:
        """The record of every call that is over, as files, exports and webhooks have it."""
        query, where = between(0, ANY_NUMBER, Export(), "rowid")
        if not self._path.exists() or not self._rows("SELECT 1 FROM sqlite_master WHERE name = 'calls'"):
            return []  # an agent that got no further
        with closing(sqlite3.connect(f"file:{self._path}?mode=ro", uri=True, timeout=60)) as connection:
            return [as_record(finished_of(row)) for row in connection.execute(query, where.values)]

    def _rows(self, query: str, *values: str) -> list[Row]:
        if not self._path.exists():
            return []
        with closing(sqlite3.connect(f"file:{self._path}?mode=ro", uri=True, timeout=60)) as connection:
            connection.row_factory = sqlite3.Row
            return [dict(row) for row in connection.execute(query, values)]
