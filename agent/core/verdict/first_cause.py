# SPDX-License-Identifier: GPL-3.0-or-later
"""What went wrong first in a call: of what ended it or left its caller, then of its signals. Pure.

NICE is named only where a signal is what went wrong: a call that failed did so by a peer, a timer or us,
however NICE did meanwhile.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, TypeAlias

from agent.core.actions import Timer
from agent.core.reasons import End, Reason
from agent.core.sides import Side
from agent.core.story import LOST, NO_ANSWER, NO_RTP, REFERRED, REFUSED, TIMER
from agent.core.verdict import telling

Json: TypeAlias = Mapping[str, Any]

_REASONS: Final = {reason.value: reason for reason in Reason}
# Nothing that went before explains these.
_OF_THEMSELVES: Final = (Reason.PROCESS_DIED, Reason.SHUTDOWN, Reason.OPERATOR, Reason.TOO_LONG)
DIED_LATER: Final = "The agent's process died before the call was over"
"""In place of the reason's text where the call's terminal moment came before its process died."""
# What a story's line looks like when it tells of trouble (agent.core.story, agent.telemetry.stories).
_SIP_ERROR: Final = re.compile(r"\w+\s+→ us SIP/2\.0 (?P<said>[4-6]\d\d [^\[]*)\[")
_TROUBLE: Final = re.compile(rf"^({REFUSED}|{TIMER}.* ran out|{NO_RTP}|{LOST}|{NO_ANSWER}|sip:.*: )")
_TRIED: Final = re.compile(rf"{REFERRED}|{Side.TARGET} +us → INVITE ")
_CHALLENGES: Final = ("401", "407", "487")
# Timers that say nothing of the peers of a call; then what the others mean.
_NO_TROUBLE: Final = tuple(
    f"{TIMER}{timer} ran out" for timer in (Timer.DEADLINE, Timer.PROMPT, Timer.REPEAT, Timer.WAIT_FOR_BYE)
)
_SILENCE: Final = {
    f"{TIMER}{Timer.RECORD} ran out": "the call could not be recorded in time: the storage is slow or away",
    f"{TIMER}{Timer.RESPONSE} ran out": "the target said nothing at all to our INVITE",
    f"{TIMER}{Timer.TRYING} ran out": "the target said 100 and then nothing more",
    f"{TIMER}{Timer.RING} ran out": "no target answered in time",
    f"{TIMER}{Timer.TRANSFER} ran out": "nothing more was heard of the transfer",
}
_PACKETS: Final = re.compile(r"(?P<side>caller|agent): (?P<into>\d+) RTP packets in, .*?(?P<out>\d+) out,")
_ELSEWHERE: Final = "from elsewhere dropped"
_LONG_ENOUGH_SECONDS: Final = 2.0


def first_cause(call: Json, signals: Sequence[Json], story: Sequence[Json] | None, *, unserved: bool) -> str:
    """The earliest thing that went wrong, of the kind that matters; empty where nothing is known.

    Args:
        call: the call's record.
        signals: its signals, as `agent.delivery.listing` has them.
        story: its time line, if the agent still has it.
        unserved: whether no target took a caller who was handed back.
    """
    reason, entries = _REASONS.get(call["reason"]), story or ()
    if reason in _OF_THEMSELVES and not any(one["state"] == "refused" for one in signals):
        later = reason is Reason.PROCESS_DIED and call["end"] != End.FAILED.value
        return DIED_LATER if later else reason.text
    of_signals = sorted(_in_signals(signals))
    failed = call["end"] == End.FAILED.value and reason is not Reason.SIGNAL_FAILED
    if failed or unserved:
        if unserved:
            tried = next((at for at, one in enumerate(entries) if _TRIED.match(one["text"])), 0)
            entries = entries[tried:]
        found = sorted(_in_story(entries))
        if found:
            return found[0][1]
        if failed and reason is not None:
            return reason.text
    if of_signals:
        return of_signals[0][1]
    return reason.text if failed and reason is not None else ""


def no_audio(call: Json, story: Sequence[Json] | None) -> str:
    """Which legs of an answered call brought no RTP at all, and what that is likely to be; else empty.

    A call that lasted less than 2 s, or a leg that is still up, tells nothing.
    """
    if call["answered"] is None or call["ended"] is None:
        return ""
    if call["ended"] - call["answered"] < _LONG_ENOUGH_SECONDS:
        return ""
    into: Counter[str] = Counter()
    elsewhere = set()
    for entry in story or ():
        if entry["kind"] == "audio" and (found := _PACKETS.match(entry["text"])):
            into[found["side"]] += int(found["into"])
            if _ELSEWHERE in entry["text"]:
                elsewhere.add(found["side"])
    mute = [side for side in sorted(into, reverse=True) if into[side] == 0]
    if not mute:
        return ""
    whom = "either side (0 packets on both legs)" if len(mute) > 1 else f"the {mute[0]} side (0 packets)"
    if elsewhere & set(mute):
        return (
            f"no RTP came from {whom}, but some from another address than the SDP names: nat or media.latch"
        )
    where = (
        "a firewall before media.ports, or sip.public_address is not the address by which peers reach us"
        if len(mute) > 1
        else "a firewall or NAT on that side's way to us, or that side sends none"
    )
    return f"no RTP came from {whom}: {where}"


def _in_story(story: Sequence[Json]) -> Iterator[tuple[float, str]]:
    for entry in story:
        text: str = entry["text"]
        if entry["kind"] == "sip":
            said = _SIP_ERROR.match(text)
            if said is not None and not said["said"].startswith(_CHALLENGES):
                yield entry["when"], f"the {text.split(maxsplit=1)[0]} side answered {said['said'].strip()}"
        elif entry["kind"] in ("decision", "audio") and _TROUBLE.match(text) and text not in _NO_TROUBLE:
            yield entry["when"], _SILENCE.get(text, text)


def _in_signals(signals: Sequence[Json]) -> Iterator[tuple[float, str]]:
    """What was said to those that NICE does not have in the end."""
    for signal in signals:
        if signal["state"] == "accepted":
            continue
        for attempt in telling.tries(signal):
            if attempt["outcome"] != "accepted":
                yield (
                    attempt["ended"],
                    f"CXone, to the {signal['moment']} signal: {telling.nice_said(attempt)}",
                )
