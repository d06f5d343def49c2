# SPDX-License-Identifier: GPL-3.0-or-later
"""Steps of a call whose story no node remembers: what its record and its handoff say."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from agent.core.ladder.drawing import AGENT, CALLER, US, Column, Step
from agent.core.ladder.story import note
from agent.core.reasons import End
from agent.core.records import Handoff

RECORD: Final = "record"
_BY: Final = {End.CALLER.value: CALLER, End.COMPLETED.value: AGENT}


def columns(call: Mapping[str, Any]) -> dict[str, Column]:
    """Who took part, as far as the record tells."""
    found = [Column(CALLER, "Caller")]
    if call.get("answered") is not None:
        found.append(Column(AGENT, "Voice agent"))
    return {column.key: column for column in found}


def steps(call: Mapping[str, Any]) -> Iterator[Step]:
    """What the record says of a call: when it came, was answered, ended."""
    if "began" not in call:
        return
    came = f"INVITE for {call['number'] or 'no number'} of carrier {call['carrier'] or 'unknown'}"
    yield Step(call["began"], RECORD, "INVITE", came, CALLER, US)
    if (answered := call["answered"]) is not None:
        yield Step(answered, RECORD, "200 (INVITE)", "the voice agent answered", AGENT, US, reply=True)
        yield Step(answered, RECORD, "200 (INVITE)", "and so did we", US, CALLER, reply=True)
    if (ended := call["ended"]) is not None:
        over = f"over: {call['end']}, {call['reason']}"
        failed = call["end"] == End.FAILED.value
        by = _BY.get(call["end"], US)
        if by == AGENT and answered is None:  # its answer was not recorded: there is no column of it
            by = US
        yield Step(ended, RECORD, over, over, by, US, failed=failed)


def asked(handoff: Handoff) -> Step:
    """The voice agent asks for a handoff; what it said of the caller is not told here."""
    said = ", ".join(
        f"{name} {value}"
        for name, value in (
            ("destination", handoff.destination),
            ("skill", handoff.skill),
            ("shared id", handoff.shared_id),
            ("target", handoff.target),
        )
        if value
    )
    text = (
        f"the voice agent asked for a handoff by {handoff.way.value.upper()} ({said or 'nothing else said'})"
    )
    return note(handoff.asked, "decision", text)
