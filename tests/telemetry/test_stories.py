# SPDX-License-Identifier: GPL-3.0-or-later
"""The story of a call: one time line of all that happened to it."""

from __future__ import annotations

from agent.telemetry.stories import Entry, Stories


def message(when: float, sip_call_id: str, *, received: bool = True, again: bool = False) -> str:
    """One line of the trace in C."""
    arrow = "<" if received else ">"
    repeated = "1" if again else "0"
    micros = str(int(when * 1_000_000))
    fields = (
        micros,
        arrow,
        "udp",
        "192.0.2.7:5060",
        sip_call_id,
        "1 INVITE",
        "INVITE sip:1@a SIP/2.0",
        repeated,
    )
    return "\t".join(fields)


def told(stories: Stories, call_id: str = "c-1") -> list[str]:
    return [entry.text for entry in stories.story(call_id) or ()]


def test_messages_decisions_and_signals_stand_on_one_time_line() -> None:
    stories = Stories()
    stories.bind("c-1", "a@peer", "caller")
    stories.note("c-1", 3.0, "decision", "admitted")
    stories.bind("c-1", "b@us", "agent")
    stories.sip([message(2.0, "a@peer"), message(4.0, "b@us", received=False, again=True)])
    stories.note("c-1", 1.0, "signal", "arrival recorded")
    assert stories.story("c-1") == (
        Entry(1.0, "signal", "arrival recorded"),
        Entry(2.0, "sip", "caller → us INVITE sip:1@a SIP/2.0 [1 INVITE] udp 192.0.2.7:5060"),
        Entry(3.0, "decision", "admitted"),
        Entry(4.0, "sip", "agent  us → INVITE sip:1@a SIP/2.0 [1 INVITE] udp 192.0.2.7:5060 (again)"),
    )


def test_messages_of_no_known_call_are_passed_over() -> None:
    stories = Stories()
    stories.bind("c-1", "a@peer", "caller")
    stories.sip([message(1.0, "other@peer"), message(1.0, "")])
    stories.note("c-2", 1.0, "decision", "lost")
    assert told(stories) == []
    assert stories.story("c-2") is None


def test_a_thousand_ended_calls_are_remembered_and_the_first_to_end_is_forgotten_first() -> None:
    stories = Stories()
    for number in range(1001):
        stories.bind(f"c-{number}", f"{number}@peer", "caller")
        stories.over(f"c-{number}")
    assert stories.story("c-0") is None
    assert stories.story("c-1") == ()
    stories.sip([message(1.0, "0@peer"), message(1.0, "1000@peer")])
    assert len(told(stories, "c-1000")) == 1


def test_a_second_try_with_the_same_call_id_keeps_its_messages_when_the_first_is_forgotten() -> None:
    stories = Stories()
    stories.bind("c-refused", "a@peer", "caller")
    stories.over("c-refused")
    stories.bind("c-taken", "a@peer", "caller")
    for number in range(1000):
        stories.bind(f"c-{number}", f"{number}@peer", "caller")
        stories.over(f"c-{number}")
    assert stories.story("c-refused") is None
    stories.sip([message(1.0, "a@peer")])
    assert len(told(stories, "c-taken")) == 1


def test_a_live_call_keeps_its_story_however_many_end_meanwhile() -> None:
    stories = Stories()
    stories.bind("c-live", "a@peer", "caller")
    for number in range(2000):
        stories.bind(f"c-{number}", f"{number}@peer", "caller")
        stories.over(f"c-{number}")
    assert stories.story("c-live") == ()


def test_a_call_that_never_ends_does_not_fill_the_memory() -> None:
    stories = Stories()
    stories.bind("c-1", "a@peer", "caller")
    for number in range(1000):
        stories.note("c-1", float(number), "decision", str(number))
        stories.sip([message(float(number), "a@peer")])
    assert len(told(stories)) == 800
