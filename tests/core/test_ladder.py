# SPDX-License-Identifier: GPL-3.0-or-later
"""A call as a ladder: who takes part, what went from whom to whom and when, and what audio did meanwhile."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from agent.core.ladder import Ladder, Step, ladder, lines
from agent.core.moments import Moment, SignalState
from agent.core.records import Attempt, Channel, Decision, Handoff, Signal, Way
from tests.core.examples import record

CALL = record().shown()
UDP = "udp 192.0.2.1:5060"
ONE, TWO = "udp 10.0.0.5:5070", "udp 10.0.0.6:5070"
INVITE = "INVITE sip:9995550100@edge SIP/2.0 [1 INVITE]"


def sip(when: float, text: str, **more: object) -> dict[str, Any]:
    return {"when": when, "kind": "sip", "text": text, **more}


def said(when: float, text: str, kind: str = "decision") -> dict[str, Any]:
    return {"when": when, "kind": kind, "text": text}


def signal(*attempts: Attempt, channel: Channel = Channel.SIGNAL, **changes: Any) -> Signal:  # noqa: ANN401
    fields: dict[str, Any] = {
        "parameters": {"p1": "what the caller said"},
        "recorded": 13.0,
        "expires": 133.0,
    }
    ids = ("s-1", "c-1", "acme", "care", "4711")
    return Signal(
        *ids,
        Moment.HANDOFF,
        **(fields | changes),
        state=SignalState.ACCEPTED,
        attempts=attempts,
        channel=channel,
    )


STORY: Sequence[dict[str, Any]] = (
    sip(10.0, f"caller → us {INVITE} {UDP}", position=7),
    sip(10.001, f"caller us → SIP/2.0 100 Trying [1 INVITE] {UDP}"),
    said(10.002, "admitted: carrier one, rule 9995550100 (numbers/a.yaml:2), project care, contact 4711"),
    sip(10.01, f"agent  us → INVITE sip:bot@10.0.0.5:5070 SIP/2.0 [8 INVITE] {ONE}"),
    sip(10.51, f"agent  us → INVITE sip:bot@10.0.0.5:5070 SIP/2.0 [8 INVITE] {ONE} (again)"),
    sip(10.6, f"agent  → us SIP/2.0 503 Busy [8 INVITE] {ONE}"),
    said(10.6, "agent: 0 RTP packets in, 0 lost, 0 out, jitter 0.0 ms", "audio"),
    sip(10.7, f"agent  us → INVITE sip:bot@10.0.0.6:5070 SIP/2.0 [9 INVITE] {TWO}"),
    sip(10.8, f"agent  → us SIP/2.0 200 OK [9 INVITE] {TWO}"),
    sip(10.81, f"caller us → SIP/2.0 200 OK [1 INVITE] {UDP}"),
    said(12.0, "arrival begun: durable, on its way", "signal"),
    said(12.0, "handoff sending", "signal"),
    said(12.4, "handoff accepted: accepted 202", "signal"),
    sip(30.0, f"agent  us → BYE sip:bot@10.0.0.6 SIP/2.0 [10 BYE] {TWO}"),
    said(30.0, "agent: 960 RTP packets in, 0 lost, 950 out, jitter 0.2 ms, round trip 1.0 ms", "audio"),
    said(31.0, "no RTP from the caller any more", "audio"),
    sip(32.0, f"caller → us BYE sip:edge@192.0.2.9 SIP/2.0 [2 BYE] {UDP}"),
    said(32.0, "caller: 800 RTP packets in, 90 lost, 900 out, jitter 4.0 ms", "audio"),
)  # fmt: skip


def of(*labels: str, drawn: Ladder) -> list[Step]:
    return [step for step in drawn.steps if step.label in labels]


def test_each_who_takes_part_has_a_column() -> None:
    tried = signal(Attempt(12.0, 12.4, "accepted", 202))
    hook = signal(Attempt(12.0, 12.4, "accepted", 200), channel=Channel.WEBHOOK)
    drawn = ladder(CALL, STORY, [tried, hook], None)
    assert [(column.title, column.place) for column in drawn.columns] == [
        ("Caller", "192.0.2.1:5060"),
        (CALL["node"], ""),
        ("Voice agent 1", "10.0.0.5:5070"),
        ("Voice agent 2", "10.0.0.6:5070"),
        ("NICE", ""),
        ("Webhook", ""),
    ]


def test_messages_go_from_whom_they_came_to_whom_they_went() -> None:
    drawn = ladder(CALL, STORY, [], None)
    invites = of("INVITE", drawn=drawn)
    assert [(step.source, step.target, step.repeated) for step in invites] == [
        ("caller", "us", False),
        ("us", "agent", False),
        ("us", "agent", True),
        ("us", "agent 2", False),
    ]
    assert [step.position for step in invites] == [7, None, None, None]
    (busy,) = of("503 Busy (INVITE)", drawn=drawn)
    assert (busy.source, busy.failed, busy.reply) == ("agent", True, True)
    assert not of("200 OK (INVITE)", drawn=drawn)[0].failed


def test_time_in_which_nothing_happens_is_left_out_and_told() -> None:
    drawn = ladder(CALL, STORY, [], None)
    assert [(step.label, round(step.pause, 2)) for step in drawn.steps if step.pause] == [("BYE", 17.6)]
    assert [step.when for step in drawn.steps] == sorted(step.when for step in drawn.steps)


def test_audio_is_a_band_from_the_answer_to_the_end_with_what_rtp_did() -> None:
    drawn = ladder(CALL, STORY, [], None)
    agent, caller = drawn.bands
    assert (agent.column, agent.trouble, agent.text) == (
        "agent 2",
        False,
        "960 RTP packets in, 0 lost, 950 out, jitter 0.2 ms, round trip 1.0 ms",
    )
    assert (drawn.steps[agent.first].label, drawn.steps[agent.last].label) == ("200 OK (INVITE)", "BYE")
    assert (caller.column, caller.trouble) == ("caller", True)
    assert [drawn.steps[index].text for index in caller.gaps] == ["no RTP from the caller any more"]
    assert drawn.steps[caller.last].label == "BYE"


@pytest.mark.parametrize(("gap", "trouble"), [(0.04, False), (0.49, False), (0.5, True), (12.0, True)])
def test_a_gap_in_which_words_are_lost_is_trouble(gap: float, trouble: bool) -> None:  # noqa: FBT001
    counted = f"agent: 960 RTP packets in, 0 lost, 950 out, jitter 0.2 ms, longest gap {gap:.2f} s (PCMU)"
    story = [said(30.0, counted, "audio") if "960 RTP" in entry["text"] else entry for entry in STORY]
    band = ladder(CALL, story, [], None).bands[0]
    assert (band.label, band.trouble) == (("0.0% lost", "jitter 0.2 ms", f"gap {gap:.2f} s"), trouble)


def test_a_call_that_is_up_has_audio_to_its_last_line() -> None:
    drawn = ladder(CALL, STORY[:11], [], None)
    assert [(band.column, band.last) for band in drawn.bands] == [("agent 2", 10), ("caller", 10)]
    assert "not known" in drawn.bands[0].text


def test_each_try_of_a_signal_goes_to_nice_and_comes_back_with_its_answer() -> None:
    tries = (
        Attempt(13.0, 13.1, "unavailable", 503, "HTTP 503"),
        Attempt(13.5, 13.9, "uncertain", None, "time-out"),
        Attempt(14.0, 14.0, "not_sent", None, "no connection"),
        Attempt(20.0, 20.0, Decision.RETRY, None, "ana@desk"),
        Attempt(20.1, 20.3, "accepted", 202),
    )
    drawn = ladder(CALL, STORY, [signal(*tries)], None)
    told = [
        (step.label, step.source, step.target, step.failed) for step in drawn.steps if step.entry == "s-1"
    ]
    assert told == [
        ("handoff signal recorded", "us", "us", False),
        ("handoff signal, try 1", "us", "nice", False),
        ("503 unavailable", "nice", "us", True),
        ("handoff signal, try 2", "us", "nice", False),
        ("handoff signal, try 2: uncertain", "us", "us", True),
        ("handoff signal, try 3: not_sent", "us", "us", True),
        ("handoff signal: an operator had it sent again", "us", "us", False),
        ("handoff signal, try 4", "us", "nice", False),
        ("202 accepted", "nice", "us", False),
    ]
    assert "NICE was overloaded" in next(step.text for step in drawn.steps if step.label == "503 unavailable")
    assert not any("what the caller said" in text for _, text in lines(drawn))


def test_what_the_story_says_of_tries_is_not_told_twice() -> None:
    def of_signals(drawn: Ladder) -> list[str]:
        return [step.label for step in drawn.steps if step.kind == "signal" and not step.entry]

    assert of_signals(ladder(CALL, STORY, [signal()], None)) == ["arrival begun: durable, on its way"]
    assert of_signals(ladder(CALL, STORY, [], None)) == [
        "arrival begun: durable, on its way",
        "handoff sending",
        "handoff accepted: accepted 202",
    ]


def test_a_call_that_is_forgotten_is_drawn_from_its_record() -> None:
    over = CALL | {"began": 10.0, "answered": 11.0, "ended": 40.0, "end": "completed", "reason": "completed"}
    handoff = Handoff("h-1", "c-1", "acme", "care", "4711", 12.0, "CARE", way=Way.REFER)
    drawn = ladder(over, None, [signal(Attempt(13.0, 13.1, "accepted", 202))], handoff, ["one more thing"])
    assert [column.title for column in drawn.columns] == ["Caller", CALL["node"], "Voice agent", "NICE"]
    assert [text for _, text in lines(drawn)] == [
        f"Caller → {CALL['node']}: INVITE for {CALL['number']} of carrier {CALL['carrier']}",
        f"Voice agent → {CALL['node']}: the voice agent answered",
        f"{CALL['node']} → Caller: and so did we",
        "the voice agent asked for a handoff by REFER (destination CARE)",
        "handoff signal recorded, durably",
        f"{CALL['node']} → NICE: handoff signal, try 1",
        f"NICE → {CALL['node']}: handoff signal, try 1: HTTP 202: NICE took it in",
        f"Voice agent → {CALL['node']}: over: completed, completed",
    ]
    assert drawn.missing[0] == "one more thing"
    assert "last 1,000 calls" in drawn.missing[1]
    assert [band.column for band in drawn.bands] == ["agent", "caller"]


def test_what_the_record_says_of_rtp_stands_where_the_story_is_gone() -> None:
    leg = {
        "side": "agent",
        "received": 90,
        "lost": 10,
        "sent": 95,
        "jitter": 0.004,
        "longest_gap": 0.25,
        "codec": "PCMU",
        "round_trip": None,
        "mos": 3.1,
    }
    over = CALL | {"began": 10.0, "answered": 11.0, "ended": 40.0, "end": "completed", "legs": [leg]}
    agent, caller = ladder(over, None, [], None).bands
    assert agent.text == (
        "90 RTP packets in, 10 lost, 95 out, jitter 4.0 ms, longest gap 0.25 s, MOS 3.10 by estimate (PCMU)"
    )
    assert (agent.label, agent.trouble) == (("10.0% lost", "jitter 4.0 ms", "gap 0.25 s"), True)
    assert (caller.label, caller.trouble) == ((), False)


def test_of_a_call_of_which_nothing_is_known_but_its_name_nothing_is_drawn() -> None:
    drawn = ladder({"call_id": "c-1"}, None, [], None)
    assert (len(drawn.columns), drawn.steps, drawn.bands) == (2, (), ())


def test_a_message_from_elsewhere_is_of_the_far_end_that_spoke_last() -> None:
    story = (
        *STORY[:9],
        sip(11.0, "agent  → us REFER sip:edge@192.0.2.9 SIP/2.0 [1 REFER] udp 10.9.9.9:5060"),
    )
    (refer,) = of("REFER", drawn=ladder(CALL, story, [], None))
    assert refer.source == "agent 2"


def test_a_line_of_another_form_is_told_as_it_is() -> None:
    drawn = ladder(CALL, [sip(1.0, "what a later agent may write")], [], None)
    assert [(step.source, step.target, step.label) for step in drawn.steps] == [
        ("us", "us", "what a later agent may write")
    ]
