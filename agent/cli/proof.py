# SPDX-License-Identifier: GPL-3.0-or-later
"""The verdict on a rehearsed handoff: what must have happened, each line held against the facts. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final, TypeAlias

from agent.core.reasons import Reason
from agent.core.records import Way
from agent.simulators.combination import Combination
from agent.simulators.evidence import COMFORT, QUEUE, VOICE_AGENT
from agent.simulators.facts import Facts, Taken
from agent.simulators.voices import Part

Line: TypeAlias = tuple[str, bool]
"""What must have happened, and whether it did."""

GAP_SECONDS: Final = 0.06
"""The longest that the caller may be without a packet."""

_SPEECH_SECONDS: Final = 1.0
_BEEP_SECONDS: Final = 0.1
_SILENCE_SECONDS: Final = 0.3
_ACCEPTED: Final = 202
_DECLINED: Final = 603
_OK: Final = range(200, 300)
_ASKS: Final = {
    Way.HTTP: "over the handoff API",
    Way.REFER: "by REFER",
    Way.INFO: "by INFO",
    Way.BYE: "by BYE with headers",
}


def lines(shown: Combination, facts: Facts, comfort_audio: str = "tone") -> Iterator[Line]:
    """What must have happened, in time order.

    Args:
        shown: the handoff that was to be shown.
        facts: what happened.
        comfort_audio: the project's; of ``silence`` nothing is to be heard.
    """
    yield "SIPp's dialog went as its scenario says", facts.scenario_kept
    yield from _arrival(facts)
    yield from _handoff(shown, facts)
    if shown.kept:
        yield from _kept(shown, facts)
    else:
        yield from _order(shown, facts)
        yield from _back(shown, facts)
    yield from _audio(shown, facts, comfort_audio)
    if shown.kept:
        yield (
            "the record says handoff, and that its signal failed",
            (facts.end, facts.reason)
            == (
                "handoff",
                Reason.SIGNAL_FAILED.value,
            ),
        )
    else:
        yield "the record says handoff", facts.end == "handoff"


def _arrival(facts: Facts) -> Iterator[Line]:
    yield "NICE accepted the arrival signal, and got it once", _once(facts.arrivals, accepted=True)
    yield "its delivery began before the audio", _before(facts.arrival_begun, facts.answered)


def _handoff(shown: Combination, facts: Facts) -> Iterator[Line]:
    taken = facts.asked is not None and facts.ask_taken in _OK
    yield f"the voice agent asked {_ASKS[shown.ask]}, and was answered {facts.ask_taken or 'nothing'}", taken
    if shown.on_signal_failure is None:
        yield "NICE accepted the handoff signal, and got it once", _once(facts.handoffs, accepted=True)
    else:
        yield "NICE refused the handoff signal, and got it once", _once(facts.handoffs, accepted=False)
    yield "no other signal was sent", facts.other_signals == 0
    if shown.finish_prompt:
        yield (
            "the voice agent went on speaking after it had asked",
            _before(facts.asked, facts.spoke_until, by=_SPEECH_SECONDS),
        )
        yield (
            "delivery of the signal began only when it had fallen silent",
            _before(facts.spoke_until, _told(facts), by=_SILENCE_SECONDS),
        )


def _order(shown: Combination, facts: Facts) -> Iterator[Line]:
    told = _told(facts)
    if shown.ask is Way.BYE:
        yield (
            "delivery of the signal began after the voice agent had hung up",
            _before(facts.agent_left, told),
        )
    else:
        yield (
            "delivery of the signal began before the voice agent was released",
            _before(told, facts.agent_left),
        )
    yield "delivery of the signal began before the caller was given back", _before(told, facts.given_back)


def _back(shown: Combination, facts: Facts) -> Iterator[Line]:
    if shown.refers:
        yield f"the caller was sent to {facts.refer_to or 'nowhere'} by REFER", bool(facts.refer_to)
        yield "the REFER carries the contact id", facts.contact_told
        if shown.refer_refused:
            yield "the contact centre declined the REFER (603)", facts.refer_answer == _DECLINED
        else:
            yield "the contact centre accepted the REFER (202)", facts.refer_answer == _ACCEPTED
            yield "it reported that the caller is there (NOTIFY 200)", facts.refer_outcome in _OK
    if shown.bridges:
        yield (
            "the human queue was dialled once the voice agent had left",
            _before(facts.agent_left, facts.queue_dialled),
        )
        yield "its INVITE carries the contact id", facts.contact_told
        yield "the human queue heard the caller speak", facts.queue_heard > _SPEECH_SECONDS
    else:
        yield "nobody else was dialled", facts.queue_dialled is None


def _kept(shown: Combination, facts: Facts) -> Iterator[Line]:
    spoke = facts.heard.get(VOICE_AGENT)
    told = facts.keeps_told
    way = {Way.HTTP: "the API's answer", Way.REFER: "NOTIFY", Way.INFO: "INFO"}.get(shown.ask, "")
    yield f"the voice agent was told by {way} that it keeps the caller", _before(_told(facts), told)
    yield (
        "the caller heard the voice agent again after that",
        spoke is not None and _before(told, spoke.last, by=_SPEECH_SECONDS),
    )
    yield (
        "the caller stayed with the voice agent to the end",
        _before(told, facts.caller_left) and not (facts.refer_to or facts.queue_dialled),
    )


def _audio(shown: Combination, facts: Facts, comfort_audio: str) -> Iterator[Line]:
    yield "the voice agent heard the caller speak", facts.agent_heard > _SPEECH_SECONDS
    voice = facts.heard.get(VOICE_AGENT)
    yield "the caller heard the voice agent", _long(voice, _SPEECH_SECONDS)
    if not shown.kept and comfort_audio != "silence":
        comfort = facts.heard.get(COMFORT)
        yield "then comfort audio", _long(comfort, _BEEP_SECONDS) and _after(comfort, voice)
        voice = comfort
    if shown.bridges:
        human = facts.heard.get(QUEUE)
        yield "then the human queue", _long(human, _SPEECH_SECONDS) and _after(human, voice)
    gap, pause = facts.longest_gap, facts.longest_pause
    short = gap is not None and gap <= GAP_SECONDS
    told = f"the caller was never without audio: the longest gap was {_milliseconds(gap)}"
    if gap is not None and not short and pause > gap / 2:  # relayed, it is the far end's
        told += f"; a far end itself sent nothing for {_milliseconds(pause)}"
    yield told, short
    yield "no RTP packet was lost", facts.lost == 0


def _told(facts: Facts) -> float | None:
    """When NICE got the handoff signal: its delivery began before that."""
    return facts.handoffs[0].when if facts.handoffs else None


def _once(signals: Sequence[Taken], *, accepted: bool) -> bool:
    return len(signals) == 1 and (signals[0].status in _OK) is accepted


def _before(first: float | None, then: float | None, *, by: float = 0.0) -> bool:
    return first is not None and then is not None and first + by < then


def _long(part: Part | None, seconds: float) -> bool:
    return part is not None and part.seconds > seconds


def _after(part: Part | None, earlier: Part | None) -> bool:
    """Whether a voice began only when the earlier one had ended."""
    return part is not None and earlier is not None and earlier.last < part.first


def _milliseconds(gap: float | None) -> str:
    return f"{gap * 1000:.0f} ms" if gap is not None else "not measured"
