# SPDX-License-Identifier: GPL-3.0-or-later
"""A call in one sentence: who ended it, what was signalled, what NICE said, what went wrong first."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, TypeAlias

from agent.core.reasons import End, Reason
from agent.core.sides import Side
from agent.core.story import GIVEN_BACK, REFERRED
from agent.core.verdict import telling
from agent.core.verdict.first_cause import DIED_LATER, first_cause, no_audio
from agent.core.wording import printable, span

Json: TypeAlias = Mapping[str, Any]

_HOW: Final = {
    Reason.HANDOFF: "the voice agent handed the caller back after {}",
    Reason.SIGNAL_FAILED: "the voice agent kept the caller, whose handoff could not be signalled; "
    "the call ended after {}",
    Reason.COMPLETED: "the voice agent hung up after {}, without a handoff",
    Reason.CALLER_HUNG_UP: "the caller hung up after {}",
    Reason.CANCELLED: "the caller gave up after {}, before an answer",
    Reason.NO_AGENT: "no voice agent answered within {}; the caller got 480",
    Reason.NO_PRACK: "the caller never acknowledged that it rings (PRACK); it got 504 after {}",
    Reason.NO_ACK: "the caller never acknowledged our answer (ACK); given up after {}",
    Reason.SESSION_EXPIRED: "the caller did not refresh the session, which ran out; we hung up after {}",
    Reason.CALLER_LOST: "the caller's side could not be reached any more after {}",
    Reason.AGENT_LOST: "the voice agent could not be reached any more; the call ended after {}",
    Reason.MEDIA_LOST: "the audio was lost; the call ended after {}",
    Reason.TOO_LONG: "the longest call duration was reached after {}",
    Reason.OPERATOR: "an operator ended the call after {}",
    Reason.SHUTDOWN: "the agent was stopped with the call up; it ended after {}",
    Reason.PROCESS_DIED: "the agent's process died with the call up; that was found {} after it began",
}
_BEFORE: Final = {End.HANDOFF.value: Reason.HANDOFF, End.COMPLETED.value: Reason.COMPLETED}
_REASONS: Final = {reason.value: reason for reason in Reason}
_GIVEN_BACK: Final = re.compile(rf"{GIVEN_BACK}(\w+)$")
_TRIED: Final = re.compile(rf"{REFERRED}|{Side.TARGET} +us → INVITE ")
_NOBODY: Final = "no target took the caller"


def verdict(
    call: Json, signals: Sequence[Json], story: Sequence[Json] | None, *, live: bool | None, now: float
) -> str:
    """The sentence.

    Args:
        call: the call's record.
        signals: its signals, as `agent.delivery.listing` has them, in time order.
        story: its time line, if the agent still has it.
        live: whether the call is up; None where nobody could be asked.
        now: seconds since the epoch.
    """
    back = _given_back(story or ())
    parts = [
        _ended(call, signals, live=live, now=now),
        *_signalled(call, signals, live=live, now=now),
        *([back] if back else []),
    ]
    unhappy = (
        call["end"] == "failed"
        or back.startswith(_NOBODY)
        or any(one["state"] in ("refused", "unknown", "expired") for one in signals)
    )
    silence = no_audio(call, story)
    cause = first_cause(call, signals, story, unserved=back.startswith(_NOBODY)) if unhappy else ""
    if silence and call["reason"] == Reason.MEDIA_LOST.value:
        cause, silence = silence, ""  # it never began
    parts += [*([f"first cause: {cause}"] if cause else []), *([silence] if silence else [])]
    text = "; ".join(parts).rstrip(".")
    return printable(f"{text[0].upper()}{text[1:]}.")


def _ended(call: Json, signals: Sequence[Json], *, live: bool | None, now: float) -> str:
    if call["ended"] is None:
        lasted = span(now - call["began"])
        if live:
            return f"the call has been up for {lasted} ({call['state']})"
        whose = "whether it is up the agent alone can say" if live is None else "no running agent has it"
        return f"the call was {call['state']} when it was last recorded; {whose}"
    lasted = span(call["ended"] - call["began"])
    reason = _REASONS.get(call["reason"])
    if reason is None:
        return f"the call ended after {lasted} ({call['reason'] or 'no reason is recorded'})"
    before = next((one for one in signals if one["moment"] == call["end"]), None)
    if reason is Reason.PROCESS_DIED and before is not None and call["end"] in _BEFORE:
        how = _HOW[_BEFORE[call["end"]]].format(span(before["recorded"] - call["began"]))
        died = f"{DIED_LATER[0].lower()}{DIED_LATER[1:]}"
        return f"{how}; then {died}, which was found {lasted} after the call began"
    return _HOW.get(reason, f"{reason.text[0].lower()}{reason.text[1:]}, after {{}}").format(lasted)


def _signalled(call: Json, signals: Sequence[Json], *, live: bool | None, now: float) -> Iterator[str]:
    terminal = [one for one in signals if one["moment"] != "arrival"]
    if terminal:
        yield telling.verdict(terminal[-1], now)
    elif not live and call["ended"] is not None:
        why = ", as none is due when the caller hangs up" if call["end"] == "caller" else ""
        yield f"no terminal signal was recorded{why}"
    arrival = [one for one in signals if one["moment"] == "arrival"]
    if arrival and (arrival[0]["state"] != "accepted" or not terminal):
        yield telling.verdict(arrival[0], now)


def _given_back(story: Sequence[Json]) -> str:
    """How the caller went back, as far as that is known."""
    back = [found[1] for entry in story if (found := _GIVEN_BACK.match(entry["text"]))]
    if not back:
        return ""
    tried = any(_TRIED.match(entry["text"]) for entry in story)
    if tried and back[-1] == "release":
        return f"{_NOBODY}, who was given back by release"
    return f"the caller was given back by {back[-1]}"
