# SPDX-License-Identifier: GPL-3.0-or-later
"""What one call records, dials with and signals."""

from __future__ import annotations

from dataclasses import replace

import pytest

from agent.core.asking import Ask
from agent.core.brief import Brief, signal_after_the_fact
from agent.core.call import Plan
from agent.core.methods import Method, OnFailure
from agent.core.model import Project
from agent.core.moments import Moment, SignalState
from agent.core.numbers import NumberRule
from agent.core.reasons import Reason
from agent.core.records import Handoff, Way
from tests.core.examples import (
    CONTACT,
    NOW,
    NUMBER,
    TENANT,
    admitted,
    carrier,
    invite,
    project,
    record,
    snapshot,
)

SIGNALS = {
    "arrival": {"p1": "Connected", "p3": "{caller}"},
    "handoff": {"p1": "{destination}", "p2": "{skill}", "p3": "{reason}", "p4": "{shared_id}/{handoff_id}"},
    "failed": {"p1": "Escalate", "p3": "{reason}"},
}
HANDOFF = Handoff(
    "h-1", "c-1", "acme", "care", CONTACT, NOW, "queue", "billing", "asked", {"p9": "{raw}"}, {}, "s-9"
)
SIGNALLING = project(cxone=TENANT, signals=SIGNALS)


def brief(*headers: str, to: Project = SIGNALLING, **agent: object) -> Brief:
    """A call of contact 4711001122, with these header lines besides."""
    if agent:
        targets = [{"uri": "sip:bot@10.0.0.5"}]
        to = project(voice_agent={"targets": targets, **agent})
    rule = NumberRule(NUMBER, ("care",), {"brand": "acme-uk"})
    asked = invite(f"X-ContactID: {CONTACT}", "X-InContact-MasterId: 42", *headers)
    return Brief("c-1", "edge-1", admitted(asked, snapshot(to, rules=[rule])), asked.message)


def parameters(moment: Moment, **facts: object) -> dict[str, str]:
    found = brief("From: <sip:+1415@peer>").signal(moment, "s-1", NOW, **facts)  # type: ignore[arg-type]  # by name
    assert found is not None
    return dict(found[0].parameters)


def test_a_call_is_stored_with_who_and_where() -> None:
    assert brief().record("abc@peer", "recording", NOW) == record(state="recording", master_id="42")


def test_a_signal_is_of_use_as_long_as_the_project_says() -> None:
    found = brief().signal(Moment.ARRIVAL, "s-1", NOW)
    assert found is not None
    signal, cut = found
    assert (signal.signal_id, signal.call_id, signal.contact_id) == ("s-1", "c-1", CONTACT)
    assert (signal.state, signal.moment, signal.recorded) == (SignalState.RECORDED, Moment.ARRIVAL, NOW)
    assert signal.expires == NOW + 120
    assert cut == ()


def test_gaps_are_sent_as_empty_values() -> None:
    assert parameters(Moment.ARRIVAL) == {"p1": "Connected", "p2": "", "p3": "+1415"}


def test_a_failed_call_tells_why() -> None:
    assert parameters(Moment.FAILED, reason=Reason.NO_AGENT) == {"p1": "Escalate", "p2": "", "p3": "no_agent"}


def test_a_handoff_brings_the_voice_agents_words_and_its_own_parameters_as_they_are() -> None:
    assert parameters(Moment.HANDOFF, reason=Reason.HANDOFF, handoff=HANDOFF) == {
        "p1": "queue",
        "p2": "billing",
        "p3": "asked",
        "p4": "s-9/h-1",
        **dict.fromkeys(("p5", "p6", "p7", "p8"), ""),
        "p9": "{raw}",
    }


def test_values_that_are_too_long_are_cut_and_named() -> None:
    long = Handoff("h-1", "c-1", "acme", "care", CONTACT, NOW, destination="d" * 30)
    found = brief().signal(Moment.HANDOFF, "s-1", NOW, handoff=long)
    assert found is not None
    assert found[1] == ("p1",)
    assert found[0].parameters["p1"] == "d" * 17 + "…"


def test_no_signal_at_a_moment_that_the_project_leaves_out() -> None:
    assert brief().signal(Moment.COMPLETED, "s-1", NOW, reason=Reason.COMPLETED) is None
    assert brief(to=project()).signal(Moment.ARRIVAL, "s-1", NOW) is None


def test_no_signal_without_a_contact() -> None:
    asked = invite("Subject: none")
    bridging = snapshot(SIGNALLING, carriers={"one": carrier(missing_contact_id="bridge")})
    found = Brief("c-1", "edge-1", admitted(asked, bridging), asked.message)
    assert found.signal(Moment.ARRIVAL, "s-1", NOW) is None


def test_placeholders_of_headers_are_filled_and_chosen_headers_are_passed_on_as_they_came() -> None:
    found = brief(
        "X-OrigDnis: 800",
        "User-to-User: 01;encoding=hex",
        "User-to-User: 02;encoding=hex",
        "X-Other: no",
        pass_headers=["X-OrigDnis", "User-to-User", "X-Absent"],
        headers={"X-Contact-Id": "{contact_id}", "X-Call": "{call_id}/{label.brand}/{label.none}{{}}"},
    )
    assert found.invite_headers() == [
        ("X-OrigDnis", "800"),
        ("User-to-User", "01;encoding=hex"),
        ("User-to-User", "02;encoding=hex"),
        ("X-Contact-Id", CONTACT),
        ("X-Call", "c-1/acme-uk/{}"),
    ]


def test_a_placeholder_that_stands_for_nothing_leaves_its_header_out() -> None:
    found = brief(headers={"X-Brand": "{label.none}", "X-Project": "{project}"})
    assert found.invite_headers() == [("X-Project", "care")]


def test_our_200_says_what_is_known_by_then() -> None:
    to = project(answer_headers={"X-Call-Id": "{call_id}", "X-Node": "{node}", "X-Empty": "{label.none}"})
    assert brief(to=to).answer_headers() == [("X-Call-Id", "c-1"), ("X-Node", "edge-1")]
    assert brief().answer_headers() == []


def test_whoever_takes_the_caller_back_learns_what_the_voice_agent_said() -> None:
    asked = {
        "X-Contact-Id": "{contact_id}",
        "X-Skill": "{skill}",
        "X-Why": "{reason}",
        "X-Id": "{handoff_id}",
    }
    to = project(handoff={"transfer_headers": asked})
    said = replace(HANDOFF, reason="line\r\nX-Evil: 1")
    assert brief(to=to).transfer_headers(said) == [
        ("X-Contact-Id", CONTACT),
        ("X-Skill", "billing"),
        ("X-Why", "lineX-Evil: 1"),
        ("X-Id", "h-1"),
    ]
    assert brief(to=to).transfer_headers(None) == [("X-Contact-Id", CONTACT)]


# -- handoff -------------------------------------------------------------------------------------------------

QUEUE = "sip:queue@cc.example"
BACK = {"method": "bridge", "target": "sip:nice@192.0.2.9", "refer_to_allowed": [QUEUE]}


def test_the_plan_is_what_the_project_wrote() -> None:
    assert brief().plan == Plan(targets=1)
    written = {
        "method": "refer",
        "targets": [{"uri": "sip:a@192.0.2.1"}, {"uri": "sip:b@192.0.2.1"}],
        "on_signal_failure": "keep",
        "finish_prompt": {},
    }
    planned = Plan(1, Method.REFER, back=2, on_failure=OnFailure.KEEP, finish_prompt=True)
    assert brief(to=project(handoff=written)).plan == planned
    assert brief(to=project(handoff=BACK)).plan == Plan(1, Method.BRIDGE, back=1)


def test_a_handoff_is_stored_as_it_was_asked_for() -> None:
    ask = Ask(
        destination="queue",
        skill="billing",
        reason="asked",
        parameters={"p9": "{raw}"},
        data={"intent": "refund"},
        shared_id="s-9",
    )
    found = brief().handoff(ask, Way.INFO, "h-1", NOW)
    assert found == replace(HANDOFF, data={"intent": "refund"}, way=Way.INFO)


@pytest.mark.parametrize(
    ("written", "refer_to", "target"),
    [
        (BACK, QUEUE, QUEUE),
        ({**BACK, "method": "refer"}, QUEUE, QUEUE),
        (BACK, "sip:queue@evil.example", ""),
        (BACK, "", ""),
        ({**BACK, "refer_to_allowed": []}, QUEUE, ""),
        ({**BACK, "method": "release"}, QUEUE, ""),
        ({}, QUEUE, ""),
    ],
)
def test_a_refer_names_the_target_only_where_the_project_lets_it(
    written: dict[str, object], refer_to: str, target: str
) -> None:
    found = brief(to=project(handoff=written)).handoff(Ask(), Way.REFER, "h-1", NOW, refer_to=refer_to)
    assert found.target == target


@pytest.mark.parametrize(
    ("line", "user"),
    [
        ("From: <sip:+14155550123@peer>;tag=1", "+14155550123"),
        ("From: <sip:jo.doe@peer>", "jo.doe"),
        ("From: <sip:anonymous@anonymous.invalid>", "anonymous"),
        ("From: <sip:a%22b@peer>", "anonymous"),
        ("From: <sip:josé@peer>", "anonymous"),
        (f"From: <sip:{'1' * 65}@peer>", "anonymous"),
        ("From: <sip:peer>", "anonymous"),
        ("Subject: no From", "anonymous"),
    ],
)
def test_the_caller_stands_in_our_from_where_it_can_not_break_it(line: str, user: str) -> None:
    assert brief(line).caller_user == user


@pytest.mark.parametrize(
    ("hops", "left"),
    [
        ("70", 69),
        ("2", 1),
        ("1", 0),
        ("0", 0),
        ("255", 254),
        ("", 69),
        ("x", 69),
        ("-1", 69),
        ("²", 69),
        ("9999", 69),
    ],
)
def test_the_voice_agents_invite_has_one_hop_less(hops: str, left: int) -> None:
    assert brief(f"Max-Forwards: {hops}").hops_left == left


def test_without_max_forwards_the_usual_number_counts() -> None:
    assert brief().hops_left == 69


def test_of_a_call_of_which_only_the_record_is_left_its_failure_is_signalled() -> None:
    signal = signal_after_the_fact(record(), SIGNALLING, "s-1", NOW, Reason.PROCESS_DIED)
    assert signal is not None
    assert (signal.moment, signal.call_id, signal.contact_id) == (Moment.FAILED, "c-1", CONTACT)
    assert signal.parameters == {"p1": "Escalate", "p2": "", "p3": "process_died"}
    assert signal_after_the_fact(record(), project(), "s-1", NOW, Reason.PROCESS_DIED) is None
    assert signal_after_the_fact(record(contact_id=""), SIGNALLING, "s-1", NOW, Reason.PROCESS_DIED) is None


def test_a_call_that_moves_keeps_all_that_is_not_said_anew() -> None:
    came = record(answered=1.0, version=3)
    assert came.moved("kept") == replace(came, state="kept", version=4)
    ended = came.moved("ended", ended=2.0, end="failed", reason="too_long")
    assert ended == replace(came, state="ended", ended=2.0, end="failed", reason="too_long", version=4)
    assert ended.moved("ended") == replace(ended, version=5)
