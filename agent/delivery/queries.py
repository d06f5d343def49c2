# SPDX-License-Identifier: GPL-3.0-or-later
"""What a store may be asked to list, and the conditions that follow, in SQL that both databases understand.

Those on entries of the outbox are spelled so that the partial indices serve; one index over all entries would
cost every write.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from agent.core.moments import Moment, SignalState
from agent.core.records import Channel
from agent.delivery.rows import Value

PARTS: Final = (
    "channel = 'signal' AND moment = 'arrival'",
    "channel = 'signal' AND moment <> 'arrival'",
    "channel <> 'signal'",
)
"""Each entry is in exactly one of them, and each of them has its index by call."""
NOT_SETTLED: Final = "state IN ('recorded', 'sending')"
HELD_SECONDS: Final = 30 * 86_400
"""For so long calls that are in no record file yet are kept beyond their time."""
ANY_NUMBER: Final = 2**63 - 1
"""No call has a higher one."""


@dataclass(frozen=True, slots=True)
class CallQuery:
    """Calls to which all that is given applies, the newest first.

    Attributes:
        contact_id: of this contact.
        project: of this project.
        sip_call_id: whose caller's leg has this Call-ID.
        since: that began then or later, in seconds since the epoch.
        limit: at most so many.
    """

    contact_id: str = ""
    project: str = ""
    sip_call_id: str = ""
    since: float | None = None
    limit: int = 100


@dataclass(frozen=True, slots=True)
class SignalQuery:
    """Entries of the outbox to which all that is given applies, the newest first.

    Attributes:
        call_id: of this call.
        contact_id: of calls of this contact; so transcripts are found too, which carry the master contact.
        project: of this project.
        state: in this state.
        moment: of this moment.
        since: recorded then or later, in seconds since the epoch.
        limit: at most so many.
        channel: of this channel; of all when None.
    """

    call_id: str = ""
    contact_id: str = ""
    project: str = ""
    state: SignalState | None = None
    moment: Moment | None = None
    since: float | None = None
    limit: int = 100
    channel: Channel | None = Channel.SIGNAL

    @property
    def indexed(self) -> bool:
        """Whether an index finds them; else the table is walked from its new end."""
        waiting = self.state is not None and not self.state.final
        return bool(self.call_id or self.contact_id or waiting)


class Where:
    """Conditions that all hold, and the values of their question marks in order."""

    def __init__(self) -> None:
        self._conditions: list[str] = []
        self.values: list[Value] = []

    def __str__(self) -> str:
        return " AND ".join(self._conditions) or "TRUE"

    def add(self, condition: str, *values: Value) -> None:
        """Add one; it has a question mark for each value."""
        self._conditions.append(condition)
        self.values.extend(values)

    def equal(self, **wanted: str | None) -> None:
        """Ask columns for a value; where none is given anything will do."""
        for column, value in wanted.items():
            if value:
                self.add(f"{column} = ?", str(value))


def where_calls(query: CallQuery) -> Where:
    """The conditions on rows of ``calls``."""
    where = Where()
    where.equal(contact_id=query.contact_id, project=query.project, sip_call_id=query.sip_call_id)
    if query.since is not None:
        where.add("began >= ?", query.since)
    return where


def where_signals(query: SignalQuery) -> Where:
    """The conditions on rows of ``signals``."""
    where = Where()
    if query.call_id:
        _add_of_calls(where, "= ?", query.call_id, query.channel)
    if query.contact_id:
        which = "IN (SELECT call_id FROM calls WHERE contact_id = ?)"
        _add_of_calls(where, which, query.contact_id, query.channel)
    if query.state is not None and not query.state.final:
        where.add(NOT_SETTLED)  # lets the index of the few that wait serve
    where.equal(state=query.state, project=query.project, moment=query.moment, channel=query.channel)
    if query.since is not None:
        where.add("recorded >= ?", query.since)
    return where


def _add_of_calls(where: Where, which: str, value: str, channel: Channel | None) -> None:
    parts = PARTS if channel is None else PARTS[:2] if channel is Channel.SIGNAL else PARTS[2:]
    condition = " OR ".join(f"(call_id {which} AND {part})" for part in parts)
    where.add(f"({condition})", *[value] * len(parts))
