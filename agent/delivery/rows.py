# SPDX-License-Identifier: GPL-3.0-or-later
"""Records to rows and back; the order of columns stands here and nowhere else."""

from __future__ import annotations

import json
from typing import Any, Final, TypeAlias, cast

from agent.core.frozen import FrozenDict
from agent.core.moments import Moment, SignalState
from agent.core.records import Attempt, CallRecord, Channel, Handoff, Signal, Way

Value: TypeAlias = str | int | float | None
Row: TypeAlias = tuple[Value, ...]

CALL_COLUMNS: Final = (
    *("call_id", "node", "carrier", "account", "project", "number", "contact_id", "master_id"),
    *("sip_call_id", "state", "began", "answered", "ended", '"end"', "reason"),
)
SIGNAL_COLUMNS: Final = (
    *("signal_id", "call_id", "account", "project", "contact_id", "moment", "parameters"),
    *("recorded", "expires", "state", "channel"),
)
HANDOFF_COLUMNS: Final = (
    *("handoff_id", "call_id", "account", "project", "contact_id", "asked", "destination", "skill"),
    *("reason", "parameters", "data", "shared_id", "way", "target"),
)


def call_values(call: CallRecord) -> Row:
    """The values of CALL_COLUMNS."""
    return (
        *(call.call_id, call.node, call.carrier, call.account, call.project, call.number, call.contact_id),
        *(call.master_id, call.sip_call_id, call.state, call.began, call.answered, call.ended),
        *(call.end, call.reason),
    )


def call_of(row: Row) -> CallRecord:
    """The record of a row of CALL_COLUMNS."""
    return CallRecord(*cast("Any", row))


def signal_values(signal: Signal) -> Row:
    """The values of SIGNAL_COLUMNS."""
    return (
        *(signal.signal_id, signal.call_id, signal.account, signal.project, signal.contact_id),
        *(signal.moment.value, json.dumps(dict(signal.parameters)), signal.recorded, signal.expires),
        *(signal.state.value, signal.channel.value),
    )


def signal_of(row: Row) -> Signal:
    """The record of a row of SIGNAL_COLUMNS and its attempts as a JSON array of arrays."""
    (
        signal_id,
        call_id,
        account,
        project,
        contact_id,
        moment,
        parameters,
        recorded,
        expires,
        state,
        channel,
        attempts,
    ) = cast("tuple[Any, ...]", row)
    return Signal(
        signal_id,
        call_id,
        account,
        project,
        contact_id,
        Moment(moment),
        FrozenDict(json.loads(parameters)),
        recorded,
        expires,
        SignalState(state),
        tuple(Attempt(*attempt) for attempt in json.loads(attempts)),
        Channel(channel),
    )


def handoff_values(handoff: Handoff) -> Row:
    """The values of HANDOFF_COLUMNS. JSON is kept in ASCII: it may hold what is no valid Unicode."""
    return (
        *(handoff.handoff_id, handoff.call_id, handoff.account, handoff.project, handoff.contact_id),
        *(handoff.asked, handoff.destination, handoff.skill, handoff.reason),
        *(json.dumps(dict(handoff.parameters)), json.dumps(dict(handoff.data)), handoff.shared_id),
        *(handoff.way.value, handoff.target),
    )


def handoff_of(row: Row) -> Handoff:
    """The record of a row of HANDOFF_COLUMNS."""
    values: list[Any] = list(row)
    for column in ("parameters", "data"):
        index = HANDOFF_COLUMNS.index(column)
        values[index] = FrozenDict(json.loads(values[index]))
    way = HANDOFF_COLUMNS.index("way")
    values[way] = Way(values[way])
    return Handoff(*values)
