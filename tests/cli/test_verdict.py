# SPDX-License-Identifier: GPL-3.0-or-later
"""A call in one sentence: how the caller went back, and what it says when that did not go as planned."""

from __future__ import annotations

from typing import Any

import pytest

from agent.cli.verdict import verdict
from agent.core.story import GIVEN_BACK, REFERRED

CALL = {"began": 100.0, "ended": 140.0, "state": "ended", "end": "handoff", "reason": "handoff"}
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
