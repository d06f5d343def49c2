# SPDX-License-Identifier: GPL-3.0-or-later
"""The story of a call: one time line of all that happened to it."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from agent.telemetry.stories import Entry, Message, Stories, TraceRecord
from tests.calls.harness.ports import free_port

INVITE, TRYING = "INVITE sip:9995550100@127.0.0.1 SIP/2.0", "SIP/2.0 100 Trying"
RECORDED = (
    f"1893456000000000\t<\tudp\t127.0.0.1:5061\tone@peer\t1 INVITE\t{INVITE}\t\t0",
    f"1893456000000000\t>\tudp\t127.0.0.1:5061\tone@peer\t1 INVITE\t{TRYING}\t\t0",
    f"1893456000000000\t<\tudp\t127.0.0.1:5061\tone@peer\t1 INVITE\t{INVITE}\tR\t0",
    f"1893456000000000\t>\tudp\t127.0.0.1:5061\tone@peer\t1 INVITE\t{TRYING}\tR\t0",
)
"""What the trace in C wrote of an INVITE that came twice, but for times, positions and the peer's port."""
RECEIVED, _, _, SENT_AGAIN = RECORDED


def message(when: float, sip_call_id: str, recorded: str = RECEIVED) -> str:
    """A recorded line, at another time and of another dialog."""
    return recorded.replace("1893456000000000", str(int(when * 1_000_000))).replace("one@peer", sip_call_id)


def record(line: str) -> TraceRecord:
    return TraceRecord._make(line.split("\t"))


@pytest.fixture(scope="module")
def traced() -> list[str]:
    """The same INVITE, sent twice to a real stack."""
    child = subprocess.run(
        [sys.executable, "-m", "tests.telemetry.tracing", str(free_port()), "one@peer"],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
    )
    assert child.returncode == 0, child.stderr
    return child.stdout.splitlines()


def test_the_trace_of_a_real_stack_is_what_was_recorded(traced: list[str]) -> None:
    (peer,) = {record(line).peer for line in traced}
    told = [line.replace(peer, "127.0.0.1:5061") for line in traced]
    told = [re.sub(r"\t\d+$", "\t0", line) for line in told]
    assert [re.sub(r"^\d{16}\t", "1893456000000000\t", line) for line in told] == list(RECORDED)


def test_the_trace_of_a_real_stack_is_told_in_words(traced: list[str]) -> None:
    stories = Stories()
    stories.bind("c-1", "one@peer", "caller")
    stories.sip(traced)
    assert [re.sub(r" udp 127\.0\.0\.1:\d+", "", text) for text in told(stories)] == [
        f"caller → us {INVITE} [1 INVITE]",
        f"caller us → {TRYING} [1 INVITE]",
        f"caller → us {INVITE} [1 INVITE] (again)",
        f"caller us → {TRYING} [1 INVITE] (again)",
    ]


def told(stories: Stories, call_id: str = "c-1") -> list[str]:
    return [entry.text for entry in stories.story(call_id) or ()]


def test_messages_decisions_and_signals_stand_on_one_time_line() -> None:
    stories = Stories()
    stories.bind("c-1", "a@peer", "caller")
    stories.note("c-1", 3.0, "decision", "admitted")
    stories.bind("c-1", "b@us", "agent")
    stories.sip([message(2.0, "a@peer"), message(4.0, "b@us", SENT_AGAIN)])
    stories.note("c-1", 1.0, "signal", "arrival recorded")
    received = Message("caller", record(message(2.0, "a@peer")))
    sent = Message("agent", record(message(4.0, "b@us", SENT_AGAIN)))
    assert stories.story("c-1") == (
        Entry(1.0, "signal", "arrival recorded"),
        Entry(2.0, "sip", f"caller → us {INVITE} [1 INVITE] udp 127.0.0.1:5061", received),
        Entry(3.0, "decision", "admitted"),
        Entry(4.0, "sip", f"agent  us → {TRYING} [1 INVITE] udp 127.0.0.1:5061 (again)", sent),
    )


def test_a_message_says_which_way_it_went_and_where_its_bytes_are() -> None:
    stories = Stories()
    stories.bind("c-1", "a@peer", "caller")
    stories.sip([message(2.0, "a@peer"), re.sub(r"\t0$", "\t", message(4.0, "a@peer", SENT_AGAIN))])
    stories.note("c-1", 5.0, "decision", "admitted")
    of_udp = {"side": "caller", "transport": "udp", "peer": "127.0.0.1:5061", "cseq": "1 INVITE"}
    first, second, third = (entry.shown() for entry in stories.story("c-1") or ())
    assert first.items() >= {**of_udp, "direction": "received", "repeated": False, "position": 0}.items()
    assert second.items() >= {**of_udp, "direction": "sent", "repeated": True, "position": None}.items()
    assert third == {"when": 5.0, "kind": "decision", "text": "admitted"}


def test_who_asks_for_a_story_learns_of_what_was_seen_and_not_told_of_yet() -> None:
    stories = Stories()
    stories.bind("c-1", "a@peer", "caller")
    waiting = [message(2.0, "a@peer")]
    stories.catch_up = lambda: stories.sip(waiting)
    assert len(told(stories)) == 1


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
