# SPDX-License-Identifier: GPL-3.0-or-later
"""What a rehearsal is judged by, read from made-up messages, ledgers and words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest

from agent.core.methods import Method
from agent.core.records import Way
from agent.simulators.combination import Combination
from agent.simulators.evidence import Evidence
from agent.simulators.facts import Facts, Taken, facts_of
from agent.simulators.wire import Wire
from tests.simulators.dialogs import BOT, CALLER, QUEUE, US, Told, dialog

PLAIN = Combination()


def evidence(
    shown: Combination = PLAIN,
    *,
    caller: Sequence[Told] = (),
    agent: Sequence[Told] = (),
    queue: Sequence[Told] = (),
    signals: Sequence[Mapping[str, Any]] = (),
    voice_agent: Sequence[Mapping[str, Any]] = (),
) -> Evidence:
    wire = Wire("4512")
    wire.caller = dialog(CALLER, *caller)
    wire.dialled = {BOT: dialog(US, *agent)} | ({QUEUE: dialog(US, *queue)} if queue else {})
    return Evidence(
        shown=shown,
        call_id="c-1",
        contact_id="4512",
        story=[{"when": 99.5, "text": "arrival begun: durable, on its way"}],
        record={"end": "handoff", "reason": "handoff"},
        signals=signals,
        voice_agent=voice_agent,
        queue=[],
        wire=wire,
        voice_agent_place=BOT,
        queue_uri="sip:queue@127.0.0.1:5075",
        queue_place=QUEUE,
        voices={},
        exit_code=0,
    )


def signal(p1: str, status: int | None, received: float = 105.1) -> dict[str, Any]:
    return {"parameters": {"p1": p1}, "status": status, "received": received}


def test_of_nothing_nothing_is_known() -> None:
    facts = facts_of(evidence())
    assert facts == Facts(arrivals=[], handoffs=[], arrival_begun=99.5, end="handoff", reason="handoff")


def test_signals_are_told_apart_and_counted() -> None:
    signals = [signal("Connected", 202, 99.9), signal("CUSTOMER_CARE", None), signal("Escalate", 202)]
    facts = facts_of(evidence(signals=signals))
    assert facts.arrivals == [Taken(99.9, 202)]
    assert facts.handoffs == [Taken(105.1, 0)]
    assert facts.other_signals == 1


def test_the_caller_was_answered_and_who_hung_up_first_ended_it() -> None:
    facts = facts_of(
        evidence(
            caller=[
                (99.0, CALLER, "INVITE sip:1@h SIP/2.0"),
                (100.0, US, "SIP/2.0 200 OK|CSeq: 1 INVITE"),
                (100.1, CALLER, "ACK sip:1@h SIP/2.0"),
                (108.0, US, "BYE sip:1@h SIP/2.0"),
                (108.1, CALLER, "BYE sip:1@h SIP/2.0"),
            ]
        )
    )
    assert (facts.answered, facts.caller_left, facts.given_back) == (100.0, 108.0, 108.0)
    assert facts.longest_gap == pytest.approx(7.9)  # no packet came at all


def test_a_refer_to_the_caller_is_where_giving_back_begins() -> None:
    facts = facts_of(
        evidence(
            Combination(back=Method.REFER),
            caller=[
                (105.2, US, "REFER sip:caller@h SIP/2.0|Refer-To: <sip:queue@h>|X-Contact-Id: 4512"),
                (105.3, CALLER, "SIP/2.0 202 Accepted|CSeq: 7 REFER"),
                (105.4, CALLER, "NOTIFY sip:us@h SIP/2.0||SIP/2.0 100 Trying"),
                (107.4, CALLER, "NOTIFY sip:us@h SIP/2.0||SIP/2.0 200 OK"),
                (108.0, CALLER, "BYE sip:us@h SIP/2.0"),
            ],
        )
    )
    assert (facts.given_back, facts.refer_to) == (105.2, "sip:queue@h")
    assert (facts.refer_answer, facts.refer_outcome, facts.contact_told) == (202, 200, True)


def test_a_refer_without_the_contact_id_has_not_told_it() -> None:
    facts = facts_of(evidence(caller=[(105.2, US, "REFER sip:c@h SIP/2.0|Refer-To: <sip:q@h>|X-Id: 99")]))
    assert not facts.contact_told


def test_the_queue_was_dialled_with_the_contact_id() -> None:
    facts = facts_of(evidence(queue=[(105.2, US, "INVITE sip:queue@h SIP/2.0|X-Contact-Id: 4512")]))
    assert (facts.queue_dialled, facts.given_back, facts.contact_told) == (105.2, 105.2, True)


@pytest.mark.parametrize("way", [Way.REFER, Way.INFO, Way.BYE])
def test_what_is_asked_on_the_leg_is_read_there(way: Way) -> None:
    method = way.value.upper()
    facts = facts_of(
        evidence(
            Combination(way),
            agent=[
                (104.0, US, f"{method} sip:bot@h SIP/2.0"),
                (105.0, BOT, f"{method} sip:us@h SIP/2.0"),
                (105.1, US, f"SIP/2.0 202 Accepted|CSeq: 9 {method}"),
            ],
        )
    )
    assert (facts.asked, facts.ask_taken) == (105.0, 202)


def test_what_is_asked_over_http_is_known_from_the_voice_agent() -> None:
    told = [
        {"event": "asked", "when": 105.0},
        {"event": "handed_off", "when": 105.2, "status": 202, "answer": {"caller": "voice_agent"}},
    ]
    facts = facts_of(evidence(voice_agent=told))
    assert (facts.asked, facts.ask_taken, facts.keeps_told) == (105.0, 202, None)


def test_that_it_keeps_the_caller_is_told_in_the_answer() -> None:
    told = [{"event": "handed_off", "when": 105.2, "status": 202, "answer": {"caller": "kept"}}]
    assert facts_of(evidence(voice_agent=told)).keeps_told == 105.2


@pytest.mark.parametrize(
    ("way", "kept", "going"),
    [
        (Way.REFER, "NOTIFY sip:bot@h SIP/2.0||SIP/2.0 503 x", "NOTIFY sip:bot@h SIP/2.0||SIP/2.0 200 OK"),
        (
            Way.INFO,
            'INFO sip:bot@h SIP/2.0||{"caller": "kept"}',
            'INFO sip:bot@h SIP/2.0||{"caller": "gone"}',
        ),
        (Way.INFO, 'INFO sip:bot@h SIP/2.0||{"caller": "kept"}', "INFO sip:bot@h SIP/2.0||no JSON"),
    ],
)
def test_or_by_notify_or_info_on_its_leg(way: Way, kept: str, going: str) -> None:
    said = evidence(Combination(way), agent=[(105.1, US, going), (105.2, US, kept)])
    assert facts_of(said).keeps_told == 105.2
    assert facts_of(replace(said, wire=evidence(agent=[(105.1, US, going)]).wire)).keeps_told is None
