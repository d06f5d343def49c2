# SPDX-License-Identifier: GPL-3.0-or-later
"""The few facts that a rehearsal is judged by: from packets, ledger, record and what the parties told."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from agent.core.records import Way
from agent.simulators.evidence import VOICE_AGENT, Evidence, Json
from agent.simulators.story import Story
from agent.simulators.voices import Part
from agent.simulators.wire import Dialog, Said

_FRAGMENT: Final = re.compile(r"SIP/2\.0 (\d{3})")
_P1: Final = {"arrival": "Connected", "handoff": "CUSTOMER_CARE"}
"""How the example project's signals are told apart."""
_FAILURE: Final = 300


@dataclass(frozen=True, slots=True)
class Taken:
    """A signal that NICE got: when, in seconds since the epoch, and what it answered (0: nothing)."""

    when: float
    status: int


@dataclass(frozen=True, slots=True)
class Facts:
    """What happened. Times are seconds since the epoch; None: it did not happen.

    Attributes:
        scenario_kept: SIPp's dialog went as its scenario says.
        arrivals: arrival signals that NICE got.
        handoffs: handoff signals that NICE got.
        other_signals: how many more it got for this contact.
        arrival_begun: when the agent began to deliver the arrival signal.
        answered: our 200 to the caller.
        asked: when the voice agent asked.
        ask_taken: the answer to it: HTTP status, or that of the REFER, INFO or BYE.
        keeps_told: when the voice agent learnt, the way it asked, that it keeps the caller.
        agent_left: the first BYE on the voice agent's leg.
        given_back: the first sign of it on the wire: REFER, INVITE to the queue, or BYE of the caller's leg.
        refer_to: where the REFER names, ``""`` without one.
        refer_answer: the final response to the REFER; 0 without one.
        refer_outcome: the last status that a NOTIFY told; 0 without one.
        contact_told: whether the REFER, or the INVITE to the queue, carries the contact id.
        queue_dialled: when the queue was dialled.
        queue_heard: how long the queue heard sound of the caller, in seconds.
        agent_heard: how long the voice agent did.
        caller_left: the first BYE on the caller's leg.
        heard: whom the caller heard, and when.
        spoke_until: when the caller heard the voice agent last before NICE got the handoff signal.
        lost: RTP packets that did not come, on the legs that are counted.
        longest_gap: the longest time without RTP to the caller, in seconds, from its ACK to the first BYE.
        longest_pause: the longest time in which the voice agent, or the queue, left out packets itself.
        end: how the record says it ended.
        reason: and why.
    """

    scenario_kept: bool = True
    arrivals: Sequence[Taken] = ()
    handoffs: Sequence[Taken] = ()
    other_signals: int = 0
    arrival_begun: float | None = None
    answered: float | None = None
    asked: float | None = None
    ask_taken: int = 0
    keeps_told: float | None = None
    agent_left: float | None = None
    given_back: float | None = None
    refer_to: str = ""
    refer_answer: int = 0
    refer_outcome: int = 0
    contact_told: bool = False
    queue_dialled: float | None = None
    queue_heard: float = 0.0
    agent_heard: float = 0.0
    caller_left: float | None = None
    heard: Mapping[str, Part] = field(default_factory=dict)
    spoke_until: float | None = None
    lost: int = 0
    longest_gap: float | None = None
    longest_pause: float = 0.0
    end: str = ""
    reason: str = ""


def facts_of(evidence: Evidence) -> Facts:
    """Read them."""
    caller, agent, queue = evidence.wire.caller, evidence.agent_dialog, evidence.queue_dialog
    refer = caller.first("REFER", from_opener=False) if caller else None
    invite = queue.first("INVITE") if queue else None
    left = caller.first("BYE") if caller else None
    acknowledged = caller.first("ACK") if caller else None
    signs = [one.when for one in (refer, invite, left) if one is not None]
    signals = {moment: _taken(evidence, moment) for moment in ("arrival", "handoff")}
    agent_over, queue_over = _last(evidence.voice_agent, "over"), _last(evidence.queue, "over")
    asked, answer = _asking(evidence, agent)
    return Facts(
        scenario_kept=evidence.exit_code == 0,
        arrivals=signals["arrival"],
        handoffs=signals["handoff"],
        other_signals=len(evidence.signals) - sum(map(len, signals.values())),
        arrival_begun=Story.of(evidence.story).first("arrival begun"),
        answered=_when(caller.answer("INVITE")) if caller else None,
        asked=asked,
        ask_taken=answer,
        keeps_told=_keeps_told(evidence, agent),
        agent_left=_when(agent.first("BYE")) if agent else None,
        given_back=min(signs, default=None),
        refer_to=refer.message.first("refer-to").strip("<>") if refer else "",
        refer_answer=_status(caller.answer("REFER")) if caller else 0,
        refer_outcome=_outcome_of_refer(caller),
        contact_told=any(_carries(one, evidence.contact_id) for one in (refer, invite)),
        queue_dialled=_when(invite),
        queue_heard=_audible(queue_over),
        agent_heard=_audible(agent_over),
        caller_left=_when(left),
        heard=evidence.heard,
        spoke_until=_spoke_until(evidence, signals["handoff"]),
        lost=evidence.wire.ear.lost + sum(over["rtp"]["lost"] for over in (agent_over, queue_over) if over),
        longest_gap=evidence.wire.ear.longest_gap(acknowledged.when, left.when)
        if acknowledged and left
        else None,
        longest_pause=evidence.wire.longest_pause(),
        end=evidence.record["end"],
        reason=evidence.record["reason"],
    )


def _taken(evidence: Evidence, moment: str) -> list[Taken]:
    return [
        Taken(one["received"], one["status"] or 0)
        for one in evidence.signals
        if one["parameters"].get("p1", "") == _P1[moment]
    ]


def _spoke_until(evidence: Evidence, handoffs: Sequence[Taken]) -> float | None:
    if not handoffs:
        return None
    spoke = evidence.heard_until(handoffs[0].when).get(VOICE_AGENT)
    return spoke.last if spoke else None


def _asking(evidence: Evidence, agent: Dialog | None) -> tuple[float | None, int]:
    """When the voice agent asked, and what was answered."""
    way = evidence.shown.ask
    if way is Way.HTTP:
        asked, answer = _last(evidence.voice_agent, "asked"), _last(evidence.voice_agent, "handed_off")
        return (asked["when"] if asked else None), (answer["status"] if answer else 0)
    if agent is None:
        return None, 0
    method = way.value.upper()
    return _when(agent.first(method, from_opener=False)), _status(agent.answer(method))


def _keeps_told(evidence: Evidence, agent: Dialog | None) -> float | None:
    match evidence.shown.ask:
        case Way.HTTP:
            answer = _last(evidence.voice_agent, "handed_off")
            return answer["when"] if answer and answer["answer"].get("caller") == "kept" else None
        case Way.REFER if agent is not None:
            notified = (one for one in agent.requests("NOTIFY") if _fragment(one) >= _FAILURE)
            return _when(next(notified, None))
        case Way.INFO if agent is not None:
            informed = (
                one for one in agent.requests("INFO") if one.source == agent.opener and _says_kept(one)
            )
            return _when(next(informed, None))
    return None


def _says_kept(said: Said) -> bool:
    try:
        told: Any = json.loads(said.message.body)
    except ValueError:
        return False
    return isinstance(told, dict) and told.get("caller") == "kept"


def _outcome_of_refer(caller: Dialog | None) -> int:
    """What the contact centre told last about our REFER."""
    told = [one for one in caller.requests("NOTIFY") if one.source == caller.opener] if caller else []
    return _fragment(told[-1]) if told else 0


def _fragment(said: Said) -> int:
    """The status in a NOTIFY's message/sipfrag (RFC 3420)."""
    found = _FRAGMENT.match(said.message.body)
    return int(found[1]) if found else 0


def _carries(said: Said | None, contact_id: str) -> bool:
    return said is not None and any(value == contact_id for _, value in said.message.headers)


def _when(said: Said | None) -> float | None:
    return said.when if said is not None else None


def _status(said: Said | None) -> int:
    return said.status if said is not None else 0


def _last(told: Sequence[Json], event: str) -> Json | None:
    return next((one for one in reversed(told) if one["event"] == event), None)


def _audible(over: Json | None) -> float:
    return float(over["heard"].get("audible_seconds", 0.0)) if over else 0.0
