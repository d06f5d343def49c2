# SPDX-License-Identifier: GPL-3.0-or-later
"""The books compared: what the agent made durable, what CXone took, what the peers were told."""

from __future__ import annotations

import sqlite3
from collections import defaultdict
from collections.abc import Iterable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.calls.harness.cxone import Cxone
from tests.calls.harness.web import ask
from tests.faults.harness.crowd import CrowdCall
from tests.faults.harness.front import ARRIVAL

Row = dict[str, Any]
UNSETTLED = ("recorded", "sending")


@dataclass(frozen=True)
class Books:
    """Everything of one database."""

    calls: tuple[Row, ...]
    signals: tuple[Row, ...]
    attempts: tuple[Row, ...]
    handoffs: tuple[Row, ...]

    @classmethod
    def read(cls, path: Path) -> Books:
        """Read the agent's SQLite file beside it."""
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=60)) as connection:
            connection.row_factory = sqlite3.Row

            def rows(table: str) -> tuple[Row, ...]:
                return tuple(dict(row) for row in connection.execute(f"SELECT * FROM {table}"))  # noqa: S608

            return cls(rows("calls"), rows("signals"), rows("attempts"), rows("handoffs"))

    @property
    def settled(self) -> bool:
        """Whether no call is up and no signal is open."""
        return all(call["ended"] is not None for call in self.calls) and all(
            signal["state"] not in UNSETTLED for signal in self.signals
        )

    def terminal(self, call_id: str) -> list[Row]:
        """The terminal signals of a call."""
        return [s for s in self.signals if s["call_id"] == call_id and s["moment"] != "arrival"]


def ledger(cxone: Cxone) -> list[Row]:
    """Every signal request that the simulator has seen."""
    found: list[Row] = ask(cxone.port, "GET", "/simulator/signals").json
    return found


def mistakes(books: Books, entries: Iterable[Row], calls: Iterable[CrowdCall]) -> list[str]:
    """Every breach of the promise: no signal lost, none sent twice after a known answer. Empty when kept."""
    requests: defaultdict[tuple[str, str], list[Row]] = defaultdict(list)
    for entry in entries:
        requests[entry["contact_id"], _moment(entry)].append(entry)
    return [
        *_of_signals(books, requests),
        *_of_calls(books),
        *_of_promises(books, calls),
    ]


def _of_signals(books: Books, requests: dict[tuple[str, str], list[Row]]) -> Iterable[str]:
    outcomes: defaultdict[str, list[str]] = defaultdict(list)
    for attempt in sorted(books.attempts, key=lambda row: (row["signal_id"], row["number"])):
        outcomes[attempt["signal_id"]].append(attempt["outcome"])
    recorded = set()
    for signal in books.signals:
        name = f"{signal['moment']} of {signal['contact_id']} ({signal['signal_id']})"
        kind = "arrival" if signal["moment"] == "arrival" else "terminal"
        recorded.add((signal["contact_id"], kind))
        seen = requests.get((signal["contact_id"], kind), [])
        taken = [entry for entry in seen if entry["accepted"]]
        tried = outcomes[signal["signal_id"]]
        if signal["state"] in UNSETTLED:
            yield f"{name} is stuck: {signal['state']}, tried {tried}"
        if len(taken) > 1:
            yield f"{name} took effect {len(taken)} times: {signal['state']}, tried {tried}"
        if signal["state"] == "accepted" and len(taken) != 1:
            yield f"{name} is accepted, CXone took it {len(taken)} times"
        if taken and signal["state"] not in ("accepted", "unknown"):
            yield f"{name} is {signal['state']} though CXone took it"
        if taken and taken[0] is not seen[-1]:
            yield f"{name} was sent again after CXone had taken it"
        if any(outcome in ("accepted", "unknown_contact", "forbidden") for outcome in tried[:-1]):
            yield f"{name} was tried again after a known answer: {tried}"
    for contact_id, kind in requests.keys() - recorded:
        yield f"{kind} of {contact_id} was sent and never recorded"


def _of_calls(books: Books) -> Iterable[str]:
    for call in books.calls:
        name = f"call {call['call_id']} of {call['contact_id']}, end {call['end']!r} {call['reason']!r}"
        told = books.terminal(call["call_id"])
        if call["ended"] is None:
            yield f"{name} is not over"
        elif call["end"] == "caller" and told:
            yield f"{name} told {[signal['moment'] for signal in told]} though the caller hung up"
        elif call["end"] != "caller" and [signal["moment"] for signal in told] != [call["end"]]:
            yield f"{name} has the terminal signals {[signal['moment'] for signal in told]}"


def _of_promises(books: Books, calls: Iterable[CrowdCall]) -> Iterable[str]:
    by_leg = {row["sip_call_id"]: row for row in books.calls}
    handed = {row["call_id"] for row in books.handoffs}
    for call in calls:
        row = by_leg.get(call.call_id)
        if call.agent_call_id and row is None:
            yield f"{call.contact_id} reached the voice agent before it was recorded"
        if call.promised == 202 and call.agent_call_id not in handed:
            yield f"{call.contact_id}: the handoff was promised and is not on disk"
        if call.promised == 202 and [s["moment"] for s in books.terminal(call.agent_call_id)] != ["handoff"]:
            yield f"{call.contact_id}: the handoff was promised and its signal is not the terminal one"


def _moment(entry: Row) -> str:
    return "arrival" if entry["parameters"].get("p1") == ARRIVAL else "terminal"
