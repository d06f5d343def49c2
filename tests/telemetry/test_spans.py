# SPDX-License-Identifier: GPL-3.0-or-later
"""The trace of a call: which spans there are, from when to when, and how each ended."""

from __future__ import annotations

from typing import Any

from agent.telemetry.spans import Span, Told, ids, spans, told

CALL: dict[str, Any] = {
    "call_id": "c-1",
    "node": "edge-1",
    "carrier": "nice",
    "account": "acme",
    "project": "care",
    "number": "9995550100",
    "contact_id": "4512",
    "master_id": "",
    "sip_call_id": "dialog-1",
    "state": "ended",
    "began": 100.002,
    "answered": 101.0,
    "ended": 130.0,
    "end": "handoff",
    "reason": "handoff",
}
DECISIONS = [
    (100.003, "admitted: carrier nice, rule 9995550100 (n.yaml:2), project care, contact 4512"),
    (100.01, "dial sip:bot@10.0.0.5 (1 of 2)"),
    (100.5, "dial sip:bot@10.0.0.6 (2 of 2)"),
    (120.0, "handoff: the voice agent handed off"),
    (120.4, "the caller is given back by release"),
    (130.0, "over: handoff, the voice agent handed off"),
]
MESSAGES = [
    ("caller", 100.0, False, "dialog-1", "1 INVITE", "INVITE sip:9995550100@edge SIP/2.0"),
    ("agent", 100.011, True, "dialog-2", "1 INVITE", "INVITE sip:bot@10.0.0.5 SIP/2.0"),
    ("agent", 100.012, False, "dialog-2", "1 INVITE", "SIP/2.0 100 Trying"),
    ("agent", 100.49, False, "dialog-2", "1 INVITE", "SIP/2.0 503 Service Unavailable"),
    ("agent", 100.501, True, "dialog-3", "1 INVITE", "INVITE sip:bot@10.0.0.6 SIP/2.0"),
    ("agent", 100.9, False, "dialog-3", "1 INVITE", "SIP/2.0 200 OK"),
    ("caller", 101.0, True, "dialog-1", "1 INVITE", "SIP/2.0 200 OK"),
    ("agent", 120.3, True, "dialog-3", "2 BYE", "BYE sip:bot@10.0.0.6 SIP/2.0"),
    ("caller", 130.0, False, "dialog-1", "2 BYE", "BYE sip:edge SIP/2.0"),
]
SIGNALS = [
    {
        "channel": "signal",
        "moment": "handoff",
        "state": "accepted",
        "recorded": 120.001,
        "attempts": [
            {"began": 120.01, "ended": 120.1, "outcome": "overloaded", "status": 503, "detail": "busy"},
            {"began": 120.2, "ended": 131.0, "outcome": "accepted", "status": 202, "detail": ""},
        ],
    }
]


def trace(**changed: object) -> dict[str, Span]:
    return {span.key: span for span in spans(parts(**changed))}


def times(span: Span) -> tuple[float, float]:
    return span.began, span.ended


def test_a_call_is_one_trace_from_its_invite_to_nice_s_answer() -> None:
    found = trace()
    whole = found["call"]
    assert times(whole) == (100.0, 131.0)
    assert (whole.parent, whole.fault) == ("", None)
    assert whole.attributes["handoff.contact_id"] == "4512"
    assert "handoff.number" not in whole.attributes, "a collector is told no numbers"
    assert len(whole.events) == len(DECISIONS)
    assert all(found[span.parent] for key, span in found.items() if key != "call")


def test_each_part_of_it_has_its_time() -> None:
    found = trace()
    assert times(found["admission"]) == (100.0, 100.003)
    assert times(found["record"]) == (100.003, 100.01)
    assert times(found["bridged"]) == (101.0, 120.3)
    assert times(found["handoff"]) == (120.0, 120.4)
    assert found["handoff"].attributes == {"handoff.method": "release"}


def test_each_target_that_was_dialled_has_its_answer() -> None:
    found = trace()
    first, second = found["dial 0"], found["dial 1"]
    assert (first.name, *times(first), first.fault) == (
        "dial sip:bot@10.0.0.5",
        100.01,
        100.49,
        "503 Service Unavailable",
    )
    assert (times(second), second.fault) == ((100.5, 100.9), None)
    assert second.attributes["sip.response.status_code"] == 200


def test_each_attempt_of_a_signal_has_its_status() -> None:
    found = trace()
    signal, first, second = found["signal 0"], found["signal 0 0"], found["signal 0 1"]
    assert (signal.name, *times(signal), signal.fault) == ("signal handoff", 120.001, 131.0, None)
    assert (first.parent, first.fault) == ("signal 0", "overloaded busy")
    assert second.attributes == {"handoff.outcome": "accepted", "http.response.status_code": 202}
    assert second.fault is None


def test_a_call_that_failed_before_anybody_answered_is_told_as_that() -> None:
    call = {**CALL, "answered": None, "ended": 101.0, "end": "failed", "reason": "no_agent"}
    found = trace(call=call, decisions=DECISIONS[:2], messages=MESSAGES[:2], signals=[])
    assert found["call"].fault == "no_agent"
    assert (times(found["dial 0"]), found["dial 0"].fault) == ((100.01, 101.0), "no answer")
    assert "bridged" not in found
    assert "handoff" not in found


def test_nothing_ends_before_it_begins_whatever_is_missing() -> None:
    for cut in range(len(DECISIONS) + 1):
        for kept in range(len(MESSAGES) + 1):
            for span in trace(decisions=DECISIONS[:cut], messages=MESSAGES[:kept]).values():
                assert span.ended >= span.began, span


CALLER = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
BOT = "00-5bf7651916cd43dd8448eb211c80319c-c7ad6b7169203331-01"


def parts(**changed: object) -> Told:
    whole: dict[str, Any] = {"call": CALL, "decisions": DECISIONS, "messages": MESSAGES, "signals": SIGNALS}
    return Told(**(whole | changed))


def test_ids_follow_from_the_call_alone() -> None:
    root, part = trace()["call"], trace()["bridged"]
    found = ids(parts(), root)
    assert (len(found.trace), len(found.own), found.parent, found.remote) == (16, 8, None, False)
    assert (ids(parts(), part).parent, ids(parts(), part).trace) == (found.own, found.trace)
    assert ids(parts(call={**CALL, "call_id": "c-2"}), root).trace != found.trace


def test_a_call_that_has_a_parent_is_part_of_its_trace() -> None:
    found = ids(parts(parent=CALLER), trace()["call"])
    assert (found.trace.hex(), found.parent and found.parent.hex(), found.remote) == (
        "0af7651916cd43dd8448eb211c80319c",
        "b7ad6b7169203331",
        True,
    )
    part = ids(parts(parent=CALLER), trace()["bridged"])
    assert (part.trace, part.parent, part.remote) == (found.trace, found.own, False)
    assert found.own == ids(parts(), trace()["call"]).own, "as the voice agent was told"


def test_a_handoff_is_part_of_the_span_that_asked_for_it_or_linked_to_it() -> None:
    asked = [*DECISIONS, (119.9, f"the voice agent asks within its trace: {BOT}")]
    handoff = trace(decisions=asked)["handoff"]
    apart = ids(parts(), handoff)
    assert apart.parent == ids(parts(), trace()["call"]).own
    assert apart.link == (bytes.fromhex(BOT[3:35]), bytes.fromhex(BOT[36:52]))
    together = ids(parts(parent=BOT), handoff)
    assert (together.parent, together.remote, together.link) == (bytes.fromhex(BOT[36:52]), True, None)
    assert ids(parts(), trace()["handoff"]).link is None
    late = [*DECISIONS, (125.0, f"the voice agent asks within its trace: {BOT}")]
    assert trace(decisions=late)["handoff"].asked == "", "it was told that there is no handoff any more"


def test_it_passes_through_json() -> None:
    whole = parts(parent=CALLER)
    again = told(whole.line().decode())
    assert (spans(again), again.parent) == (spans(whole), CALLER)
