# SPDX-License-Identifier: GPL-3.0-or-later
"""The verdict of a demo: all lines hold where all went well, and each falls with the fact under it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, cast

import pytest

from agent.cli.proof import lines
from agent.core.methods import Method, OnFailure
from agent.core.records import Way
from agent.simulators.combination import Combination
from agent.simulators.facts import Facts, Taken
from agent.simulators.voices import Part

PLAIN = Combination()
BY_BYE = Combination(ask=Way.BYE)
BRIDGE = Combination(back=Method.BRIDGE)
REFER = Combination(ask=Way.INFO, back=Method.REFER)
REFUSED = replace(REFER, refer_refused=True)
FINISH = Combination(ask=Way.REFER, finish_prompt=True)
KEPT = Combination(ask=Way.INFO, on_signal_failure=OnFailure.KEEP)
FAILED = Combination(back=Method.BRIDGE, on_signal_failure=OnFailure.RELEASE)

VOICE, COMFORT = Part(100.0, 105.0, 4.0), Part(105.2, 105.4, 0.24)


def went_well(shown: Combination) -> Facts:
    """What a handoff of this kind looks like when all is right: answered at 100, asked at 105."""
    facts = Facts(
        arrivals=[Taken(99.9, 202)],
        handoffs=[Taken(105.1, 202)],
        arrival_begun=99.8,
        answered=100.0,
        asked=105.0,
        ask_taken=202,
        agent_left=105.15,
        given_back=108.0,
        agent_heard=4.0,
        caller_left=108.0,
        heard={"voice agent": VOICE, "comfort": COMFORT},
        longest_gap=0.02,
        end="handoff",
        reason="handoff",
    )
    if shown.ask is Way.BYE:
        facts = replace(facts, agent_left=105.0, ask_taken=200)
    if shown.ask is Way.INFO:
        facts = replace(facts, ask_taken=200)
    if shown.on_signal_failure:
        facts = replace(facts, handoffs=[Taken(105.1, 400)])
    if shown.finish_prompt:
        facts = replace(facts, spoke_until=107.0, handoffs=[Taken(107.6, 202)], agent_left=107.7)
        facts = replace(
            facts, heard={"voice agent": Part(100.0, 107.0, 6.0), "comfort": Part(107.8, 108.0, 0.24)}
        )
    if shown.refers:
        outcome = 0 if shown.refer_refused else 200
        facts = replace(facts, refer_to="sip:queue@h", refer_answer=603 if shown.refer_refused else 202)
        facts = replace(facts, refer_outcome=outcome, contact_told=True, given_back=105.2)
    if shown.bridges:
        facts = replace(facts, queue_dialled=105.2, given_back=105.2, contact_told=True, queue_heard=3.0)
        facts = replace(facts, heard={**facts.heard, "human queue": Part(106.0, 111.0, 4.0)})
    if shown.kept:
        facts = replace(facts, keeps_told=105.2, agent_left=108.0, reason="signal_failed")
        facts = replace(facts, heard={"voice agent": Part(100.0, 107.9, 7.0)})
    return facts


def fallen(shown: Combination, **changed: object) -> list[str]:
    """The lines that do not hold when these facts are others."""
    return [
        text for text, holds in lines(shown, replace(went_well(shown), **cast("Any", changed))) if not holds
    ]


@pytest.mark.parametrize("shown", [PLAIN, BY_BYE, BRIDGE, REFER, REFUSED, FINISH, KEPT, FAILED], ids=repr)
def test_all_holds_where_all_went_well(shown: Combination) -> None:
    assert fallen(shown) == []


@pytest.mark.parametrize(
    ("shown", "changed", "line"),
    [
        (PLAIN, {"scenario_kept": False}, "SIPp's dialog"),
        (PLAIN, {"arrivals": []}, "NICE accepted the arrival signal"),
        (PLAIN, {"arrivals": [Taken(99.9, 202)] * 2}, "NICE accepted the arrival signal"),
        (PLAIN, {"arrival_begun": 100.1}, "its delivery began before the audio"),
        (PLAIN, {"ask_taken": 409}, "the voice agent asked over the handoff API, and was answered 409"),
        (PLAIN, {"handoffs": [Taken(105.1, 503)]}, "NICE accepted the handoff signal"),
        (PLAIN, {"handoffs": [Taken(105.1, 202)] * 2}, "NICE accepted the handoff signal"),
        (PLAIN, {"other_signals": 1}, "no other signal"),
        (PLAIN, {"agent_left": 105.05}, "delivery of the signal began before the voice agent was released"),
        (PLAIN, {"given_back": 105.05}, "delivery of the signal began before the caller was given back"),
        (PLAIN, {"queue_dialled": 106.0}, "nobody else was dialled"),
        (PLAIN, {"agent_heard": 0.5}, "the voice agent heard the caller"),
        (PLAIN, {"longest_gap": 0.061}, "the caller was never without audio: the longest gap was 61 ms"),
        (
            PLAIN,
            {"longest_gap": 0.061, "longest_pause": 0.06},
            "the caller was never without audio: the longest gap was 61 ms; a far end itself sent nothing",
        ),
        (PLAIN, {"longest_gap": None}, "the caller was never without audio: the longest gap was not"),
        (PLAIN, {"lost": 1}, "no RTP packet was lost"),
        (PLAIN, {"end": "completed"}, "the record says handoff"),
        (PLAIN, {"heard": {"voice agent": VOICE}}, "then comfort audio"),
        (PLAIN, {"heard": {"voice agent": VOICE, "comfort": replace(COMFORT, first=104.0)}}, "then comfort"),
        (BY_BYE, {"agent_left": 105.2}, "delivery of the signal began after the voice agent had hung up"),
        (BRIDGE, {"contact_told": False}, "its INVITE carries the contact id"),
        (BRIDGE, {"queue_dialled": 105.12}, "the human queue was dialled once the voice agent had left"),
        (BRIDGE, {"queue_heard": 0.0}, "the human queue heard the caller"),
        (BRIDGE, {"heard": {"voice agent": VOICE, "comfort": COMFORT}}, "then the human queue"),
        (REFER, {"refer_to": ""}, "the caller was sent to nowhere by REFER"),
        (REFER, {"contact_told": False}, "the REFER carries the contact id"),
        (REFER, {"refer_answer": 603}, "the contact centre accepted the REFER"),
        (REFER, {"refer_outcome": 100}, "it reported that the caller is there"),
        (REFUSED, {"refer_answer": 202}, "the contact centre declined the REFER"),
        (FINISH, {"spoke_until": 105.4}, "the voice agent went on speaking"),
        (FINISH, {"spoke_until": 107.5}, "delivery of the signal began only when it had fallen silent"),
        (KEPT, {"handoffs": [Taken(105.1, 202)]}, "NICE refused the handoff signal"),
        (KEPT, {"keeps_told": 105.0}, "the voice agent was told by INFO that it keeps the caller"),
        (KEPT, {"heard": {"voice agent": VOICE}}, "the caller heard the voice agent again"),
        (KEPT, {"refer_to": "sip:queue@h"}, "the caller stayed with the voice agent"),
        (KEPT, {"reason": "handoff"}, "the record says handoff, and that its signal failed"),
    ],
)  # fmt: skip
def test_a_line_falls_with_its_fact_and_no_other_does(
    shown: Combination, changed: dict[str, object], line: str
) -> None:
    found = fallen(shown, **changed)
    assert len(found) == 1, found
    assert found[0].startswith(line)


def test_of_a_call_in_which_nothing_happened_hardly_a_line_holds() -> None:
    holding = [text for text, holds in lines(BRIDGE, Facts(scenario_kept=False)) if holds]
    assert holding == ["no other signal was sent", "no RTP packet was lost"]


def test_of_silent_comfort_audio_nothing_is_to_be_heard() -> None:
    facts = replace(went_well(PLAIN), heard={"voice agent": VOICE})
    assert all(holds for _, holds in lines(PLAIN, facts, "silence"))
    assert not any("comfort" in text for text, _ in lines(PLAIN, facts, "silence"))
