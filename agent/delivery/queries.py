# SPDX-License-Identifier: GPL-3.0-or-later
"""What a store may be asked to list, and the conditions that follow, in SQL that both databases understand.

Those on entries of the outbox are spelled so that the partial indices serve; one index over all entries would
cost every write.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from agent.core.moments import Moment, SignalState
from agent.core.records import Channel, Place
from agent.core.words import Word
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


LAST_DIGITS: Final = "substr(number, length(number) - 3)"
"""What the index of numbers holds, as both databases write it: the last four characters."""
_USUAL: Final = ("completed", "handoff", "caller_hung_up")
LEAST_DIGITS: Final = 4
"""Of the end of a number, to be looked for; what is shorter is a whole number."""
_LONGEST_ID: Final = 256


class Standing(Word):
    """Whether a call is up."""

    LIVE = "live"
    OVER = "over"


@dataclass(frozen=True, slots=True)
class CallQuery:
    """Calls to which all that is given applies, the newest first: by when they began, then by their id.

    Attributes:
        contact_id: of this contact.
        project: of this project.
        sip_call_id: whose caller's leg has this Call-ID.
        since: that began then or later, in seconds since the epoch.
        limit: at most so many.
        until: that began before that.
        any_id: whose call id, contact id, master contact id or SIP Call-ID it is.
        call_id: this one.
        master_id: of this master contact.
        number: whose number is this one, or ends in it where it has four digits or more.
        carrier: of this carrier.
        end: that ended so, a value of `End`.
        reason: that ended for this reason, a value of `Reason`.
        standing: that are up, or that are over.
        before: the place in the list after which to go on: what the last call of a page has for `place`.
    """

    contact_id: str = ""
    project: str = ""
    sip_call_id: str = ""
    since: float | None = None
    limit: int = 100
    until: float | None = None
    any_id: str = ""
    call_id: str = ""
    master_id: str = ""
    number: str = ""
    carrier: str = ""
    end: str = ""
    reason: str = ""
    standing: Standing | None = None
    before: Place | None = None


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


# Most contacts are their own master: the index of masters holds the others, and that of contacts finds these.
_OF_MASTER: Final = (
    "SELECT call_id FROM calls WHERE contact_id = ? AND master_id = contact_id",
    "SELECT call_id FROM calls WHERE master_id = ? AND master_id <> contact_id AND master_id <> ''",
)
_UP: Final = "call_id IN (SELECT call_id FROM calls WHERE ended IS NULL)"  # they are few, and have an index
_UNUSUAL: Final = "reason NOT IN ('', 'completed', 'handoff', 'caller_hung_up')"
_OF_ANY_ID: Final = (
    "SELECT call_id FROM calls WHERE call_id = ?",
    "SELECT call_id FROM calls WHERE sip_call_id = ?",
    "SELECT call_id FROM calls WHERE contact_id = ?",
    _OF_MASTER[1],
)


def where_calls(query: CallQuery) -> Where:
    """The conditions on rows of ``calls``."""
    where = Where()
    where.equal(
        call_id=query.call_id,
        contact_id=query.contact_id,
        project=query.project,
        sip_call_id=query.sip_call_id,
        carrier=query.carrier,
    )
    _add_end(where, query)
    if query.any_id:
        where.add(f"call_id IN ({' UNION ALL '.join(_OF_ANY_ID)})", *[query.any_id] * len(_OF_ANY_ID))
    if query.master_id:
        where.add(f"call_id IN ({' UNION ALL '.join(_OF_MASTER)})", *[query.master_id] * len(_OF_MASTER))
    if query.number:
        _add_number(where, query.number)
    if query.standing is not None:
        where.add(_UP if query.standing is Standing.LIVE else "ended IS NOT NULL")
    if query.since is not None:
        where.add("began >= ?", query.since)
    if query.until is not None:
        where.add("began < ?", query.until)
    if query.before is not None:
        began, call_id = query.before
        where.add("began <= ?", began)
        where.add("NOT (began = ? AND call_id >= ?)", began, call_id)
    return where


def _add_end(where: Where, query: CallQuery) -> None:
    if query.end:
        where.add('"end" = ?', query.end)
    if query.reason:
        where.add("reason = ?", query.reason)
        if query.reason not in _USUAL:
            where.add(_UNUSUAL)


def _add_number(where: Where, number: str) -> None:
    if len(number) < LEAST_DIGITS:
        where.add("number = ?", number)
        return
    where.add(f"{LAST_DIGITS} = ?", number[-LEAST_DIGITS:])
    if len(number) > LEAST_DIGITS:
        where.add(f"substr(number, length(number) - {len(number) - 1:d}) = ?", number)


_EQUAL: Final = (
    "call_id",
    "contact_id",
    "master_id",
    "sip_call_id",
    "project",
    "carrier",
    "end",
    "reason",
)
_IDS: Final = ("call_id", "contact_id", "master_id", "sip_call_id")


def meant(call: Mapping[str, Any], query: CallQuery) -> bool:
    """Whether a call, as `CallRecord.shown`, is one that a query is for: what `where_calls` says in SQL."""
    standing = query.standing
    return (
        all(getattr(query, name) in ("", call[name]) for name in _EQUAL)
        and (not query.any_id or query.any_id in [call[name] for name in _IDS])
        and _of_number(call["number"], query.number)
        and (standing is None or (call["ended"] is None) is (standing is Standing.LIVE))
        and (query.since is None or call["began"] >= query.since)
        and (query.until is None or call["began"] < query.until)
        and (query.before is None or (call["began"], call["call_id"]) < query.before)
    )


def _of_number(number: str, wanted: str) -> bool:
    return number == wanted if 0 < len(wanted) < LEAST_DIGITS else number.endswith(wanted)


def cursor(place: Place) -> str:
    """A place in a list in one word, for the one who asks for the next page."""
    began, call_id = place
    return f"{began!r}_{call_id}"


def place_of(text: str) -> Place:
    """The place that a `cursor` says.

    Raises:
        ValueError: it is none.
    """
    began, _, call_id = text.partition("_")
    try:
        seconds = float(began)
    except ValueError:
        seconds = math.nan
    if (
        not math.isfinite(seconds)
        or not call_id
        or not (call_id.isprintable() and len(call_id) <= _LONGEST_ID)
    ):
        raise ValueError("page is none that a list gave as next: leave it out to begin with the newest")
    return seconds, call_id


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
