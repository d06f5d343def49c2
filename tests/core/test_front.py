# SPDX-License-Identifier: GPL-3.0-or-later
"""What a Kamailio in front is told: each agent with its weight, each source with its group, nothing twice."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from agent.core.front import address_list, dispatcher_list
from agent.core.frozen import FrozenDict
from agent.core.model.fleet import Fleet
from tests.core.examples import carrier, carriers, snapshot

EDGES = [
    {"name": "edge-1", "sip": "sip:10.0.0.11:5060", "weight": 3},
    {"name": "edge-2", "sip": "sip:[2001:db8::12]:5060;transport=tcp"},
]


def rows(text: str) -> list[str]:
    assert text.startswith("# Made by `handoff-agent kamailio`")
    assert text.endswith("\n")
    return [line for line in text.splitlines() if not line.startswith("#")]


def fleet(*nodes: object, **more: object) -> Fleet:
    return Fleet.model_validate({"nodes": list(nodes) or EDGES, **more})


def test_agents_are_asked_for_their_state_and_weighed_and_trunks_are_not_asked() -> None:
    assert rows(dispatcher_list(fleet(trunks=["sip:198.51.100.7:5060", "sip:trunk.example.com"]))) == [
        "1 sip:10.0.0.11:5060 8 0 rweight=3;duid=edge-1",
        "1 sip:[2001:db8::12]:5060;transport=tcp 8 0 rweight=1;duid=edge-2",
        "2 sip:198.51.100.7:5060 0 0 rweight=1",
        "2 sip:trunk.example.com 0 0 rweight=1",
    ]


def test_carriers_agents_and_trunks_are_groups_of_their_own() -> None:
    known = carriers(
        {
            "nice": {"sources": ["192.0.2.0/24", "2001:db8:1::/48"]},
            "other": {"sources": ["203.0.113.9"]},
        }
    )
    found = rows(address_list(snapshot(carriers=known), fleet(trunks=["sip:198.51.100.7", "sip:t.example"])))
    assert found == [
        "1 192.0.2.0 24 0 nice",
        "1 2001:db8:1:: 48 0 nice",
        "1 203.0.113.9 32 0 other",
        "2 10.0.0.11 32 0 edge-1",
        "2 2001:db8::12 128 0 edge-2",
        "3 198.51.100.7 32 0 trunk",
    ]


def test_an_address_of_a_carrier_is_written_as_its_network() -> None:
    settings = snapshot(carriers=FrozenDict({"one": carrier()}))
    assert rows(address_list(settings, fleet()))[0] == "1 192.0.2.0 24 0 one"


@pytest.mark.parametrize(
    ("nodes", "says"),
    [
        ([{"name": "a", "sip": "sip:edge.example:5060"}], "write its IP address"),
        ([{"name": "a", "sip": "sip:bot@10.0.0.1"}], "write its IP address"),
        ([{"name": "a", "sip": "sip:10.0.0.1", "weight": 0}], "greater than or equal to 1"),
        ([{"name": "a", "sip": "sip:10.0.0.1"}, {"name": "a", "sip": "sip:10.0.0.2"}], "a is there twice"),
        ([{"name": "a", "sip": "sip:10.0.0.1"}, {"name": "b", "sip": "sip:10.0.0.1"}], "is there twice"),
        ([{"name": "a", "sip": "sip:10.0.0.1"}, {"name": "b", "sip": "SIP:10.0.0.1:5060"}], "is there twice"),
        (
            [{"name": "a", "sip": "sip:10.0.0.1:5060"}, {"name": "b", "sip": "sip:10.0.0.1;transport=tcp"}],
            "sip:10.0.0.1;transport=tcp is there twice",
        ),
        (
            [{"name": "a", "sip": "sip:[2001:db8::1]"}, {"name": "b", "sip": "sip:[2001:DB8:0::1]"}],
            "is there twice",
        ),
    ],
)
def test_a_node_that_can_not_be_is_a_mistake(nodes: list[object], says: str) -> None:
    with pytest.raises(ValidationError, match=says):
        fleet(*nodes)
