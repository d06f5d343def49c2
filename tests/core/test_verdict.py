# SPDX-License-Identifier: GPL-3.0-or-later
"""A call in one sentence: how the caller went back, and what it says when that did not go as planned."""

from __future__ import annotations

from typing import Any

import pytest

from agent.core.story import GIVEN_BACK, REFERRED
from agent.core.verdict import verdict

CALL = {
    "began": 100.0,
    "answered": None,
    "ended": 140.0,
    "state": "ended",
    "end": "handoff",
    "reason": "handoff",
}
REFER = ("decision", f"{REFERRED}sip:queue@h (1 of 1)")
DECLINED = ("sip", "caller → us SIP/2.0 603 Decline [7 REFER] udp 127.0.0.1:5061")
INVITE = ("sip", "target us → INVITE sip:queue@h SIP/2.0 [1 INVITE] udp 127.0.0.1:5075")
BUSY = ("sip", "target → us SIP/2.0 486 Busy Here [1 INVITE] udp 127.0.0.1:5075")


def said(*story: tuple[str, str], **changed: Any) -> str:  # noqa: ANN401 - what a record holds
    entries = [{"when": 130.0 + at, "kind": kind, "text": text} for at, (kind, text) in enumerate(story)]
    return verdict({**CALL, **changed}, [], entries, live=False, now=150.0)


@pytest.mark.parametrize(
    ("story", "words"),
    [
        ([("decision", f"{GIVEN_BACK}release")], "the caller was given back by release."),
        ([REFER, ("decision", f"{GIVEN_BACK}refer")], "the caller was given back by refer."),
        ([INVITE, ("decision", f"{GIVEN_BACK}bridge")], "the caller was given back by bridge."),
    ],
)
def test_it_says_how_the_caller_went_back(story: list[tuple[str, str]], words: str) -> None:
    sentence = said(*story)
    assert sentence.endswith(words)
    assert "first cause" not in sentence


@pytest.mark.parametrize(
    ("story", "cause"),
    [
        ([REFER, DECLINED], "the caller side answered 603 Decline"),
        ([INVITE, BUSY], "the target side answered 486 Busy Here"),
    ],
)
def test_when_no_target_took_the_caller_it_says_so_and_why(story: list[tuple[str, str]], cause: str) -> None:
    sentence = said(*story, ("decision", f"{GIVEN_BACK}release"))
    assert "no target took the caller, who was given back by release" in sentence
    assert sentence.endswith(f"first cause: {cause}.")


def test_without_a_story_nothing_is_said_of_it() -> None:
    assert "given back" not in said()


def test_a_caller_that_the_voice_agent_kept_is_told_as_that() -> None:
    sentence = said(reason="signal_failed")
    assert sentence.startswith("The voice agent kept the caller, whose handoff could not be signalled")
    assert "the call ended after 40.0 s" in sentence


SILENT = ("decision", "timer response ran out")
NO_RTP = "{}: 0 RTP packets in, 0 lost, 500 out, jitter 0.0 ms"
RTP = "{}: 500 RTP packets in, 0 lost, 500 out, jitter 0.1 ms"
SILENCE = "first cause: the target said nothing at all to our INVITE."


def signal(state: str, *, ended: float, expires: float = 999.0) -> dict[str, Any]:
    """One that NICE answered with 503, before whatever the story tells."""
    attempt = {"began": ended, "ended": ended, "outcome": "server_fault", "status": 503, "detail": "Busy"}
    return {
        "moment": "failed",
        "channel": "signal",
        "state": state,
        "recorded": 101.0,
        "expires": expires,
        "attempts": [attempt | {"decision": ""}],
    }


@pytest.mark.parametrize("state", ["recorded", "expired"])
def test_a_silent_target_is_the_cause_though_nice_failed_before_it(state: str) -> None:
    call = {**CALL, "answered": None, "end": "failed", "reason": "no_agent"}
    story = [{"when": 104.0, "kind": SILENT[0], "text": SILENT[1]}]
    sentence = verdict(call, [signal(state, ended=101.0)], story, live=False, now=150.0)
    assert sentence.endswith(SILENCE)
    without = verdict(call, [signal(state, ended=101.0)], None, live=False, now=150.0)
    assert without.endswith("first cause: No voice agent answered.")


def test_a_process_that_died_is_the_cause_though_nice_failed_then() -> None:
    call = {**CALL, "answered": 101.0, "end": "failed", "reason": "process_died"}
    sentence = verdict(call, [signal("unknown", ended=101.0)], None, live=False, now=150.0)
    assert sentence.endswith("first cause: The agent's process died with the call up.")


@pytest.mark.parametrize(
    ("moment", "words"),
    [
        ("completed", "The voice agent hung up after 20.0 s, without a handoff"),
        ("handoff", "The voice agent handed the caller back after 20.0 s"),
    ],
)
@pytest.mark.parametrize("state", ["unknown", "accepted"])
def test_what_ended_the_call_before_its_process_died_is_told_too(moment: str, words: str, state: str) -> None:
    call = {**CALL, "answered": 101.0, "end": moment, "reason": "process_died"}
    told = {**signal(state, ended=121.0), "moment": moment, "recorded": 120.0}
    sentence = verdict(call, [told], None, live=False, now=150.0)
    assert sentence.startswith(
        f"{words}; then the agent's process died before the call was over, "
        f"which was found 40.0 s after the call began; the {moment} signal"
    )
    cause = "first cause: The agent's process died before the call was over."
    assert sentence.endswith(cause) is (state == "unknown")
    assert "with the call up" not in sentence


def test_nice_is_the_cause_where_only_a_signal_went_wrong() -> None:
    entries = [{"when": 101.0, "kind": "sip", "text": BUSY[1].replace("target", "agent ")}]
    call = {**CALL, "answered": 102.0}
    sentence = verdict(call, [signal("expired", ended=130.0, expires=140.0)], entries, live=False, now=150.0)
    assert sentence.endswith("first cause: CXone, to the failed signal: HTTP 503 Busy.")


def test_a_target_that_did_not_take_the_caller_is_no_voice_agent_that_did_not_before() -> None:
    before = ("sip", "agent → us SIP/2.0 503 Busy [1 INVITE] udp 127.0.0.1:5075")
    deadline = ("decision", "timer deadline ran out")
    sentence = said(before, INVITE, deadline, SILENT, ("decision", f"{GIVEN_BACK}release"))
    assert sentence.endswith(SILENCE)


def test_an_expiry_to_come_is_told_as_one() -> None:
    call = {**CALL, "answered": 102.0, "end": "failed", "reason": "agent_lost"}
    waits = verdict(call, [signal("recorded", ended=101.0, expires=230.0)], None, live=False, now=150.0)
    assert "WAITS to be sent and expires in 1 min 20 s, at 1970-01-01 00:03:50 UTC" in waits
    over = verdict(call, [signal("expired", ended=101.0, expires=230.0)], None, live=False, now=150.0)
    assert "expired at" not in over
    early = {**signal("expired", ended=101.0, expires=230.0), "moment": "arrival"}
    overtaken = verdict(call, [early], None, live=False, now=150.0)
    assert "given up when its call's terminal moment came, though it expires in 1 min 20 s" in overtaken
    assert "given up, though it expires in 1 min 20 s" in over


@pytest.mark.parametrize(
    ("caller", "agent", "words"),
    [
        (NO_RTP, NO_RTP, "no RTP came from either side (0 packets on both legs): a firewall"),
        (NO_RTP, RTP, "no RTP came from the caller side (0 packets): a firewall or NAT"),
        (RTP, NO_RTP, "no RTP came from the agent side (0 packets): a firewall or NAT"),
        (RTP, f"{NO_RTP}, 7 from elsewhere dropped (media.latch)", "another address than the SDP names"),
        (RTP, RTP, ""),
    ],
)
def test_legs_without_rtp_are_told(caller: str, agent: str, words: str) -> None:
    story = [("audio", caller.format("caller")), ("audio", agent.format("agent"))]
    sentence = said(*story, answered=102.0, end="caller", reason="caller_hung_up")
    assert (words in sentence) if words else ("no RTP" not in sentence)


def test_audio_that_was_lost_since_none_ever_came_has_that_as_its_cause() -> None:
    story = [("audio", "no RTP from the agent any more"), ("audio", NO_RTP.format("agent"))]
    sentence = said(*story, answered=102.0, end="failed", reason="media_lost")
    assert "first cause: no RTP came from the agent side" in sentence


def test_a_voice_agent_that_failed_before_another_answered_brought_no_rtp_and_no_trouble() -> None:
    none = "agent: 0 RTP packets in, 0 lost, 0 out, jitter 0.0 ms"
    assert "no RTP" not in said(("audio", none), ("audio", RTP.format("agent")), answered=102.0)


def test_a_call_that_hardly_lasted_tells_nothing_of_its_audio() -> None:
    assert "no RTP" not in said(("audio", NO_RTP.format("agent")), answered=139.0)
