# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the legs of a call may go, in which order, and with what."""

from __future__ import annotations

from agent.calls.destinations import Destinations
from agent.core.brief import Brief
from agent.core.model import Project
from agent.core.records import Handoff
from agent.core.sides import Side
from tests.core.examples import CONTACT, admitted, invite, snapshot
from tests.shell.harness.settings import AGENT, QUEUE, SECOND_AGENT, SECOND_QUEUE, back, care

HANDOFF = Handoff("h-1", "c-1", "acme", "care", CONTACT, 0.0, destination="sales")
ELSEWHERE = "sip:desk@10.0.0.7"


def destinations(project: Project, down: frozenset[str] = frozenset()) -> Destinations:
    came = invite(f"X-ContactID: {CONTACT}", "User-to-User: 6869")
    return Destinations(Brief("c-1", "edge-1", admitted(came, snapshot(project)), came.message), down)


def uris(found: Destinations, side: Side, handoff: Handoff | None = None) -> list[str]:
    return [target.uri for target in found.of(side, handoff)]


BOTH = care(AGENT, SECOND_AGENT, handoff=back("bridge", QUEUE, SECOND_QUEUE))


def test_each_side_has_its_own_in_the_order_of_their_priority() -> None:
    found = destinations(BOTH)
    assert uris(found, Side.AGENT) == [AGENT, SECOND_AGENT]
    assert uris(found, Side.TARGET) == [QUEUE, SECOND_QUEUE]


def test_one_that_answers_no_probe_comes_last_but_it_comes() -> None:
    found = destinations(BOTH, frozenset({AGENT, QUEUE}))
    assert uris(found, Side.AGENT) == [SECOND_AGENT, AGENT]
    assert uris(found, Side.TARGET) == [SECOND_QUEUE, QUEUE]


def test_where_the_handoff_names_one_it_is_tried_first_to_go_back_to() -> None:
    found = destinations(BOTH)
    named = Handoff("h-1", "c-1", "acme", "care", CONTACT, 0.0, target=ELSEWHERE)
    assert uris(found, Side.TARGET, named) == [ELSEWHERE, QUEUE, SECOND_QUEUE]
    assert uris(found, Side.TARGET, HANDOFF) == [QUEUE, SECOND_QUEUE]
    assert uris(found, Side.AGENT, named) == [AGENT, SECOND_AGENT]


def test_the_order_is_drawn_once_for_each_call() -> None:
    voice_agent = {"targets": [{"uri": f"sip:bot@10.0.1.{host}"} for host in range(20)]}
    found = destinations(care(voice_agent=voice_agent))
    assert uris(found, Side.AGENT) == uris(found, Side.AGENT)


def test_a_voice_agent_gets_the_project_s_headers_and_a_target_what_was_said() -> None:
    found = destinations(
        care(
            voice_agent={
                "targets": [{"uri": AGENT}],
                "headers": {"X-Contact": "{contact_id}"},
                "pass_headers": ["User-to-User"],
            },
            handoff=back("bridge", transfer_headers={"X-To": "{destination}", "X-Call": "{call_id}"}),
        )
    )
    assert found.headers(Side.AGENT) == [("User-to-User", "6869"), ("X-Contact", CONTACT)]
    assert found.headers(Side.TARGET, HANDOFF) == [("X-To", "sales"), ("X-Call", "c-1")]
    assert found.headers(Side.TARGET) == [("X-Call", "c-1")]
